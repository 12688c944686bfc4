// How this user likes the page, in this browser.

import { type Signal, signal } from "@preact/signals";
import { signedInAs } from "./session.ts";

const PREFIX = "bos.preference";
const preferences = new Map<string, Signal<string>>();

/** What was chosen, "" where nothing was; set it to choose. `everybody`: not only the user who has signed in. */
export function preference(name: string, { everybody = false } = {}): Signal<string> {
  const place = `${PREFIX} ${everybody ? "" : signedInAs.value} ${name}`;
  let found = preferences.get(place);
  if (!found) {
    found = signal(localStorage.getItem(place) ?? "");
    preferences.set(place, found);
    found.subscribe((text) => text ? localStorage.setItem(place, text) : localStorage.removeItem(place));
  }
  return found;
}

// Chosen in another tab.
addEventListener("storage", ({ key, newValue }) => {
  const shown = key === null ? undefined : preferences.get(key);
  if (shown) shown.value = newValue ?? "";
});
