// Passkeys: the browser's part in adding one, in proving it, and in signing in with it alone.

const UNABLE = "This browser cannot use passkeys here.";
const STOPPED = "No passkey was used. Please try again.";

/** @typedef {{creation_options?: Options, request_options?: Options}} Told */
/** @typedef {{publicKey: any}} Options */

/** What the server has written into the page.
 *
 * @returns {Told}
 */
function written() {
  return JSON.parse(document.getElementById("passkey-options")?.textContent ?? "{}");
}

/** @param {Options | undefined} options */
async function proved(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options?.publicKey);
  return await navigator.credentials.get({ publicKey });
}

/** @type {Record<string, (form: HTMLFormElement) => Promise<Credential | null>>} by `data-passkey` of the form */
const ceremonies = {
  async add(form) {
    const options = written().creation_options?.publicKey;
    const alone = form.querySelector("[name=passwordless]");
    const isAlone = alone instanceof HTMLInputElement && alone.checked;
    options.authenticatorSelection = {
      ...options.authenticatorSelection,
      residentKey: isAlone ? "required" : "discouraged",
      requireResidentKey: isAlone,
      ...(isAlone ? { userVerification: "required" } : {}),
    };
    return await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  },
  prove: () => proved(written().request_options),
  async login(form) {
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error("The server does not answer.");
    /** @type {Told} */
    const told = await answer.json();
    return await proved(told.request_options);
  },
};

/** @param {HTMLFormElement} form */
async function perform(form) {
  const problem = form.querySelector("[data-problem]");
  const credential = form.querySelector("[name=credential]");
  if (!problem || !(credential instanceof HTMLInputElement)) return;
  problem.textContent = "";
  if (typeof PublicKeyCredential?.parseRequestOptionsFromJSON !== "function") {
    problem.textContent = UNABLE;
    return;
  }
  try {
    const made = await ceremonies[form.dataset.passkey ?? ""](form);
    credential.value = JSON.stringify(made);
    form.submit();
  } catch {
    problem.textContent = STOPPED; // cancelled, timed out, or there is none for this page
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form instanceof HTMLFormElement) perform(form);
  });
}
