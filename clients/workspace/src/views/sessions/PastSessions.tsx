// Sessions that have ended, of those the user may follow: page by page, with the way to their notes and replays.

import type { SessionData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { pages } from "../../app/api.ts";
import { useAttempt } from "../../app/attempt.ts";
import { user } from "../../app/connection.ts";
import { replayPlace, sessionPlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { moment } from "../../app/words.ts";
import { Button } from "../../ui/controls.tsx";
import { Empty, Failed, Loading } from "../../ui/shown.tsx";
import { nameOf } from "../../app/names.ts";

const PAGE = 50;
const PAUSE_MS = 250;
const MINUTE_MS = 60_000;

export function PastSessions({ search }: { search: string }) {
  const found = useSignal<SessionData[] | null>(null);
  const hasMore = useSignal(false);
  const attempt = useAttempt();
  const rest = useRef<AsyncGenerator<SessionData[]> | null>(null);
  const more = () => attempt.run(async () => {
    const asked = rest.current;
    const page = await asked?.next();
    if (rest.current !== asked) return; // another search has begun
    found.value = [...found.value ?? [], ...page?.value ?? []];
    hasMore.value = page?.value?.length === PAGE;
  });
  useEffect(() => {
    const stop = new AbortController();
    const parameters = new URLSearchParams({ running: "false", limit: `${PAGE}`, ...(search ? { search } : {}) });
    const timer = setTimeout(() => {
      found.value = null;
      rest.current = pages<SessionData>(`/api/v1/sessions?${parameters}`, stop.signal);
      void more();
    }, search ? PAUSE_MS : 0);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [search]);
  const shown = found.value;
  if (attempt.problem) return <Failed problem={attempt.problem} retry={() => void more()} />;
  if (!shown) return <Loading what="past sessions" />;
  if (!shown.length) {
    return (
      <Empty title={search ? "No past session is found" : "No session has ended yet"}>
        <p>Sessions that you took part in, or were invited to, are here once they have ended: with their notes, and to be played back.</p>
      </Empty>
    );
  }
  return (
    <>
      <div class="panel scrolls">
        <table class="sessions-past">
          <thead><tr><th scope="col">Session</th><th scope="col">Host</th><th scope="col">Begun</th><th scope="col">Lasted</th><th scope="col"><span class="hidden-visually">What there is of it</span></th></tr></thead>
          <tbody>{shown.map((session) => <Past key={session.id} session={session} />)}</tbody>
        </table>
      </div>
      {hasMore.value && <Button busy={attempt.busy} onClick={() => void more()}>Show more</Button>}
    </>
  );
}

function Past({ session: { id, title, activeSpace, hostId, createdAt, endedAt } }: { session: SessionData }) {
  const minutes = endedAt ? Math.max(1, Math.round((Date.parse(endedAt) - Date.parse(createdAt)) / MINUTE_MS)) : 0;
  return (
    <tr data-session={id}>
      <th scope="row"><Link to={sessionPlace(id)}>{title}</Link> <span class="soft">{activeSpace}</span></th>
      <td>{hostId === user.value?.id ? "you" : nameOf(hostId)}</td>
      <td><time dateTime={createdAt}>{moment(createdAt)}</time></td>
      <td>{lasted(minutes)}</td>
      <td class="sessions-links">
        <Link to={sessionPlace(id)}>Notes<span class="hidden-visually"> of {title}</span></Link>
        <Link to={replayPlace(id)}>Replay<span class="hidden-visually"> of {title}</span></Link>
      </td>
    </tr>
  );
}

function lasted(minutes: number): string {
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}
