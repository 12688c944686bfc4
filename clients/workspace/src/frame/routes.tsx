// Which view an address shows. Each comes when it is first gone to, so that the first one comes fast.

import type { ComponentType } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Link, path } from "../app/router.tsx";
import { Failed, Empty, Loading } from "../ui/shown.tsx";
import { Board } from "../views/board/Board.tsx";
import { View } from "./View.tsx";

/** id: what the address names. */
type Shown = ComponentType<{ id: string }>;
interface Route {
  pattern: RegExp;
  load: () => Promise<Shown>;
}

const ID = "([A-Za-z0-9._-]{1,64})";
const ROUTES: Route[] = [
  { pattern: /^\/$/, load: () => Promise.resolve(Board) },
  { pattern: new RegExp(`^/department/${ID}$`), load: async () => (await import("../views/board/Department.tsx")).Department },
  { pattern: new RegExp(`^/kpi/${ID}$`), load: async () => (await import("../views/kpi/KpiPage.tsx")).KpiPage },
  { pattern: /^\/space$/, load: async () => (await import("../views/space/Space.tsx")).Space },
  { pattern: /^\/sessions$/, load: async () => (await import("../views/sessions/Sessions.tsx")).Sessions },
  { pattern: new RegExp(`^/session/${ID}$`), load: async () => (await import("../views/sessions/SessionPage.tsx")).SessionPage },
  { pattern: new RegExp(`^/session/${ID}/replay$`), load: async () => (await import("../views/replay/Replay.tsx")).Replay },
  { pattern: /^\/alerts$/, load: async () => (await import("../views/alerts/Alerts.tsx")).Alerts },
  { pattern: /^\/reports$/, load: async () => (await import("../views/reports/Reports.tsx")).Reports },
  { pattern: /^\/people$/, load: async () => (await import("../views/people/People.tsx")).People },
  { pattern: /^\/inbox$/, load: async () => (await import("../views/inbox/Inbox.tsx")).Inbox },
];
/** What has come, by its place in ROUTES: shown again without a wait. */
const loaded: (Shown | undefined)[] = [Board];

/** The view of the address. */
export function Routed() {
  const here = path.value;
  const index = ROUTES.findIndex(({ pattern }) => pattern.test(here));
  const id = ROUTES[index]?.pattern.exec(here)?.[1] ?? "";
  if (index < 0) return <Nothing />;
  return <Lazy key={`${index} ${id}`} index={index} id={id} />;
}

function Lazy({ index, id }: { index: number; id: string }) {
  const view = useSignal(loaded[index] ? index : -1);
  const hasFailed = useSignal(false);
  const load = async () => {
    hasFailed.value = false;
    try {
      loaded[index] ??= await ROUTES[index]?.load();
      view.value = index;
    } catch {
      hasFailed.value = true; // a lost connection, or a server that has newer files by now
    }
  };
  useEffect(() => void load(), []);
  const Found = loaded[view.value];
  if (Found) return <Found id={id} />;
  if (hasFailed.value) return <Failed problem="This view could not be loaded. Is there a newer version of the page?" retry={() => location.reload()} />;
  return <Loading what="the view" />;
}

function Nothing() {
  return (
    <View title="There is nothing here">
      <Empty title="This address shows nothing">
        <p>It may have been mistyped. <Link to="/">Go to the board</Link></p>
      </Empty>
    </View>
  );
}
