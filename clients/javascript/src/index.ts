// @bos/client: connects to BOS, and keeps what it promises: nothing lost, nothing twice.

export { type Client, connect, type Events, type Options, type User } from "./client.ts";
export type { Pointer } from "./cursors.ts";
export * from "./errors.ts";
export type { SocketClass, State, StateName, TokenSource } from "./link.ts";
export type { Storage } from "./lock.ts";
export type * from "./protocol.ts";
export type { HowToAsk, RequestName } from "./requests.ts";
export type { Note, Session } from "./session.ts";
export type { Change, ChangeEvent, Store, View } from "./store.ts";
export { passwordSession, type SessionOptions, StoredSession } from "./tokens.ts";
