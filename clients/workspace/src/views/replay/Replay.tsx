// A meeting played back: what was recorded of it is loaded once, and nothing of it is live.

import type { Replay as Page } from "@bos/client";
import { BosError } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bos, state } from "../../app/connection.ts";
import { sessionPlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { inWords, moment } from "../../app/words.ts";
import { View } from "../../frame/View.tsx";
import { Button } from "../../ui/controls.tsx";
import { Empty, Failed, Loading } from "../../ui/shown.tsx";
import { Playback } from "./Playback.tsx";
import { type Recording, recordingOf } from "./recording.ts";

const LIMIT = 1_000;
const MOST_PAGES = 60;

type Loaded = { recording?: Recording; problem?: string; isClosed?: boolean };

/** Load a meeting, page by page; `told` is called with how many things have come. */
async function load(sessionId: string, told: (count: number) => void, signal: AbortSignal): Promise<Recording> {
  const pages: Page[] = [];
  let after: string | null = null;
  let count = 0;
  do {
    const page: Page = await bos().request("REPLAY_REQUEST", { sessionId, limit: LIMIT, after }, { signal });
    signal.throwIfAborted();
    pages.push(page);
    count += page.events.length + page.changes.length;
    told(count);
    after = page.next;
  } while (after !== null && pages.length < MOST_PAGES);
  return recordingOf(pages, { isWhole: after === null });
}

export function Replay({ id }: { id: string }) {
  const loaded = useSignal<Loaded>({});
  const count = useSignal(0);
  const times = useSignal(0);
  useEffect(() => {
    const stop = new AbortController();
    load(id, (so) => count.value = so, stop.signal).then(
      (recording) => loaded.value = { recording },
      (error) => {
        if (stop.signal.aborted) return;
        const isClosed = error instanceof BosError && error.code === "SESSION_NOT_FOUND";
        loaded.value = isClosed ? { isClosed } : { problem: inWords(error) };
      },
    );
    return () => stop.abort();
  }, [id, times.value]);
  const again = () => {
    loaded.value = {};
    times.value += 1;
  };
  const { recording, problem, isClosed } = loaded.value;
  if (recording) return <Recorded recording={recording} again={again} />;
  const isAway = state.value?.state !== "live";
  return (
    <View title="Meeting" above={<Link to="/sessions">Sessions</Link>}>
      {isClosed && <Closed />}
      {problem !== undefined && <Failed problem={problem} retry={again} />}
      {!isClosed && problem === undefined && <Loading what={isAway ? "the meeting as soon as there is a connection" : `what was recorded${count.value ? `, ${count.value} so far` : ""}`} />}
    </View>
  );
}

function Closed() {
  return (
    <Empty title="This meeting cannot be played back">
      <p>It does not exist any more, or you neither took part in it nor were invited: a meeting is played back only for those.</p>
      <p><Link to="/sessions">To the sessions</Link></p>
    </Empty>
  );
}

function Recorded({ recording, again }: { recording: Recording; again: () => void }) {
  const { session, events, keptFrom } = recording;
  const runs = session.endedAt === null;
  return (
    <View
      class="replay"
      title={session.title}
      above={<><Link to="/sessions">Sessions</Link> · played back</>}
      actions={<>
        {runs && <Button onClick={again}>Load what has happened since</Button>}
        <Link class="button quiet" to={sessionPlace(session.sessionId)}>{runs ? "To the meeting" : "The meeting’s notes"}</Link>
      </>}
    >
      {runs && <p class="replay-note" data-runs>This meeting goes on. It is played back until {moment(recording.from + recording.length)}; what comes after that is not in it.</p>}
      {keptFrom === null && <p class="replay-note" data-incomplete>Who came and what was noted in this meeting is not kept any more; only the values of the KPIs are.</p>}
      {keptFrom && <p class="replay-note" data-incomplete>Who came and what was noted is kept from {moment(keptFrom)} on; the meeting began before that.</p>}
      {recording.valuesUntil !== null && <p class="replay-note">Very many values came: those after {moment(recording.from + recording.valuesUntil)} are left out.</p>}
      {keptFrom === null && events.length + recording.values.length === 0
        ? <Empty title="Nothing of this meeting is kept"><p>It was held before meetings were recorded, or so long ago that its record is gone.</p></Empty>
        : <Playback recording={recording} />}
    </View>
  );
}
