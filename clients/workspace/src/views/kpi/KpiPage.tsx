// A KPI's own page: what it is, how it came to this, what is to come, and what people say of it.

import type { DepartmentData, KpiData } from "@bos/client";
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { isComplete } from "../../app/connection.ts";
import { useFollowed } from "../../app/followed.ts";
import { all, entity } from "../../app/live.ts";
import { alertsOf } from "../../app/of_kpi.ts";
import { departmentPlace } from "../../app/places.ts";
import { preference } from "../../app/preferences.ts";
import { isAdmin } from "../../app/rights.ts";
import { Link } from "../../app/router.tsx";
import { isOnTarget } from "../../app/words.ts";
import { View } from "../../frame/View.tsx";
import { Button } from "../../ui/controls.tsx";
import { Badge, Empty, Figure, Loading } from "../../ui/shown.tsx";
import { AlertList } from "../alerts/AlertList.tsx";
import { AlertRules } from "../alerts/AlertRules.tsx";
import { Notes } from "../notes/Notes.tsx";
import { Looking } from "../people/Looking.tsx";
import { ValueEditor } from "../values/ValueEditor.tsx";
import { HistoryPanel } from "./HistoryPanel.tsx";
import { Insights } from "./Insights.tsx";
import { LastChange } from "./LastChange.tsx";
import type { Forecast } from "./series.ts";
import { Why } from "./Why.tsx";
import { distance } from "./words.ts";

export function KpiPage({ id }: { id: string }) {
  return isComplete.value ? <Followed id={id} /> : <Coming />;
}

function Followed({ id }: { id: string }) {
  // Only its own channel shows it to an owner outside of its department: followed as long as it is shown here.
  const channel = useMemo(() => entity("kpi", id) ? "" : `kpi:${id}`, [id]);
  const { isComplete: isKnown } = useFollowed(channel);
  const kpi = useComputed(() => entity("kpi", id)).value;
  if (kpi) return <Known kpi={kpi} />;
  return isKnown ? <Gone /> : <Coming />;
}

function Coming() {
  return <View title="KPI"><Loading what="the KPI" /></View>;
}

function Gone() {
  return (
    <View title="KPI">
      <Empty title="This KPI is not here">
        <p>It has been archived, it is its department’s alone, or there never was one at this address.</p>
        <p><Link to="/">To the board</Link></p>
      </Empty>
    </View>
  );
}

function Known({ kpi }: { kpi: KpiData }) {
  const { id, name } = kpi;
  const own = useSignal<Forecast | null>(null);
  const alerts = useComputed(() => alertsOf(id)).value;
  useEffect(() => void (own.value = null), [id]);
  const actions = (
    <>
      <Looking entity={{ type: "kpi", id }} />
      <Star kpi={kpi} />
      {isAdmin() && <a class="button quiet" href={`/admin/kpis/kpi/${id}/change/`}>Change in the administration</a>}
    </>
  );
  return (
    <View title={name} above={<Path id={kpi.departmentId} />} actions={actions} class="kpi-page">
      <Standing kpi={kpi} />
      <div class="kpi-columns">
        <div class="stack kpi-main">
          <HistoryPanel kpi={kpi} own={own.value} />
          <Why kpi={kpi} />
        </div>
        <div class="stack kpi-side">
          <Insights kpi={kpi} own={own.value} onForecast={(forecast) => own.value = forecast} />
          <section class="panel stack" aria-labelledby="alerts-title">
            <h2 id="alerts-title">Alerts</h2>
            {alerts.length > 0 ? <AlertList alerts={alerts} /> : <p class="soft">No alert is open.</p>}
            <AlertRules kpi={kpi} />
          </section>
          <Notes entity={{ type: "kpi", id }} />
        </div>
      </div>
    </View>
  );
}

/** The value now, how it stands, and who has set it. */
function Standing({ kpi }: { kpi: KpiData }) {
  const { value, unit, target, direction } = kpi;
  const isOn = isOnTarget(kpi);
  return (
    <section class="panel kpi-standing" aria-label="Now">
      <p class="kpi-value" data-value><Figure value={value} unit={unit} /></p>
      <div class="stack">
        <p class="row">
          {isOn !== null && <Badge tone={isOn ? "good" : "bad"}><span aria-hidden="true">{isOn ? "✓" : "!"}</span> {isOn ? "on target" : "off target"}</Badge>}
          <span>{distance(kpi)}</span>
        </p>
        <p class="soft">
          {target === null ? "No target" : <>Target <Figure value={target} unit={unit} /></>}, {direction} is better
        </p>
        <LastChange kpi={kpi} />
      </div>
      <div class="kpi-editor"><ValueEditor kpi={kpi} /></div>
    </section>
  );
}

/** The departments that it is in, from the topmost on. */
function Path({ id }: { id: string | null }) {
  const path = useComputed(() => {
    const departments = all("department");
    const above: DepartmentData[] = [];
    for (let one = departments.get(id ?? ""); one && !above.includes(one); one = departments.get(one.parentId ?? "")) above.unshift(one);
    return above;
  }).value;
  return (
    <nav aria-label="Departments above">
      <Link to="/">Board</Link>
      {path.map(({ id: of, name }) => <span key={of}> / <Link to={departmentPlace(of)}>{name}</Link></span>)}
    </nav>
  );
}

function Star({ kpi: { id } }: { kpi: KpiData }) {
  const favourites = preference("favourites");
  const ids = useComputed(() => idsOf(favourites.value));
  const isOne = ids.value.includes(id);
  const toggle = () => {
    const next = isOne ? ids.value.filter((one) => one !== id) : [...ids.value, id];
    favourites.value = next.length > 0 ? JSON.stringify(next) : "";
  };
  return <Button icon="star" label={isOne ? "No favourite any longer" : "Make it a favourite"} aria-pressed={isOne} data-favourite class={isOne ? "kpi-star" : ""} onClick={toggle} />;
}

function idsOf(text: string): string[] {
  const ids: unknown = text ? JSON.parse(text) : [];
  return Array.isArray(ids) ? ids : [];
}
