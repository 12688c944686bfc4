// Written by `make clients` of clients/javascript/src: change it there.
// Cursors: few are sent, and where others point is shown as if it moved without steps.
import { Timers } from "./timers.js";
const EVERY_S = 0.1; // of more, a server passes on the latest only
const GLIDE_S = 0.12; // a little longer than the steps are apart
/** Sends at most ten a second, and always the last one. */ export class OwnCursor {
  #timers;
  #send;
  #next = null;
  /** send: returns whether it could be sent. */ constructor(pace, send){
    this.#timers = new Timers(pace);
    this.#send = send;
  }
  move(position, focused) {
    this.#next = [
      position,
      focused
    ];
    if (!this.#timers.has("next")) this.flush();
  }
  /** Send what has not been sent, if that is possible now. */ flush() {
    if (!this.#next || !this.#send(...this.#next)) return;
    this.#next = null;
    this.#timers.after("next", EVERY_S, ()=>this.flush());
  }
  stop() {
    this.#next = null;
    this.#timers.clear();
  }
}
/** Where the others point, at any time between two of their messages. */ export class OthersCursors {
  #tracks = new Map();
  #glideMs;
  constructor(pace){
    this.#glideMs = GLIDE_S * 1000 * pace;
  }
  moved(userId, to, focusedEntity, now = performance.now()) {
    const before = this.#tracks.get(userId);
    this.#tracks.set(userId, {
      from: before ? this.#at(before, now) : to,
      to,
      since: now,
      focusedEntity
    });
  }
  gone(userId) {
    this.#tracks.delete(userId);
  }
  clear() {
    this.#tracks.clear();
  }
  /** Return where everybody points at this time, of `performance.now()`. */ at(now = performance.now()) {
    return [
      ...this.#tracks
    ].map(([userId, track])=>({
        userId,
        position: this.#at(track, now),
        focusedEntity: track.focusedEntity
      }));
  }
  #at({ from, to, since }, now) {
    const share = Math.min(1, Math.max(0, (now - since) / this.#glideMs));
    const between = (axis)=>from[axis] + (to[axis] - from[axis]) * share;
    return {
      x: between("x"),
      y: between("y"),
      z: between("z")
    };
  }
}
