// Alerts whose KPI is back, page by page.

import type { AlertData } from "@bos/client";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../../app/api.ts";
import { useAttempt } from "../../app/attempt.ts";
import { bos } from "../../app/connection.ts";
import { inWords } from "../../app/words.ts";
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
  const found = useSignal<Page | null>(null);
  const problem = useSignal("");
  const times = useSignal(0);
  const more = useAttempt();
  const asked = new URLSearchParams({ state: "resolved", limit: `${PAGE}`, ...(severity && { severity }), ...(search.trim() && { search: search.trim() }) });
  const address = `/api/v1/alerts?${asked}`;
  const again = times.value;
  useEffect(() => {
    const stopped = new AbortController();
    const load = async () => {
      problem.value = "";
      try {
        found.value = await ask<Page>(address, { signal: stopped.signal });
      } catch (error) {
        if (!stopped.signal.aborted) problem.value = inWords(error);
      }
    };
    // While somebody types, each letter would ask.
    const timer = setTimeout(load, found.peek() ? TYPED_MS : 0);
    return () => {
      clearTimeout(timer);
      stopped.abort();
    };
  }, [address, again]);
  // One more is over.
  useEffect(() => bos().store.onChange(({ changes }) => {
    if (changes.some(({ type, after }) => type === "alert" && !after)) times.value += 1;
  }), []);
  const { items = [], next = null } = found.value ?? {};
  if (problem.value) return <Failed problem={problem.value} retry={() => times.value += 1} />;
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
