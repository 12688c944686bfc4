// Wires the sign-in form, the connection and the board together.

import { Board } from "./board.js";
import { Connection } from "./connection.js";
import { Session, SignInRefused } from "./session.js";

const DEMO_PASSWORD = "bos-demo-2026";
const HISTORY_DAYS = 90;
const find = (name) => document.querySelector(`[data-${name}]`);

const session = new Session();
const connection = new Connection(async (how) => {
  try {
    return await session.accessToken(how);
  } catch (error) {
    if (error instanceof SignInRefused) error.name = "SignInRefused";
    throw error;
  }
});
const board = new Board(find("board"), find("card-template"), (kpiId, value) =>
  connection.ask("KPI_UPDATE", { kpiId, value }),
);

connection.addEventListener("state", ({ detail }) => {
  find("connection").dataset.connection = detail.state;
  find("connection-text").textContent = detail.text;
});

connection.addEventListener("message", ({ detail: message }) => {
  const { type, payload } = message;
  if (type === "SYNC_UPDATE" && payload.entityType === "organization") {
    find("organization").textContent = document.title = payload.data.name;
  }
  // A department's channel brings what only the department sees; for others it is refused.
  if (type === "SYNC_UPDATE" && payload.entityType === "department") connection.follow(`department:${payload.entityId}`);
  board.apply(message);
  find("sequence").textContent = connection.sequence ?? payload?.sequence ?? "–";
});

connection.addEventListener("anew", () => board.clear());

connection.addEventListener("refused", ({ detail }) => {
  session.forget();
  showSignIn(detail.message);
});

find("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  find("problem").textContent = "";
  try {
    await session.signIn(form.get("email"), form.get("password"));
    event.target.reset();
    begin();
  } catch (error) {
    find("problem").textContent = error instanceof SignInRefused ? error.message : "The server does not answer.";
  }
});

for (const button of document.querySelectorAll("[data-demo]")) {
  button.addEventListener("click", () => {
    const form = find("sign-in");
    form.email.value = button.dataset.demo;
    form.password.value = DEMO_PASSWORD;
    form.requestSubmit();
  });
}

find("sign-out").addEventListener("click", async () => {
  connection.stop();
  await session.signOut();
  showSignIn("");
});

function showSignIn(problem) {
  find("problem").textContent = problem;
  find("sign-in").hidden = false;
  find("board").hidden = find("sign-out").hidden = true;
}

async function begin() {
  find("sign-in").hidden = true;
  find("board").hidden = find("sign-out").hidden = false;
  board.clear();
  connection.start();
  const headers = { Authorization: `Bearer ${await session.accessToken()}` };
  const response = await fetch(`/api/kpis/history?days=${HISTORY_DAYS}`, { headers });
  if (response.ok) board.showHistory(await response.json());
}

if (session.signedIn) begin();
