// Written by `make clients` of clients/javascript/src: change it there.
// Tokens: signing in and out, and a fresh access token whenever one is needed.
import { addressesOf } from "./addresses.js";
import { BosError, NotBosError, SignInError } from "./errors.js";
import { withLock } from "./lock.js";
const EARLY_MS = 60_000; // renew a token this long before it expires
const PATIENCE_MS = 10_000;
const ANSWER_MS = 300; // how long a new tab waits for one that is signed in
const REFUSALS = [
  400,
  401,
  403
]; // anything else may pass: a proxy's 429, a restart's 502
/** Return a source of tokens that signs in with this password; nothing is kept but in memory. */ export function passwordSession(url, email, password, { fetch } = {}) {
  const session = new StoredSession({
    url,
    fetch,
    own: memory(),
    shared: memory()
  });
  return async (how)=>{
    const isNew = !session.signedIn;
    if (isNew) await session.signIn(email, password);
    return session.token(isNew ? {
      fresh: false
    } : how);
  };
}
/** A sign-in that lives as long as its tab.
 *
 * A duplicated tab begins with a copy of it. A refresh token works once, and used again it ends the
 * sign-in for all of them: so what is newest of a sign-in stands in the shared storage under its id,
 * one tab at a time renews it there, and the others take what it has got.
 */
export class StoredSession {
  #http;
  #key;
  #own;
  #shared;
  #fetch;
  #tabs;
  #kept;
  #refreshing = null;
  #offered = ()=>{};
  constructor({ url, key = "bos.session", own, shared, fetch = globalThis.fetch.bind(globalThis) }){
    const { sessionStorage, localStorage } = globalThis;
    const isBrowser = own === undefined && sessionStorage !== undefined && "document" in globalThis;
    this.#http = addressesOf(url).http;
    this.#key = key;
    this.#own = own ?? (isBrowser ? sessionStorage : memory());
    this.#shared = shared ?? (isBrowser && localStorage ? localStorage : memory());
    this.#fetch = fetch;
    this.#kept = keptIn(this.#own, key);
    this.#tabs = isBrowser ? new BroadcastChannel(key) : null;
    if (this.#tabs) this.#tabs.onmessage = ({ data })=>this.#hear(data);
    forgetExpired(this.#shared, key);
  }
  get signedIn() {
    return this.#kept !== null;
  }
  get email() {
    return this.#kept?.email ?? "";
  }
  /** `code`: of a user with a second factor; without it they are rejected with MFA_REQUIRED. */ async signIn(email, password, code) {
    this.#keep(await this.#post("/auth/token", {
      email,
      password,
      ...code ? {
        code
      } : {}
    }), email);
  }
  /** Be signed in as the session of the server's own pages is, on one of which this runs.
   *
   * csrf: the token that the server has written into the page.
   */
  async takeUp(csrf, email) {
    this.#keep(await this.#post("/auth/session", {}, {
      "X-CSRFToken": csrf
    }), email);
  }
  /** Be signed in as another tab of this browser is; whether there is one. */ async adopt() {
    const offered = await new Promise((resolve)=>{
      this.#offered = resolve;
      this.#tabs?.postMessage({
        asked: true
      });
      setTimeout(resolve, ANSWER_MS, null);
    });
    this.#offered = ()=>{};
    if (offered && !this.#kept) this.#store(offered);
    return this.signedIn;
  }
  async signOut() {
    const refresh = this.#newest()?.refresh;
    this.forget();
    if (refresh) await this.#post("/auth/logout", {
      refresh
    }).catch(()=>{}); // it expires by itself
  }
  /** Be signed in no longer, here: the server is not told. */ forget() {
    if (this.#kept) this.#shared.removeItem(this.#place(this.#kept.id));
    this.#kept = null;
    this.#own.removeItem(this.#key);
  }
  /** Return an access token that is valid for a while; `fresh` asks for a new one in any case.
   *
   * The source of tokens that `connect` takes. Rejected with SignInError where only signing in helps.
   */
  token = async ({ fresh = false } = {})=>{
    if (!this.#kept) throw new SignInError("Please sign in.");
    if (fresh || Date.now() >= this.#kept.renewAt) {
      // Whoever asks meanwhile in this tab waits for the same answer.
      this.#refreshing ??= this.#renew(this.#kept).finally(()=>this.#refreshing = null);
      await this.#refreshing;
    }
    return this.#kept.access;
  };
  // ---------------------------------------------------------------- between tabs
  #hear({ asked, offered }) {
    if (asked && this.#kept) this.#tabs?.postMessage({
      offered: this.#kept
    });
    if (offered) this.#offered(offered);
  }
  /** One tab at a time; one that comes later finds that it is done. */ async #renew(before) {
    await withLock(this.#place(before.id), this.#shared, async ()=>{
      const newest = this.#newest();
      if (newest && newest.refresh !== before.refresh && newest.renewAt > Date.now()) this.#store(newest);
      else await this.#refresh(newest ?? before);
    });
    if (this.#kept === null) throw new SignInError("Please sign in."); // signed out meanwhile
  }
  async #refresh({ id, refresh, email }) {
    let tokens;
    try {
      tokens = await this.#post("/auth/refresh", {
        refresh
      });
    } catch (error) {
      if (!(error instanceof SignInError)) throw error;
      throw new SignInError("Your session has ended. Please sign in again.", {
        code: error.code,
        cause: error
      });
    }
    if (this.#kept?.id === id) this.#keep(tokens, email);
  }
  #newest() {
    return this.#kept && (keptIn(this.#shared, this.#place(this.#kept.id)) ?? this.#kept);
  }
  #keep({ access, refresh }, email) {
    // By the token's length of life, not by its end: this computer's clock may be wrong.
    const { iat, exp, sid } = claims(access);
    const life = (exp - iat) * 1000;
    const renewAt = Date.now() + Math.max(life - EARLY_MS, life / 2);
    this.#store({
      id: sid ?? email,
      access,
      refresh,
      renewAt,
      email
    });
  }
  #store(kept) {
    this.#kept = kept;
    this.#own.setItem(this.#key, JSON.stringify(kept));
    this.#shared.setItem(this.#place(kept.id), JSON.stringify(kept));
  }
  #place(id) {
    return `${this.#key}.${id}`;
  }
  // ---------------------------------------------------------------- HTTP
  async #post(path, body, more = {}) {
    const response = await this.#fetch(this.#http + path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...more
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS)
    });
    if (response.status === 204) return {
      access: "",
      refresh: ""
    };
    if (response.ok) return pairOf(await response.json().catch(()=>null), this.#http);
    const { code, message, details } = await response.json().catch(()=>({}));
    const facts = {
      code,
      details: {
        ...details,
        retryAfter: Number(response.headers.get("Retry-After")) || undefined
      }
    };
    if (response.status === 429) throw new BosError(`Too many failed attempts. ${wait(facts.details.retryAfter)}`, facts);
    if (REFUSALS.includes(response.status)) throw new SignInError(message ?? "The server refused this.", facts);
    throw new BosError("The server does not answer. Please try again.", facts);
  }
}
/** Return what was answered as a pair of tokens. Throws NotBosError where it is something else. */ function pairOf(answer, http) {
  if (typeof answer?.access === "string" && typeof answer.refresh === "string") return answer;
  throw new NotBosError(`${http} is no BOS. It answers a sign-in without tokens.`);
}
/** Remove what tabs have left behind that were closed without signing out. */ function forgetExpired(shared, prefix) {
  for (const key of Object.keys(shared)){
    if (!key.startsWith(`${prefix}.`)) continue;
    const kept = keptIn(shared, key);
    if (kept === null || isOver(kept.refresh)) shared.removeItem(key);
  }
}
/** Return the sign-in that is kept there; null where there is none, or something else. */ function keptIn(storage, key) {
  try {
    const kept = JSON.parse(storage.getItem(key) ?? "null");
    return typeof kept?.id === "string" && typeof kept.access === "string" && typeof kept.refresh === "string" ? kept : null;
  } catch  {
    return null;
  }
}
function isOver(token) {
  try {
    return claims(token).exp * 1000 < Date.now();
  } catch  {
    return true; // no token
  }
}
function claims(token) {
  return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
}
function wait(seconds) {
  if (!seconds) return "Please try again later.";
  return seconds < 90 ? `Try again in ${seconds} s.` : `Try again in ${Math.ceil(seconds / 60)} minutes.`;
}
/** Return a storage that lives as long as the program. */ function memory() {
  const kept = new Map();
  return {
    getItem: (key)=>kept.get(key) ?? null,
    setItem: (key, value)=>void kept.set(key, value),
    removeItem: (key)=>void kept.delete(key)
  };
}
