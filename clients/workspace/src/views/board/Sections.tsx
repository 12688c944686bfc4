// KPIs by department. Of many, those below what is seen are drawn a few at a time, in moments in which nothing else is done.

import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { Link } from "../../app/router.tsx";
import { departmentPlace } from "../../app/places.ts";
import { Button } from "../../ui/controls.tsx";
import { Empty } from "../../ui/shown.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Card } from "./Card.tsx";
import { density, isCollapsed, showAll, toggleCollapsed } from "./chosen.ts";
import type { Section } from "./order.ts";

const AT_FIRST = 30;
const AT_ONCE = 60;

export function Sections({ sections }: { sections: readonly Section[] }) {
  const most = useMore(sections.reduce((sum, { kpis }) => sum + kpis.length, 0));
  if (!sections.length) {
    return (
      <Empty title="No KPI is like that">
        <Button onClick={showAll}>Show all</Button>
      </Empty>
    );
  }
  let left = most;
  const drawn = [];
  for (const section of sections) {
    if (left <= 0) break;
    drawn.push(<DepartmentSection key={section.id} section={section} most={Math.min(left, section.kpis.length)} />);
    left -= section.kpis.length;
  }
  return <div class={`board-sections ${density()}`}>{drawn}</div>;
}

/** How many of so many to draw: more and more, until it is all. */
function useMore(all: number): number {
  const most = useSignal(AT_FIRST);
  const isAll = most.value >= all;
  useEffect(() => {
    if (isAll) return;
    return soon(() => most.value += AT_ONCE);
  }, [most.value, isAll]);
  return most.value;
}

/** Do it when nothing else is to be done; call what is returned to give it up. */
function soon(act: () => void): () => void {
  if (!("requestIdleCallback" in globalThis)) {
    const timer = setTimeout(act, 50);
    return () => clearTimeout(timer);
  }
  const waiting = requestIdleCallback(act, { timeout: 500 });
  return () => cancelIdleCallback(waiting);
}

function DepartmentSection({ section, most }: { section: Section; most: number }) {
  const { id, name, above, kpis, onTarget, judged } = section;
  const isHidden = isCollapsed(id);
  const title = useId();
  const list = useId();
  return (
    <section class="board-section" data-department={id} aria-labelledby={title}>
      <header>
        <button type="button" class="button plain icon-only" aria-expanded={!isHidden} aria-controls={list} aria-label={name} title={isHidden ? "Expand" : "Collapse"} onClick={() => toggleCollapsed(id)}>
          <Icon name={isHidden ? "right" : "down"} />
        </button>
        <div class="grow">
          {above.length > 0 && <p class="board-above">{above.join(" / ")}</p>}
          <h2 id={title}>{id ? <Link to={departmentPlace(id)}>{name}</Link> : name}</h2>
        </div>
        {judged > 0 && <p class="soft small" data-count>{onTarget} of {judged} on target</p>}
      </header>
      <ul class="board-cards" id={list} hidden={isHidden}>
        {!isHidden && kpis.slice(0, most).map((kpiId) => <Card key={kpiId} id={kpiId} />)}
      </ul>
    </section>
  );
}
