// Wires the sign-in form, the client and the board together.

import { Board } from "./board.js";
// @ts-types="../../../clients/javascript/src/index.ts"
import { BosError, connect, StoredSession } from "./client/index.js";
import { only, part } from "./dom.js";
import { askedFor, download } from "./report.js";

const HISTORY_DAYS = 90;
const NOTICE_MS = 10_000;
const LOST = 1006; // what a browser calls a loss without a word of the server
const NAME = document.title;
const find = (/** @type {string} */ name) => part(document, name);
const signInForm = part(document, "sign-in", HTMLFormElement);

const session = new StoredSession({ url: location.origin });
/** @type {Client | null} of the user who is signed in */
let client = null;
const EDITORS = new Set(["manager", "admin"]); // of every KPI; others edit those that they own
const board = new Board(find("board"), part(document, "templates", HTMLTemplateElement), {
  setValue,
  mayEdit: ({ ownerId }) => EDITORS.has(client?.user?.role ?? "viewer") || ownerId === client?.user?.id,
});

/** Rejected with what a person can read.
 *
 * @param {string} kpiId
 * @param {number} value
 * @param {{signal: AbortSignal}} how
 */
async function setValue(kpiId, value, how) {
  if (client === null) throw new Error("Not connected: nothing was changed.");
  try {
    await client.request("KPI_UPDATE", { kpiId, value }, how);
  } catch (error) {
    // Of what they typed counts what is wrong with it, not how it was sent.
    const { field, reason } = /** @type {BosError} */ (error).details ?? {};
    throw reason && field?.startsWith("payload.") ? new Error(`${reason}.`) : error;
  }
}

// ------------------------------------------------------------------ what the server sends

/** Begin to show what this user may see. */
function follow() {
  const followed = connect({ url: location.origin, token: session.token });
  client = followed;
  followed.on("user", (user) => {
    showUser(user);
    followed.subscribe(`organization:${user.organizationId}`).catch(() => {}); // the state tells of it
  });
  followed.store.onChange(({ changes }) => {
    for (const change of changes) {
      if (change.type === "organization" && change.after) showName(change.after.name);
      learn(followed, change);
    }
    board.apply(changes);
    if (board.lacksHistory && changes.some(({ type, before }) => type === "kpi" && before === null)) loadHistory();
    showProgress(followed);
  });
  followed.on("message", ({ type, payload }) => {
    if (type === "SYNC_UPDATE" && payload.entityType === "kpi" && payload.changeType === "created") board.flash(payload.entityId);
    showProgress(followed);
  });
  followed.on("state", (state) => {
    showState(state);
    if (state.state === "live") showProgress(followed);
    if (state.state === "stopped" && state.reason) {
      session.forget();
      showSignIn(state.reason.message);
    }
  });
}

/**
 * @param {Client} followed
 * @param {Change} change
 */
function learn(followed, change) {
  const { departments } = followed.store;
  // A department's channel brings what only the department sees; to others it is refused.
  if (change.type === "department" && change.after && !change.before) followDepartments(followed, [change.after.id]);
  // Who has moved may see other departments now.
  if (change.type !== "employee" || !change.before || change.after?.userId !== followed.user?.id) return;
  if (change.before.departmentId !== change.after?.departmentId) followDepartments(followed, [...departments.keys()]);
}

/**
 * @param {Client} followed
 * @param {string[]} ids
 */
function followDepartments(followed, ids) {
  for (const id of ids) followed.subscribe(`department:${id}`).catch(() => {}); // most are refused
}

/** @param {Client} followed */
function showProgress(followed) {
  find("sequence").textContent = `${followed.sequence ?? "–"}`;
  if (followed.sequence !== null) showEmptiness();
}

/** @type {Promise<void> | null} */
let loading = null;

/** One request at a time; one that fails is made again after the next sync. */
async function loadHistory() {
  loading ??= fetchHistory().finally(() => (loading = null));
  await loading;
}

async function fetchHistory() {
  try {
    const asker = client?.user?.id;
    /** @type {KpiHistory} */
    const history = {};
    /** @type {string | undefined} */
    let address = `/api/kpis/history?days=${HISTORY_DAYS}`;
    while (address) {
      const headers = { Authorization: `Bearer ${await session.token()}` };
      const response = await fetch(address, { headers });
      if (!response.ok) return;
      Object.assign(history, await response.json());
      // Of a large organization it comes in several answers.
      address = /<([^>]+)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
    }
    if (session.signedIn && asker === client?.user?.id) board.showHistory(history);
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
/** @type {Partial<Record<StateName, keyof typeof WORDS>>} */
const SHOWN = { live: "live", unsure: "unsure", waiting: "reconnecting", offline: "reconnecting", stopped: "offline" };
let counting = 0;

/** @param {State} state */
function showState({ state, attempt, until, reason }) {
  const shown = find("connection");
  const now = SHOWN[state] ?? "connecting";
  const why = wordsOf(reason);
  clearInterval(counting);
  // Told once a change, not with each second that is counted down.
  if (shown.dataset.connection !== now) find("announcement").textContent = `${WORDS[now]}. ${why}`;
  shown.dataset.connection = now;
  shown.title = why;
  find("retry").hidden = now !== "reconnecting";
  find("board").classList.toggle("outdated", now !== "live");
  board.connected(now === "live");
  if (now !== "connecting") say("connection", now === "reconnecting" ? why : "");
  if (!until) return void (find("connection-text").textContent = WORDS[now].toLowerCase());
  const count = () => {
    const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    find("connection-text").textContent = `reconnecting in ${seconds} s (attempt ${attempt})`;
  };
  count();
  counting = setInterval(count, 1000);
}

/** What the server has said; a loss without a word is plain to see.
 *
 * @param {BosError | null} reason
 */
function wordsOf(reason) {
  if (!reason) return "";
  return (reason.details.closeCode ?? LOST) === LOST && reason.name === "ConnectionLost" ? "" : reason.message;
}

find("retry").addEventListener("click", () => client?.retryNow());

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
  let asksForCode = false;
  try {
    await session.signIn(`${typed.get("email")}`, `${typed.get("password")}`, `${typed.get("code")}`);
    form.reset();
    find("code").hidden = true;
    begin();
    find("organization").focus();
  } catch (error) {
    find("problem").textContent = words(error);
    asksForCode = error instanceof BosError && ["MFA_REQUIRED", "INVALID_CODE"].includes(error.code);
  } finally {
    form.inert = false;
    if (asksForCode) askForCode();
  }
});

function askForCode() {
  find("code").hidden = false;
  field("code").value = "";
  field("code").focus();
}

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
  disconnect();
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

/** @param {User} user */
function showUser({ name, role }) {
  find("account").textContent = `${name} · ${role}`;
  find("account").title = session.email;
}

/** An organization without KPIs is no fault: say what to do. */
function showEmptiness() {
  find("empty").hidden = !board.isEmpty;
  if (!board.isEmpty) return;
  const isAdmin = client?.user?.role === "admin";
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
  disconnect();
  board.clear();
  showName(NAME);
  showBoard(false);
  find("problem").textContent = problem;
  field("email").focus();
}

function disconnect() {
  const followed = client;
  client = null;
  followed?.close();
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
  disconnect();
  follow();
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
    await download(path, await session.token());
    say("report", "The report has been downloaded.");
    setTimeout(say, NOTICE_MS, "report", "");
  } catch (error) {
    say("report", words(error));
  }
}

// ------------------------------------------------------------------ a session of the server's own pages

/** Be signed in as the session is that this page was served to; whether there is one. */
async function takeUp() {
  const told = document.querySelector("meta[name=session]");
  if (!(told instanceof HTMLMetaElement)) return false;
  try {
    await session.takeUp(told.dataset.csrf ?? "", told.content);
    return true;
  } catch (error) {
    find("problem").textContent = words(error);
    return false;
  }
}

if (session.signedIn || (report && (await session.adopt())) || (await takeUp())) begin();
else if (report) find("problem").textContent = "Sign in to open the report.";
