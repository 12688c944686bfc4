/** Return a random id: it must not be used again on any device. */
export function newId(): string {
  const parts = new Uint32Array(4);
  // Not crypto.randomUUID, which exists on https only; Node 18 has no `crypto` at all.
  if (globalThis.crypto) crypto.getRandomValues(parts);
  else parts.forEach((_, n) => parts[n] = Math.random() * 2 ** 32);
  return [...parts].map((part) => part.toString(36)).join("-");
}
