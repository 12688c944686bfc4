// The time, as a signal: ages in words are drawn again twice a minute.

import { signal } from "@preact/signals";

const EVERY_MS = 30_000;

export const now = signal(Date.now());
setInterval(() => now.value = Date.now(), EVERY_MS);
