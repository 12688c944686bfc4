// The server's REST API, as the user who has signed in.

import { BosError } from "@bos/client";
import { session } from "./session.ts";

const PATIENCE_MS = 20_000;

/** Ask for `path`; resolves with what is answered, as JSON. Rejected with a BosError that says why not. */
export async function ask<T>(path: string, { method = "GET", body, signal }: { method?: string; body?: unknown; signal?: AbortSignal } = {}): Promise<T> {
  const response = await send(path, method, body, signal);
  return response.status === 204 ? (undefined as T) : await response.json() as T;
}

/** Every page of a list of /api/v1 in turn: each answer's `next` is the address of the one after it. */
export async function* pages<T>(path: string, signal?: AbortSignal): AsyncGenerator<T[]> {
  let next: string | null = path;
  while (next) {
    const page: { items: T[]; next: string | null } = await ask(next, { signal });
    yield page.items;
    ({ next } = page);
  }
}

/** The answer as it is, for what is not JSON. */
export async function send(path: string, method = "GET", body?: unknown, signal?: AbortSignal): Promise<Response> {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(path, {
    method,
    headers: { Authorization: `Bearer ${await session.token()}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  if (response.ok) return response;
  const { code = "", message = "The server could not do this.", details = {} } = await response.json().catch(() => ({}));
  throw new BosError(message, { code, details });
}
