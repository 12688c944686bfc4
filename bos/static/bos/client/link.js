// Written by `make clients` of clients/javascript/src: change it there.
// One connection after the other: connects, signs in, notices losses, waits and comes back.
import { Backoff, jitter, NO_PLACE_S, TOO_MANY_S } from "./backoff.js";
import { ConnectionLost, NotBosError, ProtocolError, SignInError } from "./errors.js";
import { Heartbeat } from "./heartbeat.js";
import { onPlatform } from "./platform.js";
import { REQUIRED } from "./protocol.js";
import { Timers } from "./timers.js";
const SUBPROTOCOL = "bos-v1";
const PATIENCE_S = 10; // for the handshake, and for the answer to AUTH
const RENEW_EARLY_S = 60;
const RENEW_SOONEST_S = 1; // a source may give a token again that is about to end
const OPEN = 1;
const AUTHENTICATION = 4401;
const ACCESS_REVOKED = 4403;
const TOO_MANY = 4429;
const NOT_UNDERSTOOD = [
  1002,
  1007,
  4400
];
const PASSING = [
  408,
  425,
  429
]; // and whatever is 500 or more
const NO_PLACE = "You are connected as often as you may be, in other tabs and on other devices. " + "Close one of them: the first place that is free is taken here.";
const ACCESS_HAS_CHANGED = "Your access has changed or was withdrawn. Please sign in again.";
const NOT_UNDERSTOOD_HERE = "The server could not understand this client.";
export class Link {
  state = {
    state: "idle",
    attempt: 0,
    until: null,
    reason: null
  };
  #options;
  #hooks;
  #timers;
  #heartbeat;
  #backoff = new Backoff();
  #socket = null;
  #signedIn = false;
  #met = false;
  #refusals = 0;
  #stale = false;
  #noPlace = false;
  #mustWait = false;
  #deaf = null;
  constructor(options, hooks){
    this.#options = options;
    this.#hooks = hooks;
    this.#timers = new Timers(options.pace);
    this.#heartbeat = new Heartbeat(options.pace, {
      ask: ()=>this.send("PING"),
      doubt: ()=>this.#becomeUnsure(),
      giveUp: ()=>this.#lost(this.#silence())
    });
  }
  start() {
    this.#deaf = onPlatform.listen({
      online: ()=>this.#comeBack(),
      offline: ()=>this.#goOffline(),
      watched: ()=>onPlatform.watched && this.#comeBack()
    });
    this.#connect();
  }
  /** End it for good. reason: null where the application has asked for it. */ stop(reason) {
    if (this.state.state === "stopped") return;
    this.#deaf?.();
    this.#leave(1000);
    this.#tell("stopped", {
      reason
    });
  }
  /** Do not wait for the next attempt. */ retryNow() {
    if (this.state.state === "waiting" || this.state.state === "offline") this.#connect();
  }
  /** Ask the server now whether it is there. */ doubt() {
    if (this.#socket?.readyState !== OPEN) return;
    this.#heartbeat.ask();
    this.#becomeUnsure();
  }
  /** Everything that is followed is shown. */ live() {
    this.#backoff.reset();
    if (this.state.state === "syncing") this.#tell("live");
  }
  /** This connection is of no use. */ abandon(reason) {
    this.#lost(reason);
  }
  send(type, payload, requestId) {
    if (this.#socket?.readyState !== OPEN) return;
    this.#socket.send(JSON.stringify({
      type,
      payload,
      requestId,
      timestamp: new Date().toISOString()
    }));
  }
  // ---------------------------------------------------------------- the socket
  #connect() {
    this.#timers.clear();
    this.#mustWait = false;
    const socket = this.#opened();
    if (!socket) return;
    let told = "";
    this.#socket = socket;
    this.#timers.after("patience", PATIENCE_S, ()=>this.#lost(this.#silence()));
    socket.onopen = ()=>{
      if (socket.protocol !== SUBPROTOCOL) return this.#isNotBos(`It speaks ${socket.protocol || "no subprotocol"}.`);
      this.#tell("authenticating");
      this.#authenticate({
        fresh: this.#stale
      });
    };
    socket.onmessage = ({ data })=>this.#receive(data);
    socket.onerror = ({ message })=>told = message ?? "";
    socket.onclose = ({ code, reason })=>{
      // Not even opened, for the first time: what is there?
      if (this.state.state === "connecting" && !this.#met) this.#look(socket, told);
      else this.#closed(code, reason);
    };
    this.#tell("connecting"); // last: whoever hears of it may end it
  }
  /** Return a new socket; where the platform lets nobody connect to this address, it is of no use. */ #opened() {
    try {
      return new this.#options.WebSocket(this.#options.addresses.ws, [
        SUBPROTOCOL
      ]);
    } catch (error) {
      this.stop(new NotBosError(`There can be no connection to ${this.#options.addresses.ws}: ${error}`, {
        cause: error
      }));
      return null;
    }
  }
  /** The socket is given up, whether it answers or not: a dead network keeps onclose waiting. */ #leave(code) {
    this.#timers.clear();
    this.#heartbeat.stop();
    const socket = this.#socket;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.onerror = ()=>{}; // `ws` tells of a socket that is closed while it connects
      socket.close(code);
    }
    this.#socket = null;
    this.#signedIn = false;
    this.#hooks.unserved(true);
  }
  #closed(code, text) {
    const details = {
      closeCode: code,
      reason: text
    };
    if (NOT_UNDERSTOOD.includes(code)) return this.stop(new ProtocolError(NOT_UNDERSTOOD_HERE, {
      details
    }));
    if (code === ACCESS_REVOKED) return this.stop(new SignInError(ACCESS_HAS_CHANGED, {
      details
    }));
    if (code === AUTHENTICATION) this.#stale = true;
    const reason = new ConnectionLost(this.#noPlace ? NO_PLACE : text || "The connection is lost.", {
      details
    });
    const pause = this.#backoff.next();
    this.#mustWait = code === TOO_MANY;
    if (this.#noPlace) this.#wait(reason, NO_PLACE_S + jitter());
    else this.#wait(reason, this.#mustWait ? TOO_MANY_S + Math.abs(jitter()) : pause);
  }
  #lost(reason) {
    this.#wait(reason, this.#backoff.next());
  }
  #wait(reason, seconds) {
    this.#leave();
    if (this.state.state === "stopped") return; // by whoever has heard of it
    if (onPlatform.offline) return this.#tell("offline", {
      reason
    });
    this.#timers.after("retry", seconds, ()=>this.#connect());
    this.#tell("waiting", {
      reason,
      until: Date.now() + this.#timers.ms(seconds)
    });
  }
  /** Nothing has come for too long. */ #silence() {
    if (this.#met) return new ConnectionLost("The server does not answer.");
    return new NotBosError(`${this.#options.addresses.http} does not answer as BOS does.`);
  }
  // ---------------------------------------------------------------- what is at the address
  /** The handshake was refused. A WebSocket seldom says why; told: what it says. */ async #look(socket, told) {
    const status = Number(/\b[1-5]\d\d\b/.exec(told)?.[0]) || await this.#statusOfHealth();
    if (socket !== this.#socket) return;
    if (status && status < 500 && !PASSING.includes(status)) this.#isNotBos(`It answers a handshake with ${status}.`);
    else this.#lost(new ConnectionLost(told || "There is no connection."));
  }
  /** Return by which status another server than BOS is recognized; 0 where there is none. */ async #statusOfHealth() {
    try {
      const signal = AbortSignal.timeout(this.#timers.ms(PATIENCE_S));
      const answer = await this.#options.fetch(`${this.#options.addresses.http}/healthz`, {
        signal
      });
      const isHealth = answer.headers.get("Content-Type")?.startsWith("application/json");
      await answer.body?.cancel();
      return answer.ok && isHealth ? 0 : answer.status;
    } catch  {
      return 0; // nobody there, or a page of another origin may not look
    }
  }
  #isNotBos(why) {
    const error = new NotBosError(`${this.#options.addresses.http} is no BOS. ${why}`);
    if (this.#met) this.#lost(error);
    else this.stop(error);
  }
  // ---------------------------------------------------------------- what the platform says
  #comeBack() {
    const { state } = this.state;
    if (state === "offline" || state === "waiting" && !this.#mustWait) this.#connect();
    else if (this.#signedIn) this.#heartbeat.ask();
  }
  #goOffline() {
    if (this.#socket) return this.doubt();
    if (!onPlatform.offline || this.state.state !== "waiting") return;
    this.#timers.clear();
    this.#tell("offline", {
      reason: this.state.reason
    });
  }
  // ---------------------------------------------------------------- tokens
  /** early: the old token is still good, so a failure costs nothing yet. */ async #authenticate({ fresh, early = false }) {
    const socket = this.#socket;
    if (!socket) return; // ended meanwhile
    const { token } = this.#options;
    this.#timers.cancel("patience"); // a user may have to type a password
    try {
      const access = typeof token === "string" ? token : await token({
        fresh
      });
      if (socket !== this.#socket) return;
      if (typeof access !== "string") throw new TypeError(`the source gave ${access}`);
      this.send("AUTH", {
        token: access
      });
      if (!early) this.#timers.after("patience", PATIENCE_S, ()=>this.#lost(this.#silence()));
    } catch (error) {
      if (socket !== this.#socket) return;
      if (error instanceof SignInError || error instanceof NotBosError && !this.#met) this.stop(error);
      else if (!early) this.#lost(new ConnectionLost(`There is no token: ${error}`, {
        cause: error
      }));
    }
  }
  #welcome(payload, timestamp) {
    // Both times are the server's own: this computer's clock may be wrong.
    const life = (Date.parse(payload.expiresAt) - Date.parse(timestamp)) / 1000;
    if (typeof this.#options.token !== "string" && Number.isFinite(life)) {
      const renewIn = Math.max(life - RENEW_EARLY_S, life / 2, RENEW_SOONEST_S);
      this.#timers.after("renew", renewIn, ()=>this.#authenticate({
          fresh: true,
          early: true
        }));
    }
    const first = !this.#signedIn;
    this.#timers.cancel("patience");
    this.#stale = false;
    this.#refusals = 0;
    this.#signedIn = this.#met = true;
    this.#noPlace = false;
    if (first) {
      this.#heartbeat.start();
      this.#tell("syncing");
    }
    if (!this.#signedIn) return; // ended by whoever has heard of it
    this.#hooks.signedIn(payload, first);
  }
  #notWelcome({ error, message, details }) {
    if (error === "RATE_LIMIT_EXCEEDED") {
      this.#noPlace = details?.scope === "connections";
      return; // 4429 follows
    }
    this.#refusals += 1;
    this.#stale = true;
    if (this.#refusals > 1) this.stop(new SignInError(message, {
      code: error,
      details
    }));
    else this.#authenticate({
      fresh: true
    });
  }
  // ---------------------------------------------------------------- what the server says
  #receive(data) {
    this.#heartbeat.heard();
    if (this.state.state === "unsure") this.#tell("live");
    if (!this.#socket) return; // ended by whoever has heard of it
    const message = parsed(data);
    if (message === null) return this.#misheard("What came is no message.");
    const required = Object.hasOwn(REQUIRED, message.type) && REQUIRED[message.type];
    if (!required) return this.#hooks.unknown(message.type);
    const payload = message.payload ?? {};
    const isThere = (field)=>field in payload && (field !== "data" || Object(payload.data) === payload.data);
    const missing = required.find((field)=>!isThere(field));
    if (missing) return this.#misheard(`A ${message.type} lacks ${missing}.`, missing);
    this.#hear(message);
  }
  #hear(message) {
    const { type, payload, timestamp } = message;
    if (type === "PING") this.send("PONG");
    else if (type === "AUTH_SUCCESS") this.#welcome(payload, timestamp);
    else if (type === "AUTH_FAILED") this.#notWelcome(payload);
    else if (type === "TOKEN_EXPIRED") {
      this.#hooks.unserved(false);
      this.#authenticate({
        fresh: true
      });
    } else this.#hooks.message(message);
  }
  #misheard(why, field) {
    if (!this.#met) return this.#isNotBos(why);
    this.#hooks.problem(new ProtocolError(why, {
      details: field ? {
        field
      } : {}
    }));
  }
  // ---------------------------------------------------------------- small things
  #becomeUnsure() {
    if (this.state.state === "live") this.#tell("unsure", {
      reason: new ConnectionLost("The server does not answer.")
    });
  }
  #tell(state, { reason = null, until = null } = {}) {
    this.state = {
      state,
      reason,
      until,
      attempt: this.#backoff.attempt
    };
    this.#hooks.state(this.state);
  }
}
/** Return what came as a message of some type, or null. */ function parsed(data) {
  if (typeof data !== "string") return null;
  try {
    const message = JSON.parse(data);
    const payload = message?.payload ?? {};
    return typeof message?.type === "string" && typeof payload === "object" ? message : null;
  } catch  {
    return null;
  }
}
