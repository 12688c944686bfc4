// Alerts whose KPI is back, page by page.

import type { AlertData } from "@bos/client";
import { useEffect } from "preact/hooks";
import { ask } from "../../app/api.ts";
import { useAttempt } from "../../app/attempt.ts";
import { bos } from "../../app/connection.ts";
import { useLoaded } from "../../app/loaded.ts";
import { Button, Problem } from "../../ui/controls.tsx";
import { Empty, Failed, Loading } from "../../ui/shown.tsx";
import { AlertList } from "./AlertList.tsx";

const PAGE = 50;
const TYPED_MS = 250;

interface Page {
  items: AlertData[];
  next: string | null;
}

export function PastAlerts({ search, severity }: { search: string; severity: string }) {
  const more = useAttempt();
  const asked = new URLSearchParams({ state: "resolved", limit: `${PAGE}`, ...(severity && { severity }), ...(search.trim() && { search: search.trim() }) });
  const address = `/api/v1/alerts?${asked}`;
  const { found, problem, again } = useLoaded(async (signal) => {
    // While somebody types, each letter would ask.
    if (found.peek()) await new Promise((resolve) => setTimeout(resolve, TYPED_MS));
    return await ask<Page>(address, { signal });
  }, [address]);
  // One more is over; whoever reads further down is left where they are.
  useEffect(() => bos().store.onChange(({ changes }) => {
    const isAtTop = (found.peek()?.items.length ?? 0) <= PAGE;
    if (isAtTop && changes.some(({ type, after }) => type === "alert" && !after)) again();
  }), []);
  const { items = [], next = null } = found.value ?? {};
  if (problem) return <Failed problem={problem} retry={again} />;
  if (!found.value) return <Loading what="past alerts" />;
  if (!items.length) return <Empty title={search || severity ? "No past alert is like that" : "Nothing is past yet"}><p>An alert comes here once its KPI is back.</p></Empty>;
  const load = () => more.run(async () => {
    if (!next) return;
    const page = await ask<Page>(next);
    found.value = { items: [...items, ...page.items], next: page.next };
  });
  return (
    <section class="stack" data-section="past" aria-label="Past alerts">
      <AlertList key={address} alerts={items} most={items.length} withKpi />
      {next && <p class="row"><Button busy={more.busy} data-more onClick={load}>Load more</Button><Problem says={more.problem} /></p>}
    </section>
  );
}
