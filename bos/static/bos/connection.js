// A client of /v1/ws: signs in, follows channels, and after every loss comes back where it was.
//
// Events: "state" {state, attempt, until, why}, "unsure" while a live connection does not answer;
// "message" (each message of the server);
// "unfollowed" {channel}; "anew" (what is shown is out of date, a snapshot follows);
// "refused" {message} (it has stopped, and only signing in anew helps).
//
// A round is what follows AUTH: SUBSCRIBE to all channels, then SYNC_REQUEST, and the same for those
// that the sync has told of. Until it is over the cursor stands still, for what is live then may be
// ahead of what is still missing.

import { Heartbeat } from "./heartbeat.js";
import { newId, Requests } from "./requests.js";

const BACKOFF_S = [2, 4, 8, 16, 30];
const JITTER_S = 1;
const RENEW_EARLY_MS = 60_000;
const MOST_CHANNELS = 100; // in one SUBSCRIBE

const ABNORMAL = 1006; // what a browser calls a loss without a close frame
const AUTHENTICATION = 4401;
const TOO_MANY = 4429;
const TOO_MANY_WAIT_S = 60; // the window in which messages are counted
const NO_PLACE_WAIT_S = 10; // a place may be free at any time
const NO_PLACE =
  "You are connected as often as you may be, in other tabs and on other devices. " +
  "Close one of them: this page comes in as soon as a place is free.";
const FINAL = new Map([
  [1002, "The server could not understand this page."],
  [1007, "The server could not understand this page."],
  [4400, "The server could not understand this page."],
  [4403, "Your access has changed or was withdrawn. Please sign in again."],
]);
/** @type {Set<string | undefined>} */
const OUT_OF_DATE = new Set(["SYNC_HISTORY_EXPIRED", "SYNC_TIMESTAMP_IN_FUTURE"]);

/** What moves the cursor.
 *
 * @typedef {{sequence?: number, changeType?: string}} Advance
 */

export class Connection extends EventTarget {
  /** @type {User | null} the user who is signed in, as the server says */
  user = null;
  #token;
  /** @type {WebSocket | null} null unless connected or connecting */
  #socket = null;
  #running = false;
  #attempt = 0;
  #authenticated = false; // this socket
  #noPlace = false; // there was no place for one more connection of this user
  /** @type {ConnectionState} */
  #state = "offline";
  #stale = false; // the server did not accept the token: get another before the next AUTH
  /** @type {number | null} up to this sequence everything has come: where a sync resumes */
  #cursor = null;
  /** @type {Set<string>} channels to follow, now and after every reconnect */
  #wanted = new Set();
  /** @type {Set<string>} those of them of which there is a picture: they only need what was missed */
  #pictured = new Set();
  /** @type {Set<string>} channels to follow as soon as the round is over */
  #queued = new Set();
  /** @type {Set<string>} channels that SUBSCRIBE has asked for */
  #unanswered = new Set();
  /** @type {Map<string, SyncRequest>} by requestId */
  #syncs = new Map();
  /** @type {number[]} lastSequence of each sync of this round */
  #completed = [];
  #inRound = false;
  #requests = new Requests();
  #heartbeat = new Heartbeat({
    ask: () => this.#send("PING"),
    doubt: () => this.#becomeUnsure(),
    giveUp: () => this.#abandon(),
  });
  /** @type {Map<string, number>} by name; all of them end with the socket */
  #timers = new Map();

  /** @type {Send} */
  #sendNow = this.#send.bind(this);

  /** token: gives an access token; rejected with `SignInRefused` it ends.
   *
   * @param {(how: {fresh: boolean}) => Promise<string>} token
   */
  constructor(token) {
    super();
    this.#token = token;
  }

  /** Call `heard` with what each event of this name says.
   *
   * @template {keyof ConnectionEvents} Name
   * @param {Name} name
   * @param {(detail: ConnectionEvents[Name]) => void} heard
   */
  on(name, heard) {
    this.addEventListener(name, (event) => heard(/** @type {CustomEvent} */ (event).detail));
  }

  /** The last event that was applied, or null. */
  get sequence() {
    return this.#cursor;
  }

  start() {
    this.stop();
    this.#running = true;
    this.#attempt = 0;
    this.#stale = false;
    this.#cursor = null;
    for (const channels of [this.#wanted, this.#pictured, this.#queued]) channels.clear();
    this.#connect();
  }

  stop(why = "") {
    this.#running = false;
    this.#leave(1000);
    this.#requests.giveUp("Not connected.");
    this.#tell("offline", { why });
  }

  /** Do not wait for the next attempt. */
  retryNow() {
    if (this.#running && !this.#socket && this.#timers.has("retry")) this.#connect();
  }

  /** Follow this channel from now on; one that is refused is forgotten.
   *
   * @param {string} channel
   */
  follow(channel) {
    if (this.#wanted.has(channel)) return;
    this.#wanted.add(channel);
    this.#queued.add(channel);
    // Together with what the same sync tells of: each SUBSCRIBE counts against the limit.
    if (!this.#inRound) this.#after("follow", 0, () => this.#subscribeQueued());
  }

  /** Send a request; resolves with its answer, rejected with the server's words.
   *
   * Offline it waits for the connection, and lost on the way it is sent again: it has one effect.
   * signal: withdraws it, if it has not been sent.
   *
   * @param {string} type
   * @param {object} payload
   * @param {{signal?: AbortSignal}} [how]
   * @returns {Promise<object>}
   */
  ask(type, payload, { signal } = {}) {
    if (!this.#running) return Promise.reject(new Error("Not connected: nothing was changed."));
    const send = this.#authenticated ? this.#sendNow : null;
    return this.#requests.add(type, payload, { send, signal });
  }

  /** Something says that the network is gone: look whether it is. */
  doubt() {
    if (!this.#open) return;
    this.#heartbeat.ask();
    this.#becomeUnsure();
  }

  // ---------------------------------------------------------------- the socket

  get #open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** @param {string} type @param {object} [payload] @param {string} [requestId] */
  #send(type, payload, requestId) {
    if (!this.#open) return;
    const message = { type, payload, requestId, timestamp: new Date().toISOString() };
    this.#socket?.send(JSON.stringify(message));
  }

  #connect() {
    this.#clearTimers();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/ws`, ["bos-v1"]);
    this.#socket = socket;
    this.#inRound = true;
    this.#tell("connecting");
    this.#heartbeat.expect();
    socket.onopen = () => this.#authenticate({ fresh: this.#stale });
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event);
  }

  /** The socket is given up, whether it answers or not: a dead network keeps onclose waiting.
   *
   * @param {number} [code]
   */
  #leave(code) {
    this.#clearTimers();
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close(code);
    }
    this.#socket = null;
    this.#authenticated = false;
    this.#unanswered.clear();
    this.#syncs.clear();
    this.#completed = [];
  }

  #abandon() {
    this.#leave();
    this.#lost({ code: ABNORMAL, reason: "" });
  }

  /** @param {{code: number, reason: string}} close */
  #lost({ code, reason }) {
    this.#leave();
    const final = FINAL.get(code);
    if (final) return this.#refuse(final);
    if (code === AUTHENTICATION) this.#stale = true;
    const seconds = this.#pauseAfter(code) + JITTER_S * (2 * Math.random() - 1);
    this.#after("retry", seconds * 1000, () => this.#connect());
    this.#tell("reconnecting", { until: Date.now() + seconds * 1000, why: this.#noPlace ? NO_PLACE : reason });
  }

  /** @param {number} code */
  #pauseAfter(code) {
    const backoff = BACKOFF_S[Math.min(this.#attempt++, BACKOFF_S.length - 1)];
    if (this.#noPlace) return NO_PLACE_WAIT_S;
    return code === TOO_MANY ? TOO_MANY_WAIT_S : backoff;
  }

  /** @param {string} message */
  #refuse(message) {
    this.stop(message);
    this.#emit("refused", { message });
  }

  // ---------------------------------------------------------------- tokens and heartbeat

  /** early: the old token is still good, so a failure costs nothing yet.
   *
   * @param {{fresh: boolean, early?: boolean}} how
   */
  async #authenticate({ fresh, early = false }) {
    const socket = this.#socket;
    try {
      const token = await this.#token({ fresh });
      if (socket !== this.#socket) return;
      this.#send("AUTH", { token });
    } catch (error) {
      if (socket !== this.#socket) return;
      if (error instanceof Error && error.name === "SignInRefused") this.#refuse(error.message);
      else if (!early) this.#abandon(); // the next attempt asks again
    }
  }

  /** @param {SignedIn} payload @param {string} timestamp */
  #signedIn({ userId, userName, role, organizationId, expiresAt }, timestamp) {
    // Both times are the server's own: this computer's clock may be wrong.
    const lifetime = Date.parse(expiresAt) - Date.parse(timestamp);
    const renewIn = Math.min(Math.max(lifetime - RENEW_EARLY_MS, lifetime / 2), 2 ** 31 - 1);
    this.#after("renew", renewIn, () => this.#authenticate({ fresh: true, early: true }));
    this.#stale = false;
    if (this.#authenticated) return; // renewed in place: the connection goes on as it was
    this.#authenticated = true;
    this.user = { id: userId, name: userName, role };
    this.#attempt = 0;
    this.#noPlace = false;
    this.#heartbeat.start();
    this.#requests.sendAgain(this.#sendNow);
    this.#wanted.add(`organization:${organizationId}`);
    this.#queued.clear();
    this.#subscribe([...this.#wanted]);
  }

  /** @param {NotSignedIn} payload */
  #notSignedIn({ error, message, details }) {
    if (error === "RATE_LIMIT_EXCEEDED") {
      this.#noPlace = details?.scope === "connections";
      return; // 4429 follows
    }
    if (this.#stale) return this.#refuse(message);
    this.#stale = true;
    this.#authenticate({ fresh: true });
  }

  #becomeUnsure() {
    if (this.#state === "live") this.#tell("unsure", { why: "The server does not answer." });
  }

  #heard() {
    this.#heartbeat.heard();
    if (this.#state === "unsure") this.#tell("live");
  }

  // ---------------------------------------------------------------- what the server says

  /** @param {ServerMessage} message */
  #receive(message) {
    this.#heard();
    const { type, payload, requestId, timestamp } = message;
    if (type === "PING") return this.#socket?.send(JSON.stringify({ type: "PONG", timestamp }));
    if (type === "AUTH_SUCCESS") this.#signedIn(payload, timestamp);
    if (type === "AUTH_FAILED") return this.#notSignedIn(payload);
    if (type === "TOKEN_EXPIRED") return void this.#authenticate({ fresh: true });
    if (type === "SUBSCRIBED") this.#subscribed(payload.channels);
    if (type === "UNSUBSCRIBED") payload.channels.forEach((channel) => this.#drop(channel));
    if (type === "SYNC_COMPLETE") this.#synced(requestId, payload);
    if (type === "SYNC_ERROR") return this.#notSynced(requestId, payload);
    if (type === "ERROR") this.#refused(requestId ?? "", payload);
    // SUBSCRIBED tells from where on a channel is live: no event.
    if (type !== "SUBSCRIBED") this.#advance(/** @type {Advance | undefined} */ (payload));
    this.#emit("message", message);
    this.#requests.answer(message);
  }

  // ---------------------------------------------------------------- channels and sync

  #subscribeQueued() {
    const channels = [...this.#queued];
    this.#queued.clear();
    this.#subscribe(channels);
  }

  /** @param {string[]} channels */
  #subscribe(channels) {
    channels.forEach((channel) => this.#unanswered.add(channel));
    for (let first = 0; first < channels.length; first += MOST_CHANNELS) {
      this.#send("SUBSCRIBE", { channels: channels.slice(first, first + MOST_CHANNELS) }, newId());
    }
  }

  /** First subscribed, then synced: nothing is lost in between, and what comes twice is the same.
   *
   * @param {string[]} channels
   */
  #subscribed(channels) {
    channels.forEach((channel) => this.#unanswered.delete(channel));
    const known = channels.filter((channel) => this.#pictured.has(channel));
    const fresh = channels.filter((channel) => !this.#pictured.has(channel));
    if (known.length) this.#sync({ channels: known, lastSequence: this.#cursor ?? undefined });
    if (fresh.length) this.#sync({ channels: fresh });
  }

  /** @param {SyncRequest} request */
  #sync(request) {
    const requestId = newId();
    this.#syncs.set(requestId, request);
    this.#send("SYNC_REQUEST", request, requestId);
  }

  /** @param {string | undefined} requestId @param {{lastSequence: number}} payload */
  #synced(requestId, { lastSequence }) {
    const request = requestId && this.#syncs.get(requestId);
    if (!request) return;
    this.#syncs.delete(requestId);
    request.channels.forEach((channel) => this.#wanted.has(channel) && this.#pictured.add(channel));
    this.#completed.push(lastSequence);
    this.#endRound();
  }

  /** @param {string | undefined} requestId @param {Refusal} payload */
  #notSynced(requestId, { code, details }) {
    const request = requestId && this.#syncs.get(requestId);
    if (!request) return;
    this.#syncs.delete(requestId);
    if (OUT_OF_DATE.has(code)) return this.#startAnew(request.channels);
    const refused = details?.channel;
    if (!refused) return this.#abandon();
    this.#drop(refused);
    const channels = request.channels.filter((channel) => channel !== refused);
    if (channels.length) this.#sync({ ...request, channels });
    else this.#endRound();
  }

  /** Too long away: the history in between is gone, so everything is shown anew.
   *
   * @param {string[]} channels
   */
  #startAnew(channels) {
    const all = new Set([...channels, ...this.#pictured, ...[...this.#syncs.values()].flatMap((sync) => sync.channels)]);
    this.#syncs.clear();
    this.#pictured.clear();
    this.#cursor = null;
    this.#emit("anew", null);
    this.#sync({ channels: [...all] });
  }

  /** A refused channel is forgotten; a SUBSCRIBE or SYNC_REQUEST refused as a whole is a lost round.
   *
   * @param {string} requestId "" where the refusal names none
   * @param {Refusal} payload
   */
  #refused(requestId, { details }) {
    if (details?.channel) {
      this.#drop(details.channel);
      this.#endRound();
    } else if (!this.#requests.has(requestId) && (this.#syncs.has(requestId) || this.#unanswered.size)) {
      this.#abandon();
    }
  }

  /** @param {string} channel */
  #drop(channel) {
    for (const channels of [this.#wanted, this.#pictured, this.#queued, this.#unanswered]) channels.delete(channel);
    this.#emit("unfollowed", { channel });
  }

  #endRound() {
    if (this.#unanswered.size || this.#syncs.size) return;
    // "live" is told once everything is shown: what comes later moves what somebody points at.
    if (this.#inRound && this.#queued.size) return this.#subscribeQueued();
    // The least of them: one sync may be ahead of what the other's channels have got so far.
    if (this.#inRound && this.#completed.length) this.#cursor = Math.min(...this.#completed);
    this.#completed = [];
    this.#inRound = false;
    this.#tell("live");
  }

  /** @param {Advance} [payload] */
  #advance({ sequence, changeType } = {}) {
    // A snapshot tells when it was taken: no event.
    if (this.#inRound || sequence === undefined || changeType === "snapshot") return;
    if (sequence > (this.#cursor ?? -1)) this.#cursor = sequence;
  }

  // ---------------------------------------------------------------- small things

  /** @param {ConnectionState} state @param {{until?: number, why?: string}} [more] */
  #tell(state, more = {}) {
    this.#state = state;
    this.#emit("state", { state, attempt: this.#attempt, until: null, why: "", ...more });
  }

  /**
   * @template {keyof ConnectionEvents} Name
   * @param {Name} name
   * @param {ConnectionEvents[Name]} detail
   */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** @param {string} name @param {number} ms @param {() => void} action */
  #after(name, ms, action) {
    this.#cancel(name);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      action();
    }, ms);
    this.#timers.set(name, timer);
  }

  /** @param {string} name */
  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #clearTimers() {
    this.#heartbeat.stop();
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
  }
}
