// Wires the sign-in form, the connection and the board together.

import { Board } from "./board.js";
import { Connection } from "./connection.js";
import { only, part } from "./dom.js";
import { askedFor, download } from "./report.js";
import { Session } from "./session.js";

const HISTORY_DAYS = 90;
const NOTICE_MS = 10_000;
const NAME = document.title;
const find = (/** @type {string} */ name) => part(document, name);
const signInForm = part(document, "sign-in", HTMLFormElement);

const session = new Session();
const connection = new Connection((how) => session.accessToken(how));
const EDITORS = new Set(["manager", "admin"]); // of every KPI; others edit those that they own
const board = new Board(find("board"), part(document, "templates", HTMLTemplateElement), {
  setValue: (kpiId, value, { signal }) => connection.ask("KPI_UPDATE", { kpiId, value }, { signal }),
  mayEdit: ({ ownerId }) => EDITORS.has(connection.user?.role ?? "viewer") || ownerId === connection.user?.id,
});

// ------------------------------------------------------------------ what the server sends

/** @type {Set<string>} */
const departments = new Set();

connection.on("message", (message) => {
  const { type, payload } = message;
  if (type === "SYNC_UPDATE") learn(payload);
  board.apply(message);
  find("sequence").textContent = `${connection.sequence ?? "–"}`;
  if (type === "AUTH_SUCCESS") showUser(payload);
  if (type === "SYNC_COMPLETE" && board.lacksHistory) loadHistory();
  if (connection.sequence !== null) showEmptiness();
});

/** @param {Update} update */
function learn({ entityType, entityId, changeType, data }) {
  if (entityType === "organization") showName(data.name);
  // A department's channel brings what only the department sees; to others it is refused.
  if (entityType === "department") {
    departments.add(entityId);
    connection.follow(`department:${entityId}`);
  }
  // Who has moved may see other departments now.
  if (entityType === "employee" && data.userId === connection.user?.id && changeType !== "snapshot")
    departments.forEach((id) => connection.follow(`department:${id}`));
}

connection.on("unfollowed", ({ channel }) => {
  const [kind, id] = channel.split(":");
  if (kind === "department") board.hideRestricted(id);
});

connection.on("anew", () => board.clear());

connection.on("refused", ({ message }) => {
  session.forget();
  showSignIn(message);
});

/** @type {Promise<void> | null} */
let loading = null;

/** One request at a time; one that fails is made again after the next sync. */
async function loadHistory() {
  loading ??= fetchHistory().finally(() => (loading = null));
  await loading;
}

async function fetchHistory() {
  try {
    const asker = connection.user?.id;
    /** @type {KpiHistory} */
    const history = {};
    /** @type {string | undefined} */
    let address = `/api/kpis/history?days=${HISTORY_DAYS}`;
    while (address) {
      const headers = { Authorization: `Bearer ${await session.accessToken()}` };
      const response = await fetch(address, { headers });
      if (!response.ok) return;
      Object.assign(history, await response.json());
      // Of a large organization it comes in several answers.
      address = /<([^>]+)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
    }
    if (session.signedIn && asker === connection.user?.id) board.showHistory(history);
  } catch {
    // The connection tells of it: the server is away, or the session has ended.
  }
}

// ------------------------------------------------------------------ the state of the connection

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  unsure: "No answer",
  reconnecting: "Reconnecting",
  offline: "Signed out",
};
let counting = 0;

connection.on("state", ({ state, attempt, until, why }) => {
  const shown = find("connection");
  clearInterval(counting);
  // Told once a change, not with each second that is counted down.
  if (shown.dataset.connection !== state) find("announcement").textContent = `${WORDS[state]}. ${why}`;
  shown.dataset.connection = state;
  shown.title = why;
  find("retry").hidden = state !== "reconnecting";
  find("board").classList.toggle("outdated", state !== "live");
  board.connected(state === "live");
  if (state === "live") showEmptiness();
  if (state !== "connecting") say("connection", state === "reconnecting" ? why : "");
  if (!until) return void (find("connection-text").textContent = WORDS[state].toLowerCase());
  const count = () => {
    const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    find("connection-text").textContent = `reconnecting in ${seconds} s (attempt ${attempt})`;
  };
  count();
  counting = setInterval(count, 1000);
});

find("retry").addEventListener("click", () => connection.retryNow());
addEventListener("online", () => connection.retryNow());
addEventListener("offline", () => connection.doubt());

/** A word to the user about this, in place of any other; "" takes back what was said about it.
 *
 * @param {string} about
 * @param {string} text
 */
function say(about, text) {
  const notice = find("notice");
  if (!text && notice.dataset.notice !== about) return;
  notice.dataset.notice = about;
  notice.textContent = text;
  notice.hidden = !text;
}

// ------------------------------------------------------------------ signing in and out

signInForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = signInForm;
  const typed = new FormData(form);
  find("problem").textContent = "";
  form.inert = true;
  try {
    await session.signIn(`${typed.get("email")}`, `${typed.get("password")}`);
    form.reset();
    begin();
    find("organization").focus();
  } catch (error) {
    find("problem").textContent = words(error);
  } finally {
    form.inert = false;
  }
});

/** @param {string} name */
function field(name) {
  return only(signInForm, `input[name=${name}]`, HTMLInputElement);
}

for (const button of document.querySelectorAll("button[data-demo]")) {
  button.addEventListener("click", () => {
    const { demo = "", password = "" } = /** @type {HTMLButtonElement} */ (button).dataset;
    field("email").value = demo;
    field("password").value = password;
    signInForm.requestSubmit();
  });
}

find("sign-out").addEventListener("click", () => {
  board.forgetDrafts();
  connection.stop();
  session.signOut();
  showSignIn("");
});

/** A browser's own TypeError says nothing to a person.
 *
 * @param {unknown} error
 */
function words(error) {
  return error instanceof Error && !(error instanceof TypeError) ? error.message : "The server does not answer.";
}

/** @param {string} name */
function showName(name) {
  find("organization").textContent = document.title = name;
}

/** @param {SignedIn} user */
function showUser({ userName, role }) {
  find("account").textContent = `${userName} · ${role}`;
  find("account").title = session.email;
}

/** An organization without KPIs is no fault: say what to do. */
function showEmptiness() {
  find("empty").hidden = !board.isEmpty;
  if (!board.isEmpty) return;
  const isAdmin = connection.user?.role === "admin";
  const link = Object.assign(document.createElement("a"), { href: "/admin/kpis/kpi/", textContent: "in the admin" });
  find("empty-reason").replaceChildren(
    ...(isAdmin ? ["Add them, or import a file, ", link, "."] : ["None that you may see. An administrator of your organization can add some."]),
    " They appear here by themselves.",
  );
}

/** @param {boolean} shown */
function showBoard(shown) {
  find("sign-in-page").hidden = shown;
  find("empty").hidden = true;
  for (const name of ["board", "sign-out", "account"]) find(name).hidden = !shown;
}

/** @param {string} problem */
function showSignIn(problem) {
  board.clear();
  departments.clear();
  showName(NAME);
  showBoard(false);
  find("problem").textContent = problem;
  field("email").focus();
}

/** @type {string | null} */
let lastEmail = null;

function begin() {
  board.clear();
  if (session.email !== lastEmail) board.forgetDrafts();
  lastEmail = session.email;
  find("account").textContent = session.email;
  find("sequence").textContent = "–";
  showBoard(true);
  connection.start();
  if (report) openReport();
}

// ------------------------------------------------------------------ a report that a link leads to

let report = askedFor();

async function openReport() {
  const path = report;
  if (path === null) return;
  report = null;
  history.replaceState(null, "", "/");
  try {
    await download(path, await session.accessToken());
    say("report", "The report has been downloaded.");
    setTimeout(say, NOTICE_MS, "report", "");
  } catch (error) {
    say("report", words(error));
  }
}

if (session.signedIn || (report && (await session.adopt()))) begin();
else if (report) find("problem").textContent = "Sign in to open the report.";
