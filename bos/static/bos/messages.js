// A person's page of messages: lets this browser take them, and knows its time zone.

/** @param {string} key base64url @returns {Uint8Array<ArrayBuffer>} */
function bytesOf(key) {
  const text = atob(key.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** @param {string} path @param {RequestInit} [request] */
async function ask(path, request) {
  const answer = await fetch(path, request);
  const body = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(body.message ?? `The server answers ${answer.status}.`);
  return body;
}

/** @param {HTMLElement} box */
function offer(box) {
  const button = /** @type {HTMLButtonElement} */ (box.querySelector("[data-subscribe]"));
  const told = /** @type {HTMLElement} */ (box.querySelector("[data-push-told]"));
  const { key = "", subscriptions = "", worker = "" } = box.dataset;
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    told.textContent = "This browser cannot show messages of a page that is closed.";
    return;
  }
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    told.textContent = "";
    try {
      await subscribe(key, subscriptions, worker);
      location.reload();
    } catch (error) {
      told.textContent = error instanceof Error ? error.message : String(error);
      button.disabled = false;
    }
  });
}

/** @param {string} key @param {string} subscriptions @param {string} worker */
async function subscribe(key, subscriptions, worker) {
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Error("The browser does not allow it: look at its settings for this site.");
  }
  const registration = await navigator.serviceWorker.register(worker);
  const { key: serverKey } = await ask(key);
  // One of another key of the server's, from before, would never be sent to again.
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  const subscription = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: bytesOf(serverKey),
  });
  const token = /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value;
  await ask(subscriptions, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(subscription),
  });
}

function offerZone() {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=time_zone]"));
  const button = /** @type {HTMLButtonElement | null} */ (document.querySelector("[data-here]"));
  const known = [...document.querySelectorAll("#time-zones option")].some((one) => one.getAttribute("value") === here);
  if (!field || !button || !known || field.value === here) return;
  button.textContent = `Use this device's: ${here}`;
  button.hidden = false;
  button.addEventListener("click", () => {
    field.value = here;
    button.hidden = true;
  });
}

const box = /** @type {HTMLElement | null} */ (document.querySelector("[data-push]"));
if (box) offer(box);
offerZone();
