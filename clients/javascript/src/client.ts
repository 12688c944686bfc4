// The client: what an application has to do with.

import { addressesOf } from "./addresses.ts";
import { type Batch, Channels, isSnapshot } from "./channels.ts";
import { Deliveries } from "./deliveries.ts";
import { Emitter } from "./emitter.ts";
import { ClosedError, type ProtocolError, RequestRefused } from "./errors.ts";
import { Link, type SocketClass, type State, type TokenSource } from "./link.ts";
import type { AuthSuccess, CursorMove, CursorMoved, Replies, Requests as Payloads, ServerMessage, SessionCreate } from "./protocol.ts";
import { type HowToAsk, type RequestName, Requests } from "./requests.ts";
import { Session } from "./session.ts";
import { Store } from "./store.ts";

/** What the connection says of itself: no event for the application. */
const OF_THE_CONNECTION = [
  ...["SUBSCRIBED", "UNSUBSCRIBED", "SYNC_START", "SYNC_COMPLETE", "SYNC_ERROR"],
  ...["ERROR", "PONG", "RATE_LIMIT", "CURSOR_MOVE"],
];

export interface Options {
  /** Of the server: `https://bos.example`, or its `wss://bos.example/v1/ws`. */
  url: string;
  /** An access token, or what gives one: see `passwordSession` and `StoredSession`. */
  token: TokenSource;
  /** Where the platform has none: the package `ws` for Node before 22. */
  WebSocket?: SocketClass;
  fetch?: typeof fetch;
  /** For tests: all durations are multiplied by it. */
  pace?: number;
}

/** The user who is signed in. */
export interface User {
  id: string;
  name: string;
  role: string;
  organizationId: string;
}

/** What a client tells of. */
export interface Events {
  state: State;
  /** Signed in, for the first time or again. */
  user: User;
  /** Each event of what is followed, once and in order; of what was missed, by SYNC_UPDATE and SYNC_DELETE. */
  message: ServerMessage;
  /** Another participant of a session points somewhere. */
  cursor: CursorMoved;
  /** The server has refused, or ended, that a channel is followed. */
  unsubscribed: { channel: string; reason: string | null };
  /** A message of a type that this client does not know: it is ignored. */
  unknown: { type: string };
  /** Something has come that must not come: it is ignored. */
  problem: ProtocolError;
}

/** Connect to a server, and stay connected until `close()`. */
export function connect(options: Options): Client {
  return new Client(options);
}

export class Client {
  readonly store = new Store();
  /** The user who is signed in, as the server says. */
  user: User | null = null;
  #emitter = new Emitter<Events>();
  #link: Link;
  #channels: Channels;
  #requests: Requests;
  #deliveries = new Deliveries();
  #sessions = new Map<string, Session>();
  #rejoining = new Set<string>();
  #leaving = new Set<string>();
  #pace: number;

  constructor({ url, token, WebSocket = platformSocket(), fetch = globalThis.fetch.bind(globalThis), pace = 1 }: Options) {
    this.#pace = pace;
    this.#requests = new Requests(pace, (...message) => this.#link.send(...message));
    this.#channels = new Channels(pace, {
      send: (...message) => this.#link.send(...message),
      apply: (batch) => this.#apply(batch),
      complete: () => this.#link.live(),
      dropped: (channel, reason) => this.#emitter.emit("unsubscribed", { channel, reason }),
      trim: () => this.store.retain(this.#channels.pictured),
      abandon: (reason) => this.#link.abandon(reason),
    });
    this.#link = new Link({ addresses: addressesOf(url), token, WebSocket, fetch, pace }, {
      state: (state) => this.#stateIs(state),
      signedIn: (payload, first) => this.#signedIn(payload, first),
      unserved: (lost) => {
        this.#requests.pause({ lost });
        this.#channels.pause({ lost });
      },
      message: (message) => this.#take(message),
      unknown: (type) => this.#emitter.emit("unknown", { type }),
      problem: (error) => this.#emitter.emit("problem", error),
    });
    // Whoever has called this listens first.
    queueMicrotask(() => this.state.state === "idle" && this.#link.start());
  }

  get state(): State {
    return this.#link.state;
  }

  /** The last event that was applied, or null. */
  get sequence(): number | null {
    return this.#channels.cursor;
  }

  /** The channels that are followed, or will be. */
  get channels(): string[] {
    return this.#channels.wanted;
  }

  /** Call `listener` with what each event of this name says; call what is returned to stop it. */
  on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  /** Return the user, once signed in. */
  whoami(): Promise<User> {
    if (this.user) return Promise.resolve(this.user);
    if (this.#isStopped) return Promise.reject(this.state.reason ?? this.#closedError(false));
    return new Promise((resolve, reject) => {
      const stop = [
        this.on("user", (user) => end(() => resolve(user))),
        this.on("state", ({ state, reason }) => state === "stopped" && end(() => reject(reason ?? this.#closedError(false)))),
      ];
      const end = (settle: () => void) => {
        for (const one of stop) one();
        settle();
      };
    });
  }

  /** Follow these channels from now on; resolves when what they show is in the store. */
  subscribe(...channels: string[]): Promise<void> {
    if (this.#isStopped) return Promise.reject(this.#closedError(false));
    return this.#channels.subscribe(channels);
  }

  /** Follow these channels no longer: what only they show leaves the store. */
  unsubscribe(...channels: string[]): void {
    this.#channels.unsubscribe(channels);
  }

  /** Make a request; resolves with its answer.
   *
   * Offline it waits for the connection, and lost on the way it is sent again: it has one effect.
   * Rejected with RequestRefused where the server refuses it, with GivenUp after five minutes.
   */
  request<T extends RequestName>(type: T, payload: Payloads[T], how?: HowToAsk): Promise<Replies[T]> {
    if (this.#isStopped) return Promise.reject(this.#closedError(false));
    return this.#requests.add(type, payload, how);
  }

  /** How many requests have no answer yet. */
  get pending(): number {
    return this.#requests.size;
  }

  /** Do not wait for the next attempt to connect. */
  retryNow(): void {
    this.#link.retryNow();
  }

  /** End it: what waits for an answer is rejected with ClosedError. */
  close(): void {
    this.#link.stop(null);
  }

  // ---------------------------------------------------------------- sessions

  /** Take part in a session, now and after each reconnect; resolves when the store shows it. */
  async joinSession(sessionId: string): Promise<Session> {
    await this.request("SESSION_JOIN", { sessionId });
    return this.#enter(sessionId);
  }

  /** Start a session and take part in it as its host. */
  async createSession(payload: SessionCreate): Promise<Session> {
    const { sessionId } = await this.request("SESSION_CREATE", payload);
    return this.#enter(sessionId);
  }

  /** Return the session of this id, if the user takes part in it here. */
  session(sessionId: string): Session | undefined {
    return this.#sessions.get(sessionId);
  }

  async #enter(sessionId: string): Promise<Session> {
    const session = this.#sessions.get(sessionId) ?? new Session(sessionId, this, this.#pace);
    this.#sessions.set(sessionId, session);
    await this.subscribe(channelOf(sessionId));
    return session;
  }

  /** See `Session.leave`. */
  async leaveSession(sessionId: string, newHostId?: string): Promise<void> {
    this.#leaving.add(sessionId);
    try {
      await this.request("SESSION_LEAVE", { sessionId, newHostId });
    } finally {
      this.#leaving.delete(sessionId);
    }
    this.#forgetSession(sessionId);
    this.unsubscribe(channelOf(sessionId));
  }

  /** Send a cursor if there is a connection: it is not kept. See `Session.moveCursor`. */
  sendCursor(payload: CursorMove): boolean {
    if (this.state.state !== "live") return false;
    this.#link.send("CURSOR_MOVE", payload);
    return true;
  }

  #forgetSession(sessionId: string): void {
    this.#sessions.get(sessionId)?.close();
    this.#sessions.delete(sessionId);
  }

  /** Within a minute nobody has seen the user leave. */
  async #rejoin(sessionId: string): Promise<void> {
    if (this.#rejoining.has(sessionId) || this.#leaving.has(sessionId)) return; // it is sent again by itself
    this.#rejoining.add(sessionId);
    try {
      await this.#requests.add("SESSION_JOIN", { sessionId }, { ahead: true });
    } catch (error) {
      if (error instanceof RequestRefused) this.#forgetSession(sessionId);
    } finally {
      this.#rejoining.delete(sessionId);
    }
  }

  // ---------------------------------------------------------------- what happens

  get #isStopped(): boolean {
    return this.state.state === "stopped";
  }

  #closedError(sent: boolean): ClosedError {
    const { reason } = this.state;
    return new ClosedError(reason?.message ?? "The client was closed.", sent, { cause: reason ?? undefined });
  }

  #stateIs(state: State): void {
    if (state.state === "live") for (const session of this.#sessions.values()) session.connected();
    if (state.state === "stopped") {
      this.#requests.end((sent) => this.#closedError(sent));
      this.#channels.end(this.#closedError(false));
      for (const sessionId of [...this.#sessions.keys()]) this.#forgetSession(sessionId);
    }
    this.#emitter.emit("state", state);
  }

  #signedIn({ userId, userName, role, organizationId }: AuthSuccess, first: boolean): void {
    this.user = { id: userId, name: userName, role, organizationId };
    this.#emitter.emit("user", this.user);
    if (first) for (const sessionId of this.#sessions.keys()) this.#rejoin(sessionId);
    this.#requests.open();
    if (first) this.#channels.begin();
    else this.#channels.resume();
  }

  #take(message: ServerMessage): void {
    const { type, payload } = message;
    this.#channels.take(message);
    if (type === "CURSOR_MOVE") {
      this.#sessions.get(payload.sessionId)?.moved(payload.userId, payload.position, payload.focusedEntity ?? null);
      this.#emitter.emit("cursor", payload);
    }
    const isEvent = payload !== undefined && "sequence" in payload; // of which #apply tells
    if (!isEvent && !OF_THE_CONNECTION.includes(type)) this.#emitter.emit("message", message);
    this.#requests.answer(message);
  }

  #apply(batch: Batch): void {
    if (batch.anew) this.#deliveries.forget();
    this.store.apply(batch, this.#channels.pictured);
    for (const message of batch.messages) {
      if (isSnapshot(message) || !this.#deliveries.isNew(message, this.#channels.cursor)) continue;
      const { type, payload } = message;
      if (type === "SESSION_LEFT") this.#sessions.get(payload.sessionId)?.left(payload.userId);
      if (type === "SESSION_ENDED") this.#forgetSession(payload.sessionId);
      this.#emitter.emit("message", message);
    }
  }
}

function channelOf(sessionId: string): string {
  return `session:${sessionId}`;
}

function platformSocket(): SocketClass {
  const own = (globalThis as { WebSocket?: SocketClass }).WebSocket;
  if (!own) throw new TypeError("This platform has no WebSocket of its own: pass one, as of the package ws.");
  return own;
}
