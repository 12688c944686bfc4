// Written by `make clients` of clients/javascript/src: change it there.
// Timers by name, all of whose times are multiplied by the client's pace.
const LONGEST_MS = 2 ** 31 - 1; // a longer one would end at once
export class Timers {
  #pace;
  #running = new Map();
  /** pace: 1, but for tests. */ constructor(pace){
    this.#pace = pace;
  }
  /** Return how many milliseconds of the clock these seconds of the client last. */ ms(seconds) {
    return seconds * 1000 * this.#pace;
  }
  /** Do this after so many seconds; one of the same name is replaced. */ after(name, seconds, action) {
    this.cancel(name);
    const run = ()=>{
      this.#running.delete(name);
      action();
    };
    this.#running.set(name, setTimeout(run, Math.min(this.ms(seconds), LONGEST_MS)));
  }
  has(name) {
    return this.#running.has(name);
  }
  cancel(name) {
    const timer = this.#running.get(name);
    if (timer === undefined) return; // each message asks for it
    clearTimeout(timer);
    this.#running.delete(name);
  }
  clear() {
    for (const name of [
      ...this.#running.keys()
    ])this.cancel(name);
  }
}
