// Addresses: every view has one, and what is chosen in it is in its query, so that it can be shared.

import { batch, signal } from "@preact/signals";
import type { AnchorHTMLAttributes, ComponentChildren } from "preact";

export const path = signal(location.pathname);
export const query = signal(new URLSearchParams(location.search));
/** How many times the user has gone somewhere: what was drawn first does not take the focus. */
export const steps = signal(0);

function show(): void {
  batch(() => {
    if (path.value !== location.pathname) steps.value += 1;
    path.value = location.pathname;
    query.value = new URLSearchParams(location.search);
  });
}

/** Go to an address of this page. `replace`: without a step for the back button. */
export function go(to: string, { replace = false } = {}): void {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  show();
  if (!replace) scrollTo(0, 0);
}

/** Set these parameters of the address, or remove those that are ""; without a step for the back button. */
export function choose(parameters: Record<string, string>): void {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(parameters)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  go(`${path.value}${next.size ? `?${next}` : ""}`, { replace: true });
}

export function chosen(name: string): string {
  return query.value.get(name) ?? "";
}

type LinkProps = { to: string; children?: ComponentChildren } & Omit<AnchorHTMLAttributes, "href" | "children" | "role">;

/** A link within this page, which opens in a new tab as any other does. */
export function Link({ to, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return <a href={to} onClick={follow} {...rest}>{children}</a>;
}

addEventListener("popstate", show);
