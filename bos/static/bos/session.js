// Tokens: signing in and out, and a fresh access token whenever one is needed.

const KEY = "bos.tokens";
const EARLY_MS = 60_000; // renew a token this long before it expires

export class SignInRefused extends Error {}

export class Session {
  #tokens = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  #refreshing = null;

  get signedIn() {
    return this.#tokens !== null;
  }

  async signIn(email, password) {
    this.#keep(await post("/auth/token", { email, password }));
  }

  async signOut() {
    const refresh = this.#tokens?.refresh;
    this.forget();
    if (refresh) await post("/auth/logout", { refresh }).catch(() => {});
  }

  forget() {
    this.#tokens = null;
    sessionStorage.removeItem(KEY);
  }

  /** An access token that is valid for a while; `fresh` asks for a new one in any case. */
  async accessToken({ fresh = false } = {}) {
    if (fresh || expiresAt(this.#tokens.access) - EARLY_MS < Date.now()) {
      // A refresh token works once: whoever asks meanwhile waits for the same answer.
      this.#refreshing ??= post("/auth/refresh", { refresh: this.#tokens.refresh })
        .then((tokens) => this.#keep(tokens))
        .finally(() => (this.#refreshing = null));
      await this.#refreshing;
    }
    return this.#tokens.access;
  }

  #keep(tokens) {
    this.#tokens = tokens;
    sessionStorage.setItem(KEY, JSON.stringify(tokens));
  }
}

function expiresAt(token) {
  const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(claims)).exp * 1000;
}

async function post(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  if (response.status < 500) throw new SignInRefused(problem.message ?? "refused");
  throw new Error(`${address}: ${response.status}`);
}
