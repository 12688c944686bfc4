// Wires the sign-in form, the connection and the board together.

import { Board } from "./board.js";
import { Connection } from "./connection.js";
import { Session } from "./session.js";

const HISTORY_DAYS = 90;
const NAME = document.title;
const find = (name) => document.querySelector(`[data-${name}]`);

const session = new Session();
const connection = new Connection((how) => session.accessToken(how));
const board = new Board(find("board"), find("templates"), (kpiId, value) =>
  connection.ask("KPI_UPDATE", { kpiId, value }),
);

// ------------------------------------------------------------------ what the server sends

const departments = new Set();

connection.addEventListener("message", ({ detail: message }) => {
  const { type, payload } = message;
  if (type === "SYNC_UPDATE") learn(payload);
  board.apply(message);
  find("sequence").textContent = connection.sequence ?? "–";
  if (type === "SYNC_COMPLETE" && board.lacksHistory) loadHistory();
});

function learn({ entityType, entityId, changeType, data }) {
  if (entityType === "organization") showName(data.name);
  // A department's channel brings what only the department sees; to others it is refused.
  if (entityType === "department") {
    departments.add(entityId);
    connection.follow(`department:${entityId}`);
  }
  // Who has moved may see other departments now.
  if (entityType === "employee" && data.userId === connection.userId && changeType !== "snapshot")
    departments.forEach((id) => connection.follow(`department:${id}`));
}

connection.addEventListener("unfollowed", ({ detail: { channel } }) => {
  const [kind, id] = channel.split(":");
  if (kind === "department") board.hideRestricted(id);
});

connection.addEventListener("anew", () => board.clear());

connection.addEventListener("refused", ({ detail }) => {
  session.forget();
  showSignIn(detail.message);
});

let loading = null;

/** One request at a time; one that fails is made again after the next sync. */
async function loadHistory() {
  loading ??= fetchHistory().finally(() => (loading = null));
  await loading;
}

async function fetchHistory() {
  try {
    const asker = connection.userId;
    const headers = { Authorization: `Bearer ${await session.accessToken()}` };
    const response = await fetch(`/api/kpis/history?days=${HISTORY_DAYS}`, { headers });
    const history = response.ok && (await response.json());
    if (history && session.signedIn && asker === connection.userId) board.showHistory(history);
  } catch {
    // The connection tells of it: the server is away, or the session has ended.
  }
}

// ------------------------------------------------------------------ the state of the connection

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", offline: "Offline" };
let counting = 0;

connection.addEventListener("state", ({ detail: { state, attempt, until, why } }) => {
  const shown = find("connection");
  clearInterval(counting);
  // Told once a change, not with each second that is counted down.
  if (shown.dataset.connection !== state) find("announcement").textContent = `${WORDS[state]}. ${why}`;
  shown.dataset.connection = state;
  shown.title = why;
  find("retry").hidden = state !== "reconnecting";
  find("board").classList.toggle("outdated", state !== "live");
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

// ------------------------------------------------------------------ signing in and out

find("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const { email, password } = Object.fromEntries(new FormData(form));
  find("problem").textContent = "";
  form.inert = true;
  try {
    await session.signIn(email, password);
    form.reset();
    begin();
    find("organization").focus();
  } catch (error) {
    // A browser's own TypeError says nothing to a person.
    find("problem").textContent = error instanceof TypeError ? "The server does not answer." : error.message;
  } finally {
    form.inert = false;
  }
});

for (const button of document.querySelectorAll("[data-demo]")) {
  button.addEventListener("click", () => {
    const form = find("sign-in");
    form.elements.email.value = button.dataset.demo;
    form.elements.password.value = button.dataset.password;
    form.requestSubmit();
  });
}

find("sign-out").addEventListener("click", () => {
  connection.stop();
  session.signOut();
  showSignIn("");
});

function showName(name) {
  find("organization").textContent = document.title = name;
}

function showBoard(shown) {
  find("sign-in-page").hidden = shown;
  for (const name of ["board", "sign-out", "account"]) find(name).hidden = !shown;
}

function showSignIn(problem) {
  board.clear();
  departments.clear();
  showName(NAME);
  showBoard(false);
  find("problem").textContent = problem;
  find("sign-in").elements.email.focus();
}

function begin() {
  board.clear();
  find("account").textContent = session.email;
  find("sequence").textContent = "–";
  showBoard(true);
  connection.start();
}

if (session.signedIn) begin();
