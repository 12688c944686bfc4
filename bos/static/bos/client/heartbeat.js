// Written by `make clients` of clients/javascript/src: change it there.
// Whether the other end is there: asked regularly, doubted soon, given up later.
import { onPlatform } from "./platform.js";
import { Timers } from "./timers.js";
const EVERY_S = 30;
const WATCHED_S = 5; // somebody looks, and a cut network is to be seen within seconds
const DOUBT_S = 3;
const PATIENCE_S = 10;
export class Heartbeat {
  #timers;
  #vitals;
  constructor(pace, vitals){
    this.#timers = new Timers(pace);
    this.#vitals = vitals;
  }
  /** Ask from now on, again and again. */ start() {
    this.#timers.after("beat", onPlatform.watched ? WATCHED_S : EVERY_S, ()=>this.ask());
  }
  stop() {
    this.#timers.clear();
  }
  /** Ask for a sign of life now. */ ask() {
    this.#vitals.ask();
    this.expect();
    this.start();
  }
  /** Something is to come soon. */ expect() {
    if (this.#timers.has("end")) return;
    this.#timers.after("doubt", DOUBT_S, ()=>this.#vitals.doubt());
    this.#timers.after("end", PATIENCE_S, ()=>this.#vitals.giveUp());
  }
  /** Something has come: whatever it is, the other end is there. */ heard() {
    this.#timers.cancel("doubt");
    this.#timers.cancel("end");
  }
}
