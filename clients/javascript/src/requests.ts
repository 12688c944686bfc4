// Requests that wait for their answer, over the loss of a connection and its return.

import { type BosError, GivenUp, RateLimited, RequestRefused, Timeout } from "./errors.ts";
import { newId } from "./ids.ts";
import { ANSWERED_LATER, ANSWERS, type Replies, type Requests as Payloads, type ServerMessage } from "./protocol.ts";
import { Timers } from "./timers.ts";

const GIVE_UP_S = 300; // the server remembers a requestId for ten minutes
const AT_ONCE = 16; // on the way: what waits for long is not counted
const NOT_SERVED = ["AUTHENTICATION_REQUIRED", "TOKEN_EXPIRED"];

/** Requests that an application makes; what a connection needs for itself is the client's own. */
export type RequestName = Exclude<keyof Replies, "AUTH" | "PING" | "SUBSCRIBE" | "UNSUBSCRIBE" | "SYNC_REQUEST">;

export interface HowToAsk {
  /** Withdraws the request, as long as it has not been sent. */
  signal?: AbortSignal;
  /** Seconds until it is given up; five minutes at most. */
  timeout?: number;
  /** Its id, by default a new one: the same request asked again within ten minutes, as after a reload, has one effect. */
  requestId?: string;
}

/** Sends one message, if it can be sent. */
export type Send = (type: string, payload?: object, requestId?: string) => void;

interface Waiting {
  requestId: string;
  type: RequestName;
  payload: object;
  /** On whatever connection. */
  sent: boolean;
  /** On this connection, and nothing has come back. */
  onTheWay: boolean;
  limited: BosError | null;
  /** Listen to its signal no longer. */
  forget(): void;
  resolve(payload: never): void;
  reject(reason: unknown): void;
}

export class Requests {
  #waiting = new Map<string, Waiting>();
  #timers: Timers;
  #send: Send;
  #ready = false;

  constructor(pace: number, send: Send) {
    this.#timers = new Timers(pace);
    this.#send = send;
  }

  /** How many have no answer yet. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Send it now or as soon as that is possible; resolves with the answer's payload.
   *
   * ahead: of all that wait, which may need what it does.
   */
  add<T extends RequestName>(type: T, payload: Payloads[T], { signal, timeout, requestId = newId(), ahead }: HowToAsk & { ahead?: boolean } = {}): Promise<Replies[T]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      // As it is now, also when it is sent later; one that JSON cannot hold is rejected here.
      const asked = payload === undefined ? payload : JSON.parse(JSON.stringify(payload));
      const withdraw = () => void (request.sent || this.#end(request)?.reject(signal?.reason));
      const forget = () => signal?.removeEventListener("abort", withdraw);
      const request: Waiting = { requestId, type, payload: asked, sent: false, onTheWay: false, limited: null, forget, resolve, reject };
      if (ahead) this.#waiting = new Map([[requestId, request], ...this.#waiting]);
      else this.#waiting.set(requestId, request);
      signal?.addEventListener("abort", withdraw);
      const isOwn = timeout !== undefined && timeout < GIVE_UP_S;
      this.#timers.after(requestId, isOwn ? timeout : GIVE_UP_S, () => this.#giveUp(request, isOwn));
      this.#pump();
    });
  }

  /** Requests are served from now on: those that had no answer are sent again, with their requestId. */
  open(): void {
    this.#ready = true;
    this.#pump();
  }

  /** Nothing is served until `open`. lost: nothing comes back of what is on the way, either. */
  pause({ lost }: { lost: boolean }): void {
    this.#ready = false;
    if (lost) for (const request of this.#waiting.values()) request.onTheWay = false;
  }

  /** Take a message that may be an answer. */
  answer({ type, requestId, payload }: ServerMessage): void {
    if (type === "NOTIFICATION") return this.#failed(payload.data.requestId, payload);
    const request = this.#waiting.get(requestId ?? "");
    if (!request) return;
    if (type === "ERROR") this.#refused(request, payload);
    else if (ANSWERS[request.type]?.includes(type)) this.#end(request)?.resolve(payload as never);
    else return;
    this.#pump();
  }

  /** End all of them. reason: of each, by whether it had been sent. */
  end(reason: (sent: boolean) => Error): void {
    this.#ready = false;
    for (const request of [...this.#waiting.values()]) this.#end(request)?.reject(reason(request.sent));
    this.#timers.clear();
  }

  #refused(request: Waiting, { code, message, details }: { code: string; message: string; details?: BosError["details"] }): void {
    const refusal = new RequestRefused(message, { code, details });
    const retryAfter = details?.retryAfter;
    if (NOT_SERVED.includes(code)) request.onTheWay = false; // sent again after the next AUTH
    else if (code === "RATE_LIMIT_EXCEEDED" && retryAfter !== undefined) {
      request.onTheWay = false;
      request.limited = refusal;
      this.#timers.after("limited", retryAfter, () => this.#pump());
    } else this.#end(request)?.reject(refusal);
  }

  /** What a worker could not do is told by a notification. */
  #failed(requestId: string | undefined, { category, message }: { category: string; message: string }): void {
    const request = this.#waiting.get(requestId ?? "");
    if (request && ANSWERED_LATER.includes(request.type)) this.#end(request)?.reject(new RequestRefused(message, { code: category }));
  }

  #giveUp(request: Waiting, isOwn: boolean): void {
    const { sent, limited } = request;
    const why = sent ? "Perhaps it was done: no answer has come." : "It was not sent: there was no connection for too long.";
    const error = isOwn
      ? new Timeout(why, sent)
      : limited
      ? new RateLimited(limited.message, sent, limited)
      : new GivenUp(why, sent);
    this.#end(request)?.reject(error);
    this.#pump();
  }

  /** In their order, and not all at once: a server counts messages. */
  #pump(): void {
    if (!this.#ready || this.#timers.has("limited")) return;
    let onTheWay = 0;
    for (const request of this.#waiting.values()) if (request.onTheWay && !ANSWERED_LATER.includes(request.type)) onTheWay += 1;
    for (const request of this.#waiting.values()) {
      if (onTheWay >= AT_ONCE) return;
      if (request.onTheWay) continue;
      request.sent = request.onTheWay = true;
      if (!ANSWERED_LATER.includes(request.type)) onTheWay += 1;
      this.#send(request.type, request.payload, request.requestId);
    }
  }

  #end(request: Waiting): Waiting | undefined {
    this.#timers.cancel(request.requestId);
    request.forget();
    return this.#waiting.delete(request.requestId) ? request : undefined;
  }
}
