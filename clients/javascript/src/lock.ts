// One tab of a browser at a time, by Web Locks; over plain HTTP, where there are none, by a lease.

import { newId } from "./ids.ts";

const LEASE_MS = 15_000; // a tab that is closed meanwhile leaves it behind
const PAUSE_MS = 200; // what a tab writes, another process may read a while later

/** Where texts are kept by name: localStorage, sessionStorage, or whatever an application has. */
export interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Do this while no other tab does what is under the same name. */
export function withLock<T>(name: string, shared: Storage, action: () => Promise<T>): Promise<T> {
  const locks = (globalThis as { navigator?: { locks?: { request(name: string, action: () => Promise<T>): Promise<T> } } }).navigator?.locks;
  return locks ? locks.request(name, action) : withLease(`lock.${name}`, shared, action);
}

async function withLease<T>(key: string, shared: Storage, action: () => Promise<T>): Promise<T> {
  const mine = newId();
  const held = () => JSON.parse(shared.getItem(key) ?? "null");
  while (held()?.owner !== mine) {
    // A clock that was set back must not make it last longer.
    const left = held()?.until - Date.now();
    if (!(left > 0 && left <= LEASE_MS)) shared.setItem(key, JSON.stringify({ owner: mine, until: Date.now() + LEASE_MS }));
    // Two may have written at once: after a while both see which was the last.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  try {
    return await action();
  } finally {
    if (held()?.owner === mine) shared.removeItem(key);
  }
}
