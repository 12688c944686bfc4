// Whether the other end is there: asked regularly, doubted soon, given up later.

import { onPlatform } from "./platform.ts";
import { Timers } from "./timers.ts";

const EVERY_S = 30;
const WATCHED_S = 5; // somebody looks, and a cut network is to be seen within seconds
const DOUBT_S = 3;
const PATIENCE_S = 10;

/** What is done: send a PING; say that nothing comes; end the connection. */
export interface Vitals {
  ask(): void;
  doubt(): void;
  giveUp(): void;
}

export class Heartbeat {
  #timers: Timers;
  #vitals: Vitals;

  constructor(pace: number, vitals: Vitals) {
    this.#timers = new Timers(pace);
    this.#vitals = vitals;
  }

  /** Ask from now on, again and again. */
  start(): void {
    this.#timers.after("beat", onPlatform.watched ? WATCHED_S : EVERY_S, () => this.ask());
  }

  stop(): void {
    this.#timers.clear();
  }

  /** Ask for a sign of life now. */
  ask(): void {
    this.#vitals.ask();
    this.expect();
    this.start();
  }

  /** Something is to come soon. */
  expect(): void {
    if (this.#timers.has("end")) return;
    this.#timers.after("doubt", DOUBT_S, () => this.#vitals.doubt());
    this.#timers.after("end", PATIENCE_S, () => this.#vitals.giveUp());
  }

  /** Something has come: whatever it is, the other end is there. */
  heard(): void {
    this.#timers.cancel("doubt");
    this.#timers.cancel("end");
  }
}
