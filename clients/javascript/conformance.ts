// The driver of this client for clients/conformance: commands on stdin, reports on stdout.
//
//     python clients/conformance/run.py -- node clients/javascript/conformance.ts

import process from "node:process";
import { createInterface } from "node:readline";
import { type BosError, type Client, connect, passwordSession, type RequestName, type Requests, type ServerMessage, type TokenSource } from "./src/index.ts";

interface Command {
  do: "connect" | "subscribe" | "unsubscribe" | "request" | "join" | "cursor" | "store" | "close";
  as: string;
  url: string;
  pace: number;
  token?: string;
  tokens?: string[];
  email: string;
  password: string;
  channels: string[];
  type: RequestName;
  payload: Requests[RequestName];
  timeout?: number;
  sessionId: string;
  position: { x: number; y: number; z: number };
}

/** What a message says of its entity. */
type Subject = Partial<Record<"sequence" | "entityType" | "entityId", unknown>>;

let client: Client | null = null;

function report(event: string, more: object = {}): void {
  process.stdout.write(JSON.stringify({ event, ...more }) + "\n");
}

function tokenOf({ token, tokens, url, email, password }: Command): TokenSource {
  if (token !== undefined) return token;
  if (tokens === undefined) return passwordSession(url, email, password);
  let used = 0;
  return ({ fresh }) => tokens[fresh ? used = Math.min(used + 1, tokens.length - 1) : used];
}

function watch(watched: Client): void {
  watched.on("state", ({ state, reason }) => report("state", { state, error: reason?.name ?? null }));
  watched.on("message", tellMessage);
  watched.on("unsubscribed", (dropped) => report("unsubscribed", dropped));
  watched.on("unknown", ({ type }) => report("unknown", { type }));
  watched.on("problem", (error) => report("problem", { error: error.name, message: error.message }));
  watched.store.onChange(({ changes }) => {
    for (const { type, id, after } of changes) report("change", { entityType: type, entityId: id, after });
  });
}

function tellMessage({ type, payload }: ServerMessage): void {
  const { sequence, entityType, entityId } = (payload ?? {}) as Subject;
  if (sequence !== undefined) report("message", { type, sequence, entityType, entityId });
}

function tell(as: string, type: string, answer: Promise<unknown>): void {
  answer.then((payload) => report("answer", { as, type, payload })).catch((error: BosError & { sent?: boolean }) => {
    const { name, code, details, sent, message } = error;
    report("refused", { as, error: name, code, details, sent, message });
  });
}

const COMMANDS: Record<Command["do"], (command: Command) => void> = {
  connect(command) {
    client = connect({ url: command.url, token: tokenOf(command), pace: command.pace });
    watch(client);
  },
  subscribe: ({ channels }) => void client?.subscribe(...channels).catch(() => {}), // `unsubscribed` tells
  unsubscribe: ({ channels }) => client?.unsubscribe(...channels),
  request: ({ as, type, payload, timeout }) => client && tell(as, type, client.request(type, payload, { timeout })),
  join: ({ as, sessionId }) => client && tell(as, "SESSION_JOINED", client.joinSession(sessionId).then((session) => ({ sessionId: session.id }))),
  cursor: ({ sessionId, position }) => client?.session(sessionId)?.moveCursor(position),
  store: () => report("store", { entities: client?.store.toJSON() ?? {} }),
  close() {
    client?.close();
    client = null;
    setTimeout(report, 0, "closed"); // after what its promises report
  },
};

// A WebSocket does not say by which status a handshake was refused.
const { Deno } = globalThis as { Deno?: { version: { deno: string } } };
const platform = Deno ? `deno ${Deno.version.deno}` : `node ${process.version}`;
report("ready", { client: `@bos/client on ${platform}`, cannot: ["handshake"] });
createInterface({ input: process.stdin }).on("line", (line) => {
  const command: Command = JSON.parse(line);
  COMMANDS[command.do](command);
});
