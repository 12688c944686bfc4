// Written by `make clients` of clients/javascript/src: change it there.
// One tab of a browser at a time, by Web Locks; over plain HTTP, where there are none, by a lease.
import { newId } from "./ids.js";
const LEASE_MS = 15_000; // a tab that is closed meanwhile leaves it behind
const PAUSE_MS = 200; // what a tab writes, another process may read a while later
/** Do this while no other tab does what is under the same name. */ export function withLock(name, shared, action) {
  const locks = globalThis.navigator?.locks;
  return locks ? locks.request(name, action) : withLease(`lock.${name}`, shared, action);
}
async function withLease(key, shared, action) {
  const mine = newId();
  const held = ()=>JSON.parse(shared.getItem(key) ?? "null");
  while(held()?.owner !== mine){
    // A clock that was set back must not make it last longer.
    const left = held()?.until - Date.now();
    if (!(left > 0 && left <= LEASE_MS)) shared.setItem(key, JSON.stringify({
      owner: mine,
      until: Date.now() + LEASE_MS
    }));
    // Two may have written at once: after a while both see which was the last.
    await new Promise((resolve)=>setTimeout(resolve, PAUSE_MS));
  }
  try {
    return await action();
  } finally{
    if (held()?.owner === mine) shared.removeItem(key);
  }
}
