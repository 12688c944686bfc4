/** Return a random id: it must not be used again on any device. crypto.randomUUID exists on https only. */
export function newId(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
}
