// One tab of a browser at a time, by Web Locks; over plain HTTP, where there are none, by a lease.

const LEASE_MS = 15_000; // a tab that is closed meanwhile leaves it behind
const PAUSE_MS = 200; // what a tab writes, another process may read a while later

/** Do this while no other tab does what is under the same name; its own result.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
export function withLock(name, action) {
  return navigator.locks ? navigator.locks.request(name, action) : withLease(`lock.${name}`, action);
}

/** @template T @param {string} key @param {() => Promise<T>} action */
async function withLease(key, action) {
  const mine = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const held = () => JSON.parse(localStorage.getItem(key) ?? "null");
  while (held()?.owner !== mine) {
    if (!(held()?.until > Date.now()))
      localStorage.setItem(key, JSON.stringify({ owner: mine, until: Date.now() + LEASE_MS }));
    // Two may have written at once: after a while both see who was the last.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  try {
    return await action();
  } finally {
    if (held()?.owner === mine) localStorage.removeItem(key);
  }
}
