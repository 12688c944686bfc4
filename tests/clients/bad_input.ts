// What must not be: each told by an error of its own kind, and nothing goes on for ever.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { type BosError, connect, type Options, passwordSession, type State } from "../../clients/javascript/src/index.ts";

const { url, token, email, kpi } = JSON.parse(process.argv[2]);
const said: Record<string, unknown> = {};

/** Connect until the client is in this state; the error that it says. */
function ending(options: Options, wanted: State["state"] = "stopped"): Promise<string> {
  const client = connect(options);
  return new Promise((resolve) =>
    client.on("state", ({ state, reason }) => {
      if (state !== wanted) return;
      client.close();
      resolve(`${reason?.name} ${reason?.code}`);
    })
  );
}

said.wrongToken = await ending({ url, token: "no.such.token" });
said.wrongPassword = await ending({ url, token: passwordSession(url, email, "not it") });
const other = createServer((_, answer) => answer.writeHead(404).end("no BOS here")).listen(0, "127.0.0.1");
await new Promise((resolve) => other.once("listening", resolve));
const otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
said.notBos = await ending({ url: otherUrl, token });
other.close();
said.nobody = await ending({ url: otherUrl, token }, "waiting");
try {
  connect({ url: "ftp://127.0.0.1", token });
} catch (error) {
  said.noAddress = (error as BosError).name;
}

// A clock that is a day ahead, or behind: a token's life is told by the server's own times.
const now = Date.now;
for (const days of [-1, 1]) {
  Date.now = () => now() + days * 86_400_000;
  const client = connect({ url, token: () => token });
  const { organizationId } = await client.whoami();
  await client.subscribe(`organization:${organizationId}`);
  said[`clock ${days}`] = [client.state.state, client.store.kpis.has(kpi)];
  const answer = client.request("KPI_UPDATE", { kpiId: kpi, value: 5 }).then(() => "served", (error: BosError & { sent: boolean }) => `${error.name} ${error.sent}`);
  client.close();
  const late = client.request("KPI_UPDATE", { kpiId: kpi, value: 6 }).catch((error: BosError & { sent: boolean }) => `${error.name} ${error.sent}`);
  said[`closed ${days}`] = [await answer, await late];
}

// Closed by whoever hears of a state, it stays closed: at this pace its patience ends within 0.1 s.
for (const closing of ["connecting", "authenticating", "syncing", "live"]) {
  const client = connect({ url, token, pace: 0.01 });
  const states: string[] = [];
  client.on("state", ({ state }) => {
    states.push(state);
    if (state === closing) client.close();
  });
  await new Promise<void>((resolve) => client.on("state", ({ state }) => state === "stopped" && resolve()));
  await new Promise((resolve) => setTimeout(resolve, 200));
  said[`closed while ${closing}`] = states.at(-1);
}
process.stdout.write(JSON.stringify(said));
