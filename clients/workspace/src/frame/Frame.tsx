// What is around every view: where one can go, who one is, and whether all that is live.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { state, user } from "../app/connection.ts";
import { all } from "../app/live.ts";
import { preference } from "../app/preferences.ts";
import { isAdmin } from "../app/rights.ts";
import { Link, path, steps } from "../app/router.tsx";
import { session, signOut } from "../app/session.ts";
import { Menu } from "../ui/controls.tsx";
import { Icon, type IconName } from "../ui/icons.tsx";
import { Avatar } from "../ui/shown.tsx";
import { Bell } from "../views/inbox/Bell.tsx";
import { WhileAway } from "../views/inbox/WhileAway.tsx";
import { ConnectionState } from "./ConnectionState.tsx";

const PLACES: { to: string; also?: RegExp; icon: IconName; label: string }[] = [
  { to: "/", also: /^\/(kpi|department)\//, icon: "board", label: "Board" },
  { to: "/space", icon: "space", label: "Space" },
  { to: "/sessions", also: /^\/session\//, icon: "sessions", label: "Sessions" },
  { to: "/alerts", icon: "alerts", label: "Alerts" },
  { to: "/reports", icon: "reports", label: "Reports" },
  { to: "/people", icon: "people", label: "People" },
];
const THEMES = { "": "As the system", light: "Light", dark: "Dark" };

export const theme = preference("theme", { everybody: true });
theme.subscribe((chosen) => document.documentElement.dataset.theme = chosen);

export function Frame({ children }: { children: ComponentChildren }) {
  const main = useRef<HTMLElement>(null);
  const went = steps.value;
  useEffect(() => {
    // A new view begins at its heading, as a new page would.
    if (went) (main.current?.querySelector<HTMLElement>("h1") ?? main.current)?.focus();
  }, [went]);
  const [organization] = all("organization").values();
  const isLive = state.value?.state === "live";
  return (
    <div class="frame">
      <a class="skip" href="#main">Skip to the content</a>
      <header class="bar">
        <img src={iconAddress()} alt="" width="28" height="28" />
        <p class="organization" data-organization>{organization?.name ?? ""}</p>
        <ConnectionState />
        <Bell />
        <Account />
      </header>
      <nav class="places" aria-label="Views">
        {PLACES.map(({ to, also, icon, label }) => {
          const isHere = path.value === to || also?.test(path.value);
          return <Link key={to} to={to} aria-current={isHere ? "page" : undefined}><Icon name={icon} /><span>{label}</span></Link>;
        })}
      </nav>
      <main id="main" tabIndex={-1} ref={main} data-outdated={!isLive || undefined}>
        <WhileAway />
        {children}
      </main>
    </div>
  );
}

function Account() {
  const { id = "", name = session.email, role = "" } = user.value ?? {};
  return (
    <Menu button={<><Avatar id={id} name={name} /><span class="who"><b data-user>{name}</b> <span data-role>{role}</span></span></>}>
      <p class="soft small">{session.email}</p>
      <a href="/account/">Your account</a>
      {isAdmin() && <a href="/admin/">Administration</a>}
      <a href="/docs/">Documentation</a>
      <fieldset class="menu-choice">
        <legend>Colours</legend>
        {Object.entries(THEMES).map(([value, label]) => (
          <label key={value}><input type="radio" name="theme" checked={theme.value === value} onChange={() => theme.value = value} /> {label}</label>
        ))}
      </fieldset>
      <button type="button" data-sign-out onClick={() => void signOut()}>Sign out</button>
    </Menu>
  );
}

function iconAddress(): string {
  return document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href ?? "";
}
