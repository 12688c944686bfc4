// Written by `make clients` of clients/javascript/src: change it there.
// Which channels are followed, up to where everything has come, and how a client comes back to both.
//
// A round is what follows AUTH: SUBSCRIBE to all channels, then SYNC_REQUEST, and the same for those
// that are wanted meanwhile. What comes in a round is gathered, and given to the client in one at its
// end: what is live then may be ahead of what is still missing, and a cut in the middle leaves nothing
// half done. Until then the cursor stands still.
import { ClosedError, ConnectionLost, RequestRefused } from "./errors.js";
import { newId } from "./ids.js";
import { Timers } from "./timers.js";
const MOST_CHANNELS = 100; // in one SUBSCRIBE or UNSUBSCRIBE
const MOST_SYNCED = 500; // in one SYNC_REQUEST
const LONGEST_NAME = 200; // of a longer one, a refusal names the beginning only
const LONE_SURROGATE = /\p{Surrogate}/u;
const OUT_OF_DATE = [
  "SYNC_HISTORY_EXPIRED",
  "SYNC_TIMESTAMP_IN_FUTURE"
];
const NOT_SERVED = [
  "AUTHENTICATION_REQUIRED",
  "TOKEN_EXPIRED"
];
export class Channels {
  /** Up to this sequence everything has come; null at the beginning. */ cursor = null;
  /** Channels of which there is a picture: they only need what was missed. */ pictured = new Set();
  #hooks;
  #timers;
  #serving = false;
  #wanted = new Map();
  #queued = new Set();
  #unanswered = new Map();
  #leaving = new Map();
  #syncs = new Map();
  #completed = [];
  #gathered = [];
  #inRound = false;
  #anew = false;
  #fewer = false;
  #flushing = false;
  constructor(pace, hooks){
    this.#timers = new Timers(pace);
    this.#hooks = hooks;
  }
  get wanted() {
    return [
      ...this.#wanted.keys()
    ];
  }
  // ---------------------------------------------------------------- wishes
  /** Follow these from now on; resolves when what they show is there. */ async subscribe(channels) {
    for (const channel of channels)requireName(channel);
    for (const channel of channels){
      if (this.#wanted.has(channel)) continue;
      this.#wanted.set(channel, promised());
      this.#queued.add(channel);
    }
    // Together with others of the same moment: each SUBSCRIBE counts against the limit.
    if (this.#queued.size) this.#timers.after("subscribe", 0, ()=>this.#serving && !this.#inRound && this.#subscribeQueued());
    await Promise.all(channels.map((channel)=>this.#wanted.get(channel)?.promise));
  }
  unsubscribe(channels) {
    const known = channels.filter((channel)=>this.#wanted.has(channel));
    for (const channel of known)this.#forget(channel, new ClosedError(`${channel} was unsubscribed.`, false));
    if (!known.length) return;
    if (!this.#serving) return this.#hooks.trim();
    for (const some of slices(known, MOST_CHANNELS)){
      const requestId = newId();
      this.#leaving.set(requestId, some);
      this.#hooks.send("UNSUBSCRIBE", {
        channels: some
      }, requestId);
    }
    this.#endRound();
  }
  // ---------------------------------------------------------------- the connection
  /** Begin a round: signed in, and nothing is followed on this connection. */ begin() {
    this.#reset();
    this.#serving = this.#inRound = true;
    this.#subscribeAll();
  }
  /** Signed in again on the same connection. */ resume() {
    const wasServing = this.#serving;
    this.#serving = true;
    if (!wasServing && this.#inRound) this.begin();
    else if (this.#queued.size) this.#subscribeQueued();
  }
  /** Nothing is served until the next `begin` or `resume`. */ pause({ lost }) {
    this.#serving = false;
    if (lost) this.#reset();
  }
  /** End all that waits. */ end(reason) {
    this.#reset();
    this.#serving = false;
    for (const { reject } of this.#wanted.values())reject(reason);
    this.#wanted.clear();
  }
  #reset() {
    this.#timers.clear();
    if (this.#leaving.size || this.#fewer) this.#hooks.trim();
    for (const map of [
      this.#unanswered,
      this.#leaving,
      this.#syncs
    ])map.clear();
    this.#completed = [];
    this.#gathered = [];
    this.#inRound = this.#anew = this.#fewer = false;
  }
  // ---------------------------------------------------------------- what the server says
  /** Take a message; it is handed on when its turn has come. */ take(message) {
    const { type, payload, requestId = "" } = message;
    if (type === "SUBSCRIBED") this.#subscribed(requestId, payload.channels);
    else if (type === "UNSUBSCRIBED") this.#unsubscribed(requestId, payload.channels, payload.reason ?? null);
    else if (type === "SYNC_START") this.#syncBegins(requestId);
    else if (type === "SYNC_COMPLETE") this.#synced(requestId, payload.lastSequence);
    else if (type === "SYNC_ERROR") this.#notSynced(requestId, payload);
    else if (type === "ERROR") this.#refused(requestId, payload);
    else if (payload && "sequence" in payload && payload.sequence !== undefined) this.#told(message);
  }
  #told(message) {
    if (this.#inRound || isSnapshot(message)) return void this.#gathered.push(message);
    this.#hooks.apply({
      messages: [
        message
      ],
      anew: false
    });
    this.#advance(message.payload.sequence);
  }
  #advance(sequence) {
    if (sequence > (this.cursor ?? -1)) this.cursor = sequence;
  }
  #subscribeAll() {
    this.#queued.clear();
    this.#subscribe([
      ...this.#wanted.keys()
    ]);
    this.#endRound(); // if there are none
  }
  #subscribeQueued() {
    const channels = [
      ...this.#queued
    ];
    this.#queued.clear();
    this.#subscribe(channels);
  }
  #subscribe(channels) {
    for (const some of slices(channels, MOST_CHANNELS)){
      const requestId = newId();
      this.#unanswered.set(requestId, new Set(some));
      this.#hooks.send("SUBSCRIBE", {
        channels: some
      }, requestId);
    }
  }
  /** First subscribed, then synced: nothing is lost in between, and what comes twice is the same. */ #subscribed(requestId, channels) {
    if (!this.#unanswered.has(requestId)) return;
    for (const channel of channels)this.#answered(requestId, channel);
    const wanted = channels.filter((channel)=>this.#wanted.has(channel));
    const isKnown = (channel)=>this.pictured.has(channel) && this.cursor !== null && !this.#anew;
    const known = wanted.filter(isKnown);
    if (known.length) this.#sync({
      channels: known,
      lastSequence: this.cursor
    });
    const fresh = wanted.filter((channel)=>!isKnown(channel));
    if (fresh.length) this.#sync({
      channels: fresh
    });
    this.#endRound();
  }
  #answered(requestId, channel) {
    const asked = this.#unanswered.get(requestId);
    asked?.delete(channel);
    if (!asked?.size) this.#unanswered.delete(requestId);
  }
  #sync(request) {
    for (const channels of slices(request.channels, MOST_SYNCED)){
      const requestId = newId();
      const part = {
        ...request,
        channels
      };
      this.#syncs.set(requestId, part);
      this.#hooks.send("SYNC_REQUEST", part, requestId);
    }
  }
  /** What came of syncs before is forgotten where everything comes anew. */ #syncBegins(requestId) {
    if (this.#anew && this.#syncs.has(requestId) && !this.#completed.length) this.#gathered = this.#gathered.filter((message)=>!isSnapshot(message));
  }
  #synced(requestId, lastSequence) {
    const request = this.#syncs.get(requestId);
    if (!request) return;
    this.#syncs.delete(requestId);
    const shown = request.channels.filter((channel)=>this.#wanted.has(channel));
    for (const channel of shown)this.pictured.add(channel);
    this.#completed.push(lastSequence);
    if (!this.#inRound) this.#flush();
    this.#endRound();
    if (!this.#inRound) this.#tellShown();
  }
  #tellShown() {
    for (const channel of this.pictured)this.#wanted.get(channel)?.resolve();
  }
  #notSynced(requestId, refusal) {
    const request = this.#syncs.get(requestId);
    if (!request) return;
    this.#syncs.delete(requestId);
    if (OUT_OF_DATE.includes(refusal.code)) return this.#startAnew();
    const refused = refusal.details?.channel;
    if (!refused) return this.#hooks.abandon(new ConnectionLost(refusal.message, refusal));
    this.#drop(refused, refusal);
    const channels = request.channels.filter((channel)=>channel !== refused);
    if (channels.length) this.#sync({
      ...request,
      channels
    });
    else this.#endRound();
  }
  /** Too long away: the history in between is gone, so everything is shown anew. */ #startAnew() {
    const asked = [
      ...this.#unanswered.values()
    ].flatMap((channels)=>[
        ...channels
      ]);
    const all = this.wanted.filter((channel)=>!asked.includes(channel) && !this.#queued.has(channel));
    this.#syncs.clear();
    this.#completed = [];
    this.pictured.clear();
    this.cursor = null;
    this.#inRound = this.#anew = true;
    if (all.length) this.#sync({
      channels: all
    });
    else this.#endRound();
  }
  /** A refused channel is forgotten; a SUBSCRIBE or SYNC_REQUEST refused as a whole is a lost round. */ #refused(requestId, refusal) {
    const asked = this.#unanswered.has(requestId);
    const channel = refusal.details?.channel;
    if (asked && channel) {
      this.#answered(requestId, channel);
      this.#drop(channel, refusal);
      this.#endRound();
    } else if (asked || this.#syncs.has(requestId)) this.#unserved(refusal);
  }
  #unserved(refusal) {
    const { code, message, details } = refusal;
    if (NOT_SERVED.includes(code)) {
      this.#serving = false; // `resume` begins anew
      this.#inRound = true;
    } else if (code === "RATE_LIMIT_EXCEEDED" && details?.retryAfter !== undefined) {
      this.#timers.after("limited", details.retryAfter, ()=>this.#serving && this.begin());
    } else this.#hooks.abandon(new ConnectionLost(message, refusal));
  }
  #unsubscribed(requestId, channels, reason) {
    const own = this.#leaving.get(requestId);
    this.#leaving.delete(requestId);
    for (const channel of channels)if (!own?.includes(channel)) this.#drop(channel, {
      code: reason ?? "",
      message: `${channel} is followed no longer.`
    });
    this.#hooks.trim();
    this.#endRound();
  }
  #drop(channel, { code, message, details }) {
    if (!this.#wanted.has(channel)) return;
    this.#forget(channel, new RequestRefused(message, {
      code,
      details: {
        channel,
        ...details
      }
    }));
    this.#hooks.dropped(channel, code || null);
    this.#hooks.trim();
  }
  #forget(channel, reason) {
    this.#wanted.get(channel)?.reject(reason);
    for (const channels of [
      this.#wanted,
      this.pictured,
      this.#queued
    ])channels.delete(channel);
    this.#fewer ||= this.#inRound || this.#syncs.size > 0;
  }
  #endRound() {
    if (!this.#serving || this.#flushing || this.#unanswered.size || this.#syncs.size) return;
    // "live" is told once everything is shown: what comes later moves what somebody points at.
    if (this.#inRound && this.#queued.size) return this.#subscribeQueued();
    const wasInRound = this.#inRound;
    if (wasInRound) this.#flush();
    // Who has heard of it may want more of it: that belongs to this round.
    if (wasInRound && this.#queued.size) return this.#subscribeQueued();
    this.#inRound = false;
    // The least of them: one sync may be ahead of what the other's channels have got so far.
    if (this.#completed.length && (wasInRound || this.cursor === null)) this.cursor = Math.min(...this.#completed);
    if (this.#fewer) this.#hooks.trim();
    this.#completed = [];
    this.#fewer = false;
    if (!wasInRound) return;
    this.#hooks.complete();
    // Also where it was a refusal that has ended the round.
    this.#tellShown();
  }
  /** Hand on what was gathered. */ #flush() {
    const [messages, anew] = [
      this.#gathered.sort(inOrder),
      this.#anew
    ];
    this.#gathered = [];
    this.#anew = false;
    // A listener may drop a channel, which must not end the round before all of it is handed on.
    this.#flushing = true;
    try {
      if (messages.length || anew) this.#hooks.apply({
        messages,
        anew
      });
    } finally{
      this.#flushing = false;
    }
  }
}
/** A snapshot tells when it was taken: no event. */ export function isSnapshot({ type, payload }) {
  return type === "SYNC_UPDATE" && payload.changeType === "snapshot";
}
export function subjectOf({ payload }) {
  return payload;
}
/** By sequence; of one event, what it takes away comes before what it shows. */ function inOrder(one, other) {
  return one.payload.sequence - other.payload.sequence || Number(other.type === "SYNC_DELETE") - Number(one.type === "SYNC_DELETE");
}
/** Throw what a server would answer; a name like this would have it refuse those beside it, too. */ function requireName(channel) {
  if (typeof channel === "string" && channel && channel.length <= LONGEST_NAME && !LONE_SURROGATE.test(channel)) return;
  throw new RequestRefused(`${JSON.stringify(channel)} is no name of a channel.`, {
    code: "INVALID_CHANNEL"
  });
}
function* slices(all, size) {
  for(let first = 0; first < all.length; first += size)yield all.slice(first, first + size);
}
function promised() {
  let resolve = ()=>{};
  let reject = ()=>{};
  const promise = new Promise((fulfil, refuse)=>{
    resolve = fulfil;
    reject = refuse;
  });
  promise.catch(()=>{}); // not everybody waits for it; `dropped` tells, too
  return {
    promise,
    resolve,
    reject
  };
}
