// Tokens: signing in and out, and a fresh access token whenever one is needed.

import { withLock } from "./lock.js";

const KEY = "bos.session";
const EARLY_MS = 60_000; // renew a token this long before it expires
const PATIENCE_MS = 10_000;
const ANSWER_MS = 300; // how long a new tab waits for one that is signed in
const REFUSALS = new Set([400, 401, 403]); // anything else may pass: a proxy's 429, a restart's 502

/** The server will not have this: only signing in anew helps. */
export class SignInRefused extends Error {
  /** @override */
  name = "SignInRefused";
}

/** @typedef {{asked?: true, offered?: Kept}} BetweenTabs */

/**
 * Lives as long as its tab: {id, access, refresh, renewAt, email} in sessionStorage.
 *
 * A duplicated tab begins with a copy of it. A refresh token works once, and used again it ends the
 * sign-in for all of them: so what is newest of a sign-in stands in localStorage under its id, one
 * tab at a time renews it there, and the others take what it has got.
 */
export class Session {
  /** @type {Kept | null} */
  #kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  /** @type {Promise<void> | null} */
  #refreshing = null;
  #tabs = new BroadcastChannel(KEY);
  /** @type {(offered: Kept | null) => void} */
  #offered = () => {};

  constructor() {
    forgetExpired();
    this.#tabs.onmessage = (/** @type {MessageEvent<BetweenTabs>} */ { data: { asked, offered } }) => {
      if (asked && this.#kept) this.#tabs.postMessage({ offered: this.#kept });
      if (offered) this.#offered(offered);
    };
  }

  get signedIn() {
    return this.#kept !== null;
  }

  get email() {
    return this.#kept?.email ?? "";
  }

  /** @param {string} email @param {string} password */
  async signIn(email, password) {
    this.#keep(await post("/auth/token", { email, password }), email);
  }

  /** Be signed in as another tab of this browser is; whether there is one. */
  async adopt() {
    /** @type {Kept | null} */
    const offered = await new Promise((resolve) => {
      this.#offered = resolve;
      this.#tabs.postMessage({ asked: true });
      setTimeout(resolve, ANSWER_MS, null);
    });
    this.#offered = () => {};
    if (offered && !this.#kept) this.#store(offered);
    return this.signedIn;
  }

  async signOut() {
    const refresh = this.#newest()?.refresh;
    this.forget();
    if (refresh) await post("/auth/logout", { refresh }).catch(() => {}); // it expires by itself
  }

  forget() {
    if (this.#kept) localStorage.removeItem(place(this.#kept.id));
    this.#kept = null;
    sessionStorage.removeItem(KEY);
  }

  /** An access token that is valid for a while; `fresh` asks for a new one in any case. */
  async accessToken({ fresh = false } = {}) {
    if (!this.#kept) throw new SignInRefused("Please sign in.");
    const { renewAt } = this.#kept;
    if (fresh || Date.now() >= renewAt) {
      // Whoever asks meanwhile in this tab waits for the same answer.
      this.#refreshing ??= this.#renew(this.#kept).finally(() => (this.#refreshing = null));
      await this.#refreshing;
    }
    return this.#kept.access;
  }

  /** One tab at a time; one that comes later finds that it is done.
   *
   * @param {Kept} before
   */
  async #renew(before) {
    await withLock(place(before.id), async () => {
      const newest = this.#newest();
      if (newest && newest.refresh !== before.refresh && newest.renewAt > Date.now()) this.#store(newest);
      else await this.#refresh(newest ?? before);
    });
    if (this.#kept === null) throw new SignInRefused("Please sign in."); // signed out meanwhile
  }

  /** @param {Kept} kept */
  async #refresh({ id, refresh, email }) {
    let tokens;
    try {
      tokens = await post("/auth/refresh", { refresh });
    } catch (error) {
      if (!(error instanceof SignInRefused)) throw error;
      throw new SignInRefused("Your session has ended. Please sign in again.");
    }
    if (this.#kept?.id === id) this.#keep(tokens, email);
  }

  /** @returns {Kept | null} */
  #newest() {
    return this.#kept && (JSON.parse(localStorage.getItem(place(this.#kept.id)) ?? "null") ?? this.#kept);
  }

  /** @param {Tokens} tokens @param {string} email */
  #keep({ access, refresh }, email) {
    // By the token's length of life, not by its end: this computer's clock may be wrong.
    const { iat, exp, sid } = claims(access);
    const lifetime = (exp - iat) * 1000;
    const renewAt = Date.now() + Math.max(lifetime - EARLY_MS, lifetime / 2);
    this.#store({ id: sid ?? email, access, refresh, renewAt, email });
  }

  /** @param {Kept} kept */
  #store(kept) {
    this.#kept = kept;
    sessionStorage.setItem(KEY, JSON.stringify(kept));
    localStorage.setItem(place(kept.id), JSON.stringify(kept));
  }
}

/** @param {string} id */
function place(id) {
  return `${KEY}.${id}`;
}

/** What tabs have left behind that were closed without signing out. */
function forgetExpired() {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(`${KEY}.`)) continue;
    const { refresh } = JSON.parse(localStorage.getItem(key) ?? "{}");
    if (claims(refresh).exp * 1000 < Date.now()) localStorage.removeItem(key);
  }
}

/** @param {string} token @returns {{iat: number, exp: number, sid?: string}} */
function claims(token) {
  return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
}

/** @param {string} address @param {object} body */
async function post(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS), // other tabs wait for it, too
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  if (response.status === 429) throw new Error(`Too many failed attempts. ${wait(response)}`);
  if (REFUSALS.has(response.status)) throw new SignInRefused(problem.message ?? "The server refused this.");
  throw new Error("The server does not answer. Please try again.");
}

/** @param {Response} response */
function wait(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  if (!seconds) return "Please try again later.";
  return seconds < 90 ? `Try again in ${seconds} s.` : `Try again in ${Math.ceil(seconds / 60)} minutes.`;
}
