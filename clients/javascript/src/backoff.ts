// How long to wait before the next attempt to connect.

const FIRST_S = 0.5;
const PAUSES_S = [2, 4, 8, 16, 30];
const JITTER_S = 1; // so that not everybody comes at once
export const TOO_MANY_S = 60; // the window in which messages are counted
export const NO_PLACE_S = 10; // a place may be free at any time

export class Backoff {
  /** How many attempts there have been since the last that succeeded. */
  attempt = 0;

  /** Return the seconds until the next attempt. */
  next(): number {
    this.attempt += 1;
    if (this.attempt === 1) return FIRST_S * Math.random();
    return PAUSES_S[Math.min(this.attempt - 2, PAUSES_S.length - 1)] + jitter();
  }

  reset(): void {
    this.attempt = 0;
  }
}

/** Return up to a second, more or less. */
export function jitter(): number {
  return JITTER_S * (2 * Math.random() - 1);
}
