// Written by `make clients` of clients/javascript/src: change it there.
// Typed events: `on` returns how to stop listening.
export class Emitter {
  #listeners = new Map();
  /** Call `listener` with each event of this name; call what is returned to stop it. */ on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return ()=>listeners.delete(listener);
  }
  /** Tell everybody; a listener that fails is reported as an uncaught error, and harms nobody else. */ emit(name, detail) {
    for (const listener of [
      ...this.#listeners.get(name) ?? []
    ]){
      try {
        listener(detail);
      } catch (error) {
        queueMicrotask(()=>{
          throw error;
        });
      }
    }
  }
}
