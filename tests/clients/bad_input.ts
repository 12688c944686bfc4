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

// What cannot be sent, or not be asked for, is refused at once, and harms nothing beside it.
const client = connect({ url, token });
const names = [undefined, "", "kpi:\ud800", `kpi:${"x".repeat(197)}`, `kpi:${"x".repeat(196)}`] as string[];
const refused = (error: BosError) => `${error.name} ${error.code ?? ""}`;
said.unsendable = await client.request("KPI_UPDATE", { kpiId: kpi, value: 1n as unknown as number }).catch(refused);
said.names = await Promise.all(names.map((name) => client.subscribe(name).catch(refused)));
const listening = new AbortController();
let listeners = 0;
const { addEventListener, removeEventListener } = listening.signal;
Object.assign(listening.signal, {
  addEventListener: (...how: Parameters<typeof addEventListener>) => (listeners++, addEventListener.apply(listening.signal, how)),
  removeEventListener: (...how: Parameters<typeof removeEventListener>) => (listeners--, removeEventListener.apply(listening.signal, how)),
});
await client.request("KPI_UPDATE", { kpiId: kpi, value: 7 }, { signal: listening.signal });
said.listeners = listeners;
const session = await client.createSession({ title: "Round", activeSpace: "harbor" });
said.leave = await session.leave("nobody").catch(refused);
said.stillThere = [session.joined, session.participants.length];
await session.leave();
said.left = [session.joined, client.channels.length, client.pending];
client.close();
process.stdout.write(JSON.stringify(said));
