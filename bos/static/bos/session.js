// Tokens: signing in and out, and a fresh access token whenever one is needed.

const KEY = "bos.session";
const EARLY_MS = 60_000; // renew a token this long before it expires
const COPY_MS = 2_000; // how long a tab waits for what its copy has been given
const REFUSALS = new Set([400, 401, 403]); // anything else may pass: a proxy's 429, a restart's 502

/** The server will not have this: only signing in anew helps. */
export class SignInRefused extends Error {
  name = "SignInRefused";
}

/**
 * Lives as long as its tab: {access, refresh, renewAt, email} in sessionStorage.
 *
 * A duplicated tab begins with a copy. A refresh token that is used twice ends the sign-in for both,
 * so the one that renews first tells the others.
 */
export class Session {
  #kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  #refreshing = null;
  #copies = new BroadcastChannel(KEY);
  #told = () => {};

  constructor() {
    this.#copies.onmessage = ({ data: { spent, kept } }) => {
      if (this.#kept?.refresh !== spent) return;
      this.#store(kept);
      this.#told();
    };
  }

  get signedIn() {
    return this.#kept !== null;
  }

  get email() {
    return this.#kept?.email ?? "";
  }

  async signIn(email, password) {
    this.#keep(await post("/auth/token", { email, password }), email);
  }

  async signOut() {
    const refresh = this.#kept?.refresh;
    this.forget();
    if (refresh) await post("/auth/logout", { refresh }).catch(() => {}); // it expires by itself
  }

  forget() {
    this.#kept = null;
    sessionStorage.removeItem(KEY);
  }

  /** An access token that is valid for a while; `fresh` asks for a new one in any case. */
  async accessToken({ fresh = false } = {}) {
    if (!this.#kept) throw new SignInRefused("Please sign in.");
    if (fresh || Date.now() >= this.#kept.renewAt) {
      // A refresh token works once: whoever asks meanwhile waits for the same answer.
      this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
      await this.#refreshing;
    }
    return this.#kept.access;
  }

  async #refresh() {
    const before = this.#kept;
    let tokens;
    try {
      tokens = await post("/auth/refresh", { refresh: before.refresh });
    } catch (error) {
      if (!(error instanceof SignInRefused)) throw error;
      // A copy may have been faster: its tokens are on their way.
      if (await this.#renewedElsewhere(before)) return;
      throw new SignInRefused("Your session has ended. Please sign in again.");
    }
    if (this.#kept !== before) throw new SignInRefused("Please sign in."); // signed out meanwhile
    this.#keep(tokens, before.email);
    this.#copies.postMessage({ spent: before.refresh, kept: this.#kept });
  }

  async #renewedElsewhere(before) {
    if (this.#kept === before) {
      await new Promise((resolve) => {
        this.#told = resolve;
        setTimeout(resolve, COPY_MS);
      });
    }
    return this.#kept !== null && this.#kept !== before;
  }

  #keep({ access, refresh }, email) {
    // By the token's length of life, not by its end: this computer's clock may be wrong.
    const { iat, exp } = claims(access);
    const lifetime = (exp - iat) * 1000;
    const renewAt = Date.now() + Math.max(lifetime - EARLY_MS, lifetime / 2);
    this.#store({ access, refresh, renewAt, email });
  }

  #store(kept) {
    this.#kept = kept;
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  }
}

function claims(token) {
  return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
}

async function post(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  if (response.status === 429) throw new Error(`Too many failed attempts. ${wait(response)}`);
  if (REFUSALS.has(response.status)) throw new SignInRefused(problem.message ?? "The server refused this.");
  throw new Error("The server does not answer. Please try again.");
}

function wait(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  if (!seconds) return "Please try again later.";
  return seconds < 90 ? `Try again in ${seconds} s.` : `Try again in ${Math.ceil(seconds / 60)} minutes.`;
}
