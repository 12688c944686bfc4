// Written by `make clients` of clients/javascript/src: change it there.
// Requests that wait for their answer, over the loss of a connection and its return.
import { GivenUp, RateLimited, RequestRefused, Timeout } from "./errors.js";
import { newId } from "./ids.js";
import { ANSWERED_LATER, ANSWERS } from "./protocol.js";
import { Timers } from "./timers.js";
const GIVE_UP_S = 300; // the server remembers a requestId for ten minutes
const AT_ONCE = 16; // on the way: what waits for long is not counted
const NOT_SERVED = [
  "AUTHENTICATION_REQUIRED",
  "TOKEN_EXPIRED"
];
export class Requests {
  #waiting = new Map();
  #timers;
  #send;
  #ready = false;
  constructor(pace, send){
    this.#timers = new Timers(pace);
    this.#send = send;
  }
  /** How many have no answer yet. */ get size() {
    return this.#waiting.size;
  }
  /** Send it now or as soon as that is possible; resolves with the answer's payload.
   *
   * ahead: of all that wait, which may need what it does.
   */
  add(type, payload, { signal, timeout, requestId = newId(), ahead } = {}) {
    return new Promise((resolve, reject)=>{
      if (signal?.aborted) return reject(signal.reason);
      // As it is now, also when it is sent later; one that JSON cannot hold is rejected here.
      const asked = payload === undefined ? payload : JSON.parse(JSON.stringify(payload));
      const withdraw = ()=>void (request.sent || this.#end(request)?.reject(signal?.reason));
      const forget = ()=>signal?.removeEventListener("abort", withdraw);
      const request = {
        requestId,
        type,
        payload: asked,
        sent: false,
        onTheWay: false,
        limited: null,
        forget,
        resolve,
        reject
      };
      if (ahead) this.#waiting = new Map([
        [
          requestId,
          request
        ],
        ...this.#waiting
      ]);
      else this.#waiting.set(requestId, request);
      signal?.addEventListener("abort", withdraw);
      const isOwn = timeout !== undefined && timeout < GIVE_UP_S;
      this.#timers.after(requestId, isOwn ? timeout : GIVE_UP_S, ()=>this.#giveUp(request, isOwn));
      this.#pump();
    });
  }
  /** Requests are served from now on: those that had no answer are sent again, with their requestId. */ open() {
    this.#ready = true;
    this.#pump();
  }
  /** Nothing is served until `open`. lost: nothing comes back of what is on the way, either. */ pause({ lost }) {
    this.#ready = false;
    if (lost) for (const request of this.#waiting.values())request.onTheWay = false;
  }
  /** Take a message that may be an answer. */ answer({ type, requestId, payload }) {
    if (type === "NOTIFICATION") return this.#failed(payload.data.requestId, payload);
    const request = this.#waiting.get(requestId ?? "");
    if (!request) return;
    if (type === "ERROR") this.#refused(request, payload);
    else if (ANSWERS[request.type]?.includes(type)) this.#end(request)?.resolve(payload);
    else return;
    this.#pump();
  }
  /** End all of them. reason: of each, by whether it had been sent. */ end(reason) {
    this.#ready = false;
    for (const request of [
      ...this.#waiting.values()
    ])this.#end(request)?.reject(reason(request.sent));
    this.#timers.clear();
  }
  #refused(request, { code, message, details }) {
    const refusal = new RequestRefused(message, {
      code,
      details
    });
    const retryAfter = details?.retryAfter;
    if (NOT_SERVED.includes(code)) request.onTheWay = false; // sent again after the next AUTH
    else if (code === "RATE_LIMIT_EXCEEDED" && retryAfter !== undefined) {
      request.onTheWay = false;
      request.limited = refusal;
      this.#timers.after("limited", retryAfter, ()=>this.#pump());
    } else this.#end(request)?.reject(refusal);
  }
  /** What a worker could not do is told by a notification. */ #failed(requestId, { category, message }) {
    const request = this.#waiting.get(requestId ?? "");
    if (request && ANSWERED_LATER.includes(request.type)) this.#end(request)?.reject(new RequestRefused(message, {
      code: category
    }));
  }
  #giveUp(request, isOwn) {
    const { sent, limited } = request;
    const why = sent ? "Perhaps it was done: no answer has come." : "It was not sent: there was no connection for too long.";
    const error = isOwn ? new Timeout(why, sent) : limited ? new RateLimited(limited.message, sent, limited) : new GivenUp(why, sent);
    this.#end(request)?.reject(error);
    this.#pump();
  }
  /** In their order, and not all at once: a server counts messages. */ #pump() {
    if (!this.#ready || this.#timers.has("limited")) return;
    let onTheWay = 0;
    for (const request of this.#waiting.values())if (request.onTheWay && !ANSWERED_LATER.includes(request.type)) onTheWay += 1;
    for (const request of this.#waiting.values()){
      if (onTheWay >= AT_ONCE) return;
      if (request.onTheWay) continue;
      request.sent = request.onTheWay = true;
      if (!ANSWERED_LATER.includes(request.type)) onTheWay += 1;
      this.#send(request.type, request.payload, request.requestId);
    }
  }
  #end(request) {
    this.#timers.cancel(request.requestId);
    request.forget();
    return this.#waiting.delete(request.requestId) ? request : undefined;
  }
}
