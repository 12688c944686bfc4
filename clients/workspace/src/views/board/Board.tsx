// All KPIs that the user may see, by department.

import { isComplete } from "../../app/connection.ts";
import { isAdmin } from "../../app/rights.ts";
import { View } from "../../frame/View.tsx";
import { Empty, Loading } from "../../ui/shown.tsx";
import { Chooser } from "./Chooser.tsx";
import { Sections } from "./Sections.tsx";
import { boardOf } from "./shown.ts";

const layout = boardOf(null);

export function Board() {
  const { sections, total, counts, onTarget, judged } = layout.value;
  return (
    <View title="Board" class="board" actions={judged > 0 && <span class="soft small" data-count>{onTarget} of {judged} on target</span>}>
      {total === 0 ? (isComplete.value ? <FirstSteps /> : <Loading what="the board" />) : (
        <>
          <Chooser counts={counts} sections={sections} />
          <Sections sections={sections} />
        </>
      )}
    </View>
  );
}

/** An organization without KPIs is no fault: say what to do. */
function FirstSteps() {
  return (
    <div data-empty>
      <Empty title="There are no KPIs here yet">
        {isAdmin()
          ? <FirstStepsOfAdmins />
          : <p>None that you may see. An administrator of your organization can add some. They appear here by themselves.</p>}
      </Empty>
    </div>
  );
}

function FirstStepsOfAdmins() {
  return (
    <>
      <p>
        Add <a href="/admin/bos/department/">departments</a> and <a href="/admin/kpis/kpi/">KPIs</a> one by one, or{" "}
        <a href="/admin/bos/import/add/">import a file</a>. Systems send values by the <a href="/docs/">REST API</a>.
      </p>
      <p>They appear here by themselves, for everybody who may see them.</p>
    </>
  );
}
