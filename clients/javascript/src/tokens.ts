// Tokens: signing in and out, and a fresh access token whenever one is needed.

import { addressesOf } from "./addresses.ts";
import { BosError, NotBosError, SignInError } from "./errors.ts";
import { type Storage, withLock } from "./lock.ts";

const EARLY_MS = 60_000; // renew a token this long before it expires
const PATIENCE_MS = 10_000;
const ANSWER_MS = 300; // how long a new tab waits for one that is signed in
const REFUSALS = [400, 401, 403]; // anything else may pass: a proxy's 429, a restart's 502

/** A sign-in as it is kept; `renewAt`: milliseconds since 1970. */
interface Kept {
  id: string;
  email: string;
  access: string;
  refresh: string;
  renewAt: number;
}

export interface SessionOptions {
  /** Of the server. */
  url: string;
  /** The name under which it is kept. */
  key?: string;
  /** Lives as long as a tab: sessionStorage, if there is one. */
  own?: Storage;
  /** For all tabs: localStorage, if there is one. */
  shared?: Storage;
  fetch?: typeof fetch;
}

/** Tells other tabs, and hears of them. */
type BetweenTabs = { asked?: true; offered?: Kept };

/** Return a source of tokens that signs in with this password; nothing is kept but in memory. */
export function passwordSession(
  url: string,
  email: string,
  password: string,
  { fetch }: Pick<SessionOptions, "fetch"> = {},
): (how: { fresh: boolean }) => Promise<string> {
  const session = new StoredSession({ url, fetch, own: memory(), shared: memory() });
  return async (how) => {
    const isNew = !session.signedIn;
    if (isNew) await session.signIn(email, password);
    return session.token(isNew ? { fresh: false } : how);
  };
}

/** A sign-in that lives as long as its tab.
 *
 * A duplicated tab begins with a copy of it. A refresh token works once, and used again it ends the
 * sign-in for all of them: so what is newest of a sign-in stands in the shared storage under its id,
 * one tab at a time renews it there, and the others take what it has got.
 */
export class StoredSession {
  readonly #http: string;
  readonly #key: string;
  readonly #own: Storage;
  readonly #shared: Storage;
  readonly #fetch: typeof fetch;
  readonly #tabs: BroadcastChannel | null;
  #kept: Kept | null;
  #refreshing: Promise<void> | null = null;
  #offered: (offered: Kept | null) => void = () => {};

  constructor({ url, key = "bos.session", own, shared, fetch = globalThis.fetch.bind(globalThis) }: SessionOptions) {
    const { sessionStorage, localStorage } = globalThis as { sessionStorage?: Storage; localStorage?: Storage };
    const isBrowser = own === undefined && sessionStorage !== undefined && "document" in globalThis;
    this.#http = addressesOf(url).http;
    this.#key = key;
    this.#own = own ?? (isBrowser ? sessionStorage : memory());
    this.#shared = shared ?? (isBrowser && localStorage ? localStorage : memory());
    this.#fetch = fetch;
    this.#kept = keptIn(this.#own, key);
    this.#tabs = isBrowser ? new BroadcastChannel(key) : null;
    if (this.#tabs) this.#tabs.onmessage = ({ data }: MessageEvent<BetweenTabs>) => this.#hear(data);
    forgetExpired(this.#shared, key);
  }

  get signedIn(): boolean {
    return this.#kept !== null;
  }

  get email(): string {
    return this.#kept?.email ?? "";
  }

  /** `code`: of a user with a second factor; without it they are rejected with MFA_REQUIRED. */
  async signIn(email: string, password: string, code?: string): Promise<void> {
    this.#keep(await this.#post("/auth/token", { email, password, ...(code ? { code } : {}) }), email);
  }

  /** Be signed in as the session of the server's own pages is, on one of which this runs.
   *
   * csrf: the token that the server has written into the page.
   */
  async takeUp(csrf: string, email: string): Promise<void> {
    this.#keep(await this.#post("/auth/session", {}, { "X-CSRFToken": csrf }), email);
  }

  /** Be signed in as another tab of this browser is; whether there is one. */
  async adopt(): Promise<boolean> {
    const offered = await new Promise<Kept | null>((resolve) => {
      this.#offered = resolve;
      this.#tabs?.postMessage({ asked: true });
      setTimeout(resolve, ANSWER_MS, null);
    });
    this.#offered = () => {};
    if (offered && !this.#kept) this.#store(offered);
    return this.signedIn;
  }

  async signOut(): Promise<void> {
    const refresh = this.#newest()?.refresh;
    this.forget();
    if (refresh) await this.#post("/auth/logout", { refresh }).catch(() => {}); // it expires by itself
  }

  /** Be signed in no longer, here: the server is not told. */
  forget(): void {
    if (this.#kept) this.#shared.removeItem(this.#place(this.#kept.id));
    this.#kept = null;
    this.#own.removeItem(this.#key);
  }

  /** Return an access token that is valid for a while; `fresh` asks for a new one in any case.
   *
   * The source of tokens that `connect` takes. Rejected with SignInError where only signing in helps.
   */
  token = async ({ fresh = false }: { fresh?: boolean } = {}): Promise<string> => {
    if (!this.#kept) throw new SignInError("Please sign in.");
    if (fresh || Date.now() >= this.#kept.renewAt) {
      // Whoever asks meanwhile in this tab waits for the same answer.
      this.#refreshing ??= this.#renew(this.#kept).finally(() => this.#refreshing = null);
      await this.#refreshing;
    }
    return this.#kept.access;
  };

  // ---------------------------------------------------------------- between tabs

  #hear({ asked, offered }: BetweenTabs): void {
    if (asked && this.#kept) this.#tabs?.postMessage({ offered: this.#kept });
    if (offered) this.#offered(offered);
  }

  /** One tab at a time; one that comes later finds that it is done. */
  async #renew(before: Kept): Promise<void> {
    await withLock(this.#place(before.id), this.#shared, async () => {
      const newest = this.#newest();
      if (newest && newest.refresh !== before.refresh && newest.renewAt > Date.now()) this.#store(newest);
      else await this.#refresh(newest ?? before);
    });
    if (this.#kept === null) throw new SignInError("Please sign in."); // signed out meanwhile
  }

  async #refresh({ id, refresh, email }: Kept): Promise<void> {
    let tokens: Tokens;
    try {
      tokens = await this.#post("/auth/refresh", { refresh });
    } catch (error) {
      if (!(error instanceof SignInError)) throw error;
      throw new SignInError("Your session has ended. Please sign in again.", { code: error.code, cause: error });
    }
    if (this.#kept?.id === id) this.#keep(tokens, email);
  }

  #newest(): Kept | null {
    return this.#kept && (keptIn(this.#shared, this.#place(this.#kept.id)) ?? this.#kept);
  }

  #keep({ access, refresh }: Tokens, email: string): void {
    // By the token's length of life, not by its end: this computer's clock may be wrong.
    const { iat, exp, sid } = claims(access);
    const life = (exp - iat) * 1000;
    const renewAt = Date.now() + Math.max(life - EARLY_MS, life / 2);
    this.#store({ id: sid ?? email, access, refresh, renewAt, email });
  }

  #store(kept: Kept): void {
    this.#kept = kept;
    this.#own.setItem(this.#key, JSON.stringify(kept));
    this.#shared.setItem(this.#place(kept.id), JSON.stringify(kept));
  }

  #place(id: string): string {
    return `${this.#key}.${id}`;
  }

  // ---------------------------------------------------------------- HTTP

  async #post(path: string, body: object, more: Record<string, string> = {}): Promise<Tokens> {
    const response = await this.#fetch(this.#http + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...more },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS), // other tabs wait for it, too
    });
    if (response.status === 204) return { access: "", refresh: "" };
    if (response.ok) return pairOf(await response.json().catch(() => null), this.#http);
    const { code, message, details } = await response.json().catch(() => ({}));
    const facts = { code, details: { ...details, retryAfter: Number(response.headers.get("Retry-After")) || undefined } };
    if (response.status === 429) throw new BosError(`Too many failed attempts. ${wait(facts.details.retryAfter)}`, facts);
    if (REFUSALS.includes(response.status)) throw new SignInError(message ?? "The server refused this.", facts);
    throw new BosError("The server does not answer. Please try again.", facts);
  }
}

interface Tokens {
  access: string;
  refresh: string;
}

/** Return what was answered as a pair of tokens. Throws NotBosError where it is something else. */
function pairOf(answer: Tokens | null, http: string): Tokens {
  if (typeof answer?.access === "string" && typeof answer.refresh === "string") return answer;
  throw new NotBosError(`${http} is no BOS. It answers a sign-in without tokens.`);
}

/** Remove what tabs have left behind that were closed without signing out. */
function forgetExpired(shared: Storage, prefix: string): void {
  for (const key of Object.keys(shared)) {
    if (!key.startsWith(`${prefix}.`)) continue;
    const kept = keptIn(shared, key);
    if (kept === null || isOver(kept.refresh)) shared.removeItem(key);
  }
}

/** Return the sign-in that is kept there; null where there is none, or something else. */
function keptIn(storage: Storage, key: string): Kept | null {
  try {
    const kept = JSON.parse(storage.getItem(key) ?? "null");
    return typeof kept?.id === "string" && typeof kept.access === "string" && typeof kept.refresh === "string" ? kept : null;
  } catch {
    return null;
  }
}

function isOver(token: string): boolean {
  try {
    return claims(token).exp * 1000 < Date.now();
  } catch {
    return true; // no token
  }
}

function claims(token: string): { iat: number; exp: number; sid?: string } {
  return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
}

function wait(seconds: number | undefined): string {
  if (!seconds) return "Please try again later.";
  return seconds < 90 ? `Try again in ${seconds} s.` : `Try again in ${Math.ceil(seconds / 60)} minutes.`;
}

/** Return a storage that lives as long as the program. */
function memory(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}
