// Requests that wait for their answer, over the loss of a connection and its return.

const RESEND_MS = 300_000; // the server remembers a requestId for ten minutes

/** A request that waits; `at`: when it was made, in milliseconds since 1970.
 *
 * @typedef {object} Waiting
 * @property {string} type
 * @property {object} payload
 * @property {number} at
 * @property {boolean} sent
 * @property {(payload: object) => void} resolve
 * @property {(reason: Error) => void} reject
 */

export class Requests {
  /** @type {Map<string, Waiting>} by requestId */
  #waiting = new Map();

  /** @param {string} requestId */
  has(requestId) {
    return this.#waiting.has(requestId);
  }

  /** Resolves with the answer's payload, rejected with the server's words.
   *
   * send: null where nothing can be sent just now.
   * signal: withdraws the request, if it has not been sent.
   *
   * @param {string} type
   * @param {object} payload
   * @param {{send: Send | null, signal?: AbortSignal}} how
   * @returns {Promise<object>}
   */
  add(type, payload, { send, signal }) {
    const requestId = newId();
    return new Promise((resolve, reject) => {
      /** @type {Waiting} */
      const request = { type, payload, at: Date.now(), sent: send !== null, resolve, reject };
      this.#waiting.set(requestId, request);
      signal?.addEventListener("abort", () => {
        if (!request.sent && this.#waiting.delete(requestId)) reject(signal.reason);
      });
      send?.(type, payload, requestId);
    });
  }

  /** On a new connection: with the same requestId what had been sent already has one effect.
   *
   * @param {Send} send
   */
  sendAgain(send) {
    for (const [requestId, request] of this.#waiting) {
      if (Date.now() - request.at > RESEND_MS) {
        const why = request.sent ? "Perhaps not saved: the answer was lost." : "Not saved: there was no connection for too long.";
        this.#end(requestId)?.reject(new Error(why));
      } else {
        request.sent = true;
        send(request.type, request.payload, requestId);
      }
    }
  }

  /** @param {ServerMessage} message */
  answer({ type, payload, requestId }) {
    const request = requestId && this.#end(requestId);
    if (!request) return;
    if (type === "ERROR") request.reject(new Error(reasonOf(payload)));
    else request.resolve(payload ?? {});
  }

  /** @param {string} why */
  giveUp(why) {
    for (const requestId of [...this.#waiting.keys()]) this.#end(requestId)?.reject(new Error(why));
  }

  /** @param {string} requestId */
  #end(requestId) {
    const request = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    return request;
  }
}

/** In a person's words: of what they typed counts what is wrong with it, not how it was sent.
 *
 * @param {Refusal} refusal
 */
function reasonOf({ message, details }) {
  const { field, reason } = details ?? {};
  return reason && field?.startsWith("payload.") ? `${reason}.` : message;
}

// Random: it must not be used again on any device. crypto.randomUUID exists on https only.
export function newId() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
}
