// A client of /v1/ws: signs in, follows channels, and after every loss comes back where it was.
//
// Events: "state" {state, text}, "message" (each message of the server), "refused" {message},
// "anew" (what was shown is out of date, a snapshot follows).

const BACKOFF_S = [2, 4, 8, 16, 30];
const JITTER_S = 1;
const HEARTBEAT_MS = 30_000;
const PATIENCE_MS = 10_000;
const FINAL_CODES = new Set([1002, 1007, 4400, 4403]); // after these a client does not come back

export class Connection extends EventTarget {
  sequence = null; // the last event that was applied: where a sync resumes
  #token;
  #socket = null;
  #attempt = 0;
  #channels = new Set();
  #known = new Set(); // channels of which there is a picture: from here on they are only synced
  #resumeAt = null;
  #waiting = new Map(); // requestId -> {resolve, reject}
  #nextRequest = 0;
  #timers = [];
  #ended = false;

  /** token: ({fresh}) => Promise of an access token. */
  constructor(token) {
    super();
    this.#token = token;
  }

  start() {
    this.#ended = false;
    this.sequence = null;
    this.#channels.clear();
    this.#known.clear();
    this.#connect();
  }

  stop() {
    this.#ended = true;
    this.#clearTimers();
    this.#socket?.close(1000);
    this.#tell("offline", "offline");
  }

  /** Follow this channel now and after every reconnect; missed events are asked for. */
  follow(channel) {
    if (this.#channels.has(channel)) return;
    this.#channels.add(channel);
    if (this.#socket?.readyState === WebSocket.OPEN) this.send("SUBSCRIBE", { channels: [channel] });
  }

  send(type, payload, requestId) {
    const message = { type, payload, timestamp: new Date().toISOString() };
    if (requestId) message.requestId = requestId;
    this.#socket.send(JSON.stringify(message));
  }

  /** Send a request; its answer, or an Error with the server's words. */
  ask(type, payload) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("not connected"));
    const requestId = `${crypto.getRandomValues(new Uint32Array(1))[0]}-${this.#nextRequest++}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(requestId, { resolve, reject });
      this.send(type, payload, requestId);
    });
  }

  async #connect() {
    this.#tell("connecting", "connecting");
    let token;
    try {
      token = await this.#token({});
    } catch (error) {
      return error.name === "SignInRefused" ? this.#refuse(error.message) : this.#later();
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/ws`, ["bos-v1"]);
    this.#socket = socket;
    socket.onopen = () => {
      this.send("AUTH", { token });
      this.#watch();
    };
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event);
  }

  #receive(message) {
    this.#watch();
    const { type, payload, requestId } = message;
    if (type === "PING") return this.#socket.send(JSON.stringify({ type: "PONG", timestamp: message.timestamp }));
    if (type === "AUTH_SUCCESS") this.#signedIn(payload);
    if (type === "AUTH_FAILED") return this.#refuse(payload.message);
    if (type === "TOKEN_EXPIRED") return this.#renew();
    if (type === "SUBSCRIBED") this.#askForWhatIsMissing(payload.channels);
    if (type === "UNSUBSCRIBED") payload.channels.forEach((channel) => this.#drop(channel));
    if (type === "ERROR" && payload.details?.channel) this.#drop(payload.details.channel);
    if (type === "SYNC_ERROR") return this.#takeSnapshot(payload);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
    const sequence = payload?.sequence ?? payload?.lastSequence;
    if (sequence > (this.sequence ?? -1)) this.sequence = sequence;
    const asked = this.#waiting.get(requestId);
    if (asked) {
      this.#waiting.delete(requestId);
      type === "ERROR" ? asked.reject(new Error(payload.message)) : asked.resolve(message);
    }
  }

  #signedIn({ organizationId }) {
    this.#attempt = 0;
    this.#tell("live", "live");
    this.#channels.add(`organization:${organizationId}`);
    this.#resumeAt = this.sequence;
    this.send("SUBSCRIBE", { channels: [...this.#channels] });
  }

  // First subscribed, then synced: nothing is lost in between, and what comes twice is the same.
  #askForWhatIsMissing(channels) {
    const known = channels.filter((channel) => this.#known.has(channel));
    const fresh = channels.filter((channel) => !this.#known.has(channel));
    if (known.length) this.send("SYNC_REQUEST", { channels: known, lastSequence: this.#resumeAt });
    if (fresh.length) this.send("SYNC_REQUEST", { channels: fresh });
    fresh.forEach((channel) => this.#known.add(channel));
  }

  #drop(channel) {
    this.#channels.delete(channel);
    this.#known.delete(channel);
  }

  // Too long away: the history in between is gone, so everything is shown anew.
  #takeSnapshot({ details }) {
    if (details?.channel) return this.#drop(details.channel);
    this.dispatchEvent(new CustomEvent("anew"));
    this.send("SYNC_REQUEST", { channels: [...this.#known] });
  }

  async #renew() {
    try {
      this.send("AUTH", { token: await this.#token({ fresh: true }) });
    } catch (error) {
      this.#refuse(error.message);
    }
  }

  // Any message is a sign of life; after half a minute of silence ask for one.
  #watch() {
    this.#clearTimers();
    this.#timers = [
      setTimeout(() => this.send("PING"), HEARTBEAT_MS),
      setTimeout(() => this.#socket.close(), HEARTBEAT_MS + PATIENCE_MS),
    ];
  }

  #lost({ code, reason }) {
    this.#clearTimers();
    for (const { reject } of this.#waiting.values()) reject(new Error("the connection was lost"));
    this.#waiting.clear();
    if (this.#ended) return;
    if (FINAL_CODES.has(code)) this.#refuse(reason || `closed with ${code}`);
    else this.#later();
  }

  #later() {
    const delay = BACKOFF_S[Math.min(this.#attempt++, BACKOFF_S.length - 1)] + (Math.random() * 2 - 1) * JITTER_S;
    this.#tell("reconnecting", `reconnecting in ${Math.round(delay)} s (attempt ${this.#attempt})`);
    setTimeout(() => this.#ended || this.#connect(), delay * 1000);
  }

  #refuse(message) {
    this.stop();
    this.dispatchEvent(new CustomEvent("refused", { detail: { message } }));
  }

  #clearTimers() {
    this.#timers.forEach(clearTimeout);
    this.#timers = [];
  }

  #tell(state, text) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, text } }));
  }
}
