// Whether the other end is there: asked regularly, doubted soon, given up later.

const VISIBLE_MS = 5_000; // somebody looks, and a cut network is to be seen within seconds
const HIDDEN_MS = 30_000;
const DOUBT_MS = 3_000;
const PATIENCE_MS = 10_000;

export class Heartbeat {
  /** @type {{ask: () => void, doubt: () => void, giveUp: () => void}} */
  #actions;
  #beat = 0;
  #doubt = 0;
  #end = 0;

  /** actions: send a PING; say that nothing comes; end the connection.
   *
   * @param {{ask: () => void, doubt: () => void, giveUp: () => void}} actions
   */
  constructor(actions) {
    this.#actions = actions;
  }

  start() {
    clearTimeout(this.#beat);
    this.#beat = setTimeout(() => this.ask(), document.hidden ? HIDDEN_MS : VISIBLE_MS);
  }

  stop() {
    clearTimeout(this.#beat);
    this.heard();
  }

  /** Ask for a sign of life now. */
  ask() {
    this.#actions.ask();
    this.expect();
    this.start();
  }

  /** Something is to come soon. */
  expect() {
    if (this.#end) return;
    this.#doubt = setTimeout(() => this.#actions.doubt(), DOUBT_MS);
    this.#end = setTimeout(() => this.#actions.giveUp(), PATIENCE_MS);
  }

  /** Something has come: whatever it is, the other end is there. */
  heard() {
    clearTimeout(this.#doubt);
    clearTimeout(this.#end);
    this.#end = 0;
  }
}
