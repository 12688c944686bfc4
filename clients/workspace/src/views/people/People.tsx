// The people of the organization: by department, who is online, and where they meet.

import { computed, useComputed, useSignal } from "@preact/signals";
import { isComplete as isShown, user } from "../../app/connection.ts";
import { all } from "../../app/live.ts";
import { departmentPlace, sessionPlace } from "../../app/places.ts";
import { isAdmin, mayTakePart } from "../../app/rights.ts";
import { choose, chosen, Link } from "../../app/router.tsx";
import { View } from "../../frame/View.tsx";
import { Button, SearchBox, Segments } from "../../ui/controls.tsx";
import { Avatar, Badge, Empty, Loading } from "../../ui/shown.tsx";
import { InviteSomebody } from "../sessions/InviteSomebody.tsx";
import { directory, type Entry, firstOf, type Group } from "./directory.ts";
import { isComplete, online, running, usePresence } from "./presence.ts";

const SHOWN_AT_FIRST = 200;
const WHO = [{ value: "", label: "Everybody" }, { value: "online", label: "Online" }] as const;
const NOBODY: ReadonlyMap<string, string> = new Map();

/** The sessions in which somebody takes part, as far as the user may know. */
const sessionsOf = computed(() => {
  const by = new Map<string, { id: string; title: string }[]>();
  for (const { session: { id, title }, participants } of running.value ?? []) {
    for (const { userId } of participants) by.set(userId, [...by.get(userId) ?? [], { id, title }]);
  }
  return by;
});

export function People() {
  usePresence();
  const most = useSignal(SHOWN_AT_FIRST);
  const invited = useSignal<{ id: string; name: string } | null>(null);
  const groups = useComputed(() => directory({
    employees: all("employee").values(),
    departments: all("department"),
    online: online.value ?? NOBODY,
    search: chosen("search"),
    onlyOnline: chosen("who") === "online",
  }));
  const { shown, more } = firstOf(groups.value, most.value);
  const admin = isAdmin() && <a class="button quiet" href="/admin/bos/user/">Invite and manage people</a>;
  return (
    <View title="People" class="people" actions={admin}>
      <div class="row">
        <SearchBox label="Search people" value={chosen("search")} onSearch={(search) => choose({ search })} />
        <Segments label="Who is shown" options={WHO} value={chosen("who") === "online" ? "online" : ""} onChoose={(who) => choose({ who })} />
        <p class="soft small" role="status" data-online>{counted()}</p>
      </div>
      {!shown.length && (isShown.value ? <Nobody /> : <Loading what="the people" />)}
      <div class="people-groups">
        {shown.map((group) => <GroupOf key={group.department?.id ?? ""} group={group} onInvite={(person) => invited.value = person} />)}
      </div>
      {more > 0 && <Button onClick={() => most.value += SHOWN_AT_FIRST}>Show {Math.min(more, SHOWN_AT_FIRST)} more of {more}</Button>}
      {invited.value && <InviteSomebody person={invited.value} onClose={() => invited.value = null} />}
    </View>
  );
}

function counted(): string {
  const there = online.value;
  if (!there) return "";
  const words = there.size === 1 ? "Nobody else is online" : `${there.size} people are online`;
  return isComplete.value ? words : `${words}, as far as can be known just now`;
}

function Nobody() {
  const isFiltered = chosen("search") || chosen("who");
  return (
    <Empty title={isFiltered ? "Nobody is found" : "Nobody is listed yet"}>
      {isFiltered
        ? <Button onClick={() => choose({ search: "", who: "" })}>Show everybody</Button>
        : <p>{isAdmin() ? "Invite people, or import them from a file, in the administration." : "An administrator adds people in the administration."}</p>}
    </Empty>
  );
}

type OnInvite = (person: { id: string; name: string }) => void;

function GroupOf({ group: { department, entries }, onInvite }: { group: Group; onInvite: OnInvite }) {
  const id = `people-${department?.id ?? "none"}`;
  return (
    <section class="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{department ? <Link to={departmentPlace(department.id)}>{department.name}</Link> : "Without a department"}</h2>
        <span class="soft small">{entries.length}</span>
      </header>
      <ul class="people-list">
        {entries.map((entry) => <Row key={entry.key} entry={entry} onInvite={onInvite} />)}
      </ul>
    </section>
  );
}

function Row({ entry: { userId, name, title, email }, onInvite }: { entry: Entry; onInvite: OnInvite }) {
  const isOnline = userId !== null && Boolean(online.value?.has(userId));
  const isSelf = userId === user.value?.id;
  const sessions = userId ? sessionsOf.value.get(userId) ?? [] : [];
  return (
    <li class="people-row" data-person={userId ?? ""} data-is-online={isOnline || undefined}>
      <span class="people-face"><Avatar id={userId ?? name} name={name} />{isOnline && <span class="people-dot" />}</span>
      <div class="grow">
        <p><b>{name}</b>{isSelf && <span class="soft"> (you)</span>} {isOnline && <span class="small people-online">online</span>}</p>
        <p class="soft small">{title}{title && email && " · "}{email && <a href={`mailto:${email}`}>{email}</a>}</p>
      </div>
      {userId && !isSelf && mayTakePart() && (
        <Button kind="plain" onClick={() => onInvite({ id: userId, name })}>Invite<span class="hidden-visually"> {name} to a session</span></Button>
      )}
      {sessions.length > 0 && (
        <p class="people-sessions">
          {sessions.map((session) => <Badge key={session.id} tone="accent">in <Link to={sessionPlace(session.id)}>{session.title}</Link></Badge>)}
        </p>
      )}
    </li>
  );
}
