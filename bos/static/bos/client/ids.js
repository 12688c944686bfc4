// Written by `make clients` of clients/javascript/src: change it there.
/** Return a random id: it must not be used again on any device. crypto.randomUUID exists on https only. */ export function newId() {
  return [
    ...crypto.getRandomValues(new Uint32Array(4))
  ].map((part)=>part.toString(36)).join("-");
}
