// Written by `make clients` of clients/javascript/src: change it there.
// The client: what an application has to do with.
import { addressesOf } from "./addresses.js";
import { Channels, isSnapshot } from "./channels.js";
import { Deliveries } from "./deliveries.js";
import { Emitter } from "./emitter.js";
import { ClosedError, RequestRefused } from "./errors.js";
import { Link } from "./link.js";
import { Requests } from "./requests.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
/** What the connection says of itself: no event for the application. */ const OF_THE_CONNECTION = [
  ...[
    "SUBSCRIBED",
    "UNSUBSCRIBED",
    "SYNC_START",
    "SYNC_COMPLETE",
    "SYNC_ERROR"
  ],
  ...[
    "ERROR",
    "PONG",
    "RATE_LIMIT",
    "CURSOR_MOVE"
  ]
];
/** Connect to a server, and stay connected until `close()`. */ export function connect(options) {
  return new Client(options);
}
export class Client {
  store = new Store();
  /** The user who is signed in, as the server says. */ user = null;
  #emitter = new Emitter();
  #link;
  #channels;
  #requests;
  #deliveries = new Deliveries();
  #sessions = new Map();
  #rejoining = new Set();
  #leaving = new Set();
  #pace;
  constructor({ url, token, WebSocket = platformSocket(), fetch = globalThis.fetch.bind(globalThis), pace = 1 }){
    this.#pace = pace;
    this.#requests = new Requests(pace, (...message)=>this.#link.send(...message));
    this.#channels = new Channels(pace, {
      send: (...message)=>this.#link.send(...message),
      apply: (batch)=>this.#apply(batch),
      complete: ()=>this.#link.live(),
      dropped: (channel, reason)=>this.#emitter.emit("unsubscribed", {
          channel,
          reason
        }),
      trim: ()=>this.store.retain(this.#channels.pictured),
      abandon: (reason)=>this.#link.abandon(reason)
    });
    this.#link = new Link({
      addresses: addressesOf(url),
      token,
      WebSocket,
      fetch,
      pace
    }, {
      state: (state)=>this.#stateIs(state),
      signedIn: (payload, first)=>this.#signedIn(payload, first),
      unserved: (lost)=>{
        this.#requests.pause({
          lost
        });
        this.#channels.pause({
          lost
        });
      },
      message: (message)=>this.#take(message),
      unknown: (type)=>this.#emitter.emit("unknown", {
          type
        }),
      problem: (error)=>this.#emitter.emit("problem", error)
    });
    // Whoever has called this listens first.
    queueMicrotask(()=>this.state.state === "idle" && this.#link.start());
  }
  get state() {
    return this.#link.state;
  }
  /** The last event that was applied, or null. */ get sequence() {
    return this.#channels.cursor;
  }
  /** The channels that are followed, or will be. */ get channels() {
    return this.#channels.wanted;
  }
  /** Call `listener` with what each event of this name says; call what is returned to stop it. */ on(name, listener) {
    return this.#emitter.on(name, listener);
  }
  /** Return the user, once signed in. */ whoami() {
    if (this.user) return Promise.resolve(this.user);
    if (this.#isStopped) return Promise.reject(this.state.reason ?? this.#closedError(false));
    return new Promise((resolve, reject)=>{
      const stop = [
        this.on("user", (user)=>end(()=>resolve(user))),
        this.on("state", ({ state, reason })=>state === "stopped" && end(()=>reject(reason ?? this.#closedError(false))))
      ];
      const end = (settle)=>{
        for (const one of stop)one();
        settle();
      };
    });
  }
  /** Follow these channels from now on; resolves when what they show is in the store. */ subscribe(...channels) {
    if (this.#isStopped) return Promise.reject(this.#closedError(false));
    return this.#channels.subscribe(channels);
  }
  /** Follow these channels no longer: what only they show leaves the store. */ unsubscribe(...channels) {
    this.#channels.unsubscribe(channels);
  }
  /** Make a request; resolves with its answer.
   *
   * Offline it waits for the connection, and lost on the way it is sent again: it has one effect.
   * Rejected with RequestRefused where the server refuses it, with GivenUp after five minutes.
   */
  request(type, payload, how) {
    if (this.#isStopped) return Promise.reject(this.#closedError(false));
    return this.#requests.add(type, payload, how);
  }
  /** How many requests have no answer yet. */ get pending() {
    return this.#requests.size;
  }
  /** Do not wait for the next attempt to connect. */ retryNow() {
    this.#link.retryNow();
  }
  /** End it: what waits for an answer is rejected with ClosedError. */ close() {
    this.#link.stop(null);
  }
  // ---------------------------------------------------------------- sessions
  /** Take part in a session, now and after each reconnect; resolves when the store shows it. */ async joinSession(sessionId) {
    await this.request("SESSION_JOIN", {
      sessionId
    });
    return this.#enter(sessionId);
  }
  /** Start a session and take part in it as its host. */ async createSession(payload) {
    const { sessionId } = await this.request("SESSION_CREATE", payload);
    return this.#enter(sessionId);
  }
  /** Return the session of this id, if the user takes part in it here. */ session(sessionId) {
    return this.#sessions.get(sessionId);
  }
  async #enter(sessionId) {
    const session = this.#sessions.get(sessionId) ?? new Session(sessionId, this, this.#pace);
    this.#sessions.set(sessionId, session);
    await this.subscribe(channelOf(sessionId));
    return session;
  }
  /** See `Session.leave`. */ async leaveSession(sessionId, newHostId) {
    this.#leaving.add(sessionId);
    try {
      await this.request("SESSION_LEAVE", {
        sessionId,
        newHostId
      });
    } finally{
      this.#leaving.delete(sessionId);
    }
    this.#forgetSession(sessionId);
    this.unsubscribe(channelOf(sessionId));
  }
  /** Send a cursor if there is a connection: it is not kept. See `Session.moveCursor`. */ sendCursor(payload) {
    if (this.state.state !== "live") return false;
    this.#link.send("CURSOR_MOVE", payload);
    return true;
  }
  #forgetSession(sessionId) {
    this.#sessions.get(sessionId)?.close();
    this.#sessions.delete(sessionId);
  }
  /** Within a minute nobody has seen the user leave. */ async #rejoin(sessionId) {
    if (this.#rejoining.has(sessionId) || this.#leaving.has(sessionId)) return; // it is sent again by itself
    this.#rejoining.add(sessionId);
    try {
      await this.#requests.add("SESSION_JOIN", {
        sessionId
      }, {
        ahead: true
      });
    } catch (error) {
      if (error instanceof RequestRefused) this.#forgetSession(sessionId);
    } finally{
      this.#rejoining.delete(sessionId);
    }
  }
  // ---------------------------------------------------------------- what happens
  get #isStopped() {
    return this.state.state === "stopped";
  }
  #closedError(sent) {
    const { reason } = this.state;
    return new ClosedError(reason?.message ?? "The client was closed.", sent, {
      cause: reason ?? undefined
    });
  }
  #stateIs(state) {
    if (state.state === "live") for (const session of this.#sessions.values())session.connected();
    if (state.state === "stopped") {
      this.#requests.end((sent)=>this.#closedError(sent));
      this.#channels.end(this.#closedError(false));
      for (const sessionId of [
        ...this.#sessions.keys()
      ])this.#forgetSession(sessionId);
    }
    this.#emitter.emit("state", state);
  }
  #signedIn({ userId, userName, role, organizationId }, first) {
    this.user = {
      id: userId,
      name: userName,
      role,
      organizationId
    };
    this.#emitter.emit("user", this.user);
    if (first) for (const sessionId of this.#sessions.keys())this.#rejoin(sessionId);
    this.#requests.open();
    if (first) this.#channels.begin();
    else this.#channels.resume();
  }
  #take(message) {
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
  #apply(batch) {
    if (batch.anew) this.#deliveries.forget();
    this.store.apply(batch, this.#channels.pictured);
    for (const message of batch.messages){
      if (isSnapshot(message) || !this.#deliveries.isNew(message, this.#channels.cursor)) continue;
      const { type, payload } = message;
      if (type === "SESSION_LEFT") this.#sessions.get(payload.sessionId)?.left(payload.userId);
      if (type === "SESSION_ENDED") this.#forgetSession(payload.sessionId);
      this.#emitter.emit("message", message);
    }
  }
}
function channelOf(sessionId) {
  return `session:${sessionId}`;
}
function platformSocket() {
  const own = globalThis.WebSocket;
  if (!own) throw new TypeError("This platform has no WebSocket of its own: pass one, as of the package ws.");
  return own;
}
