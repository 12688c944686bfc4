// One department: its KPIs and those of the departments below it, its people, and notes on it.

import type { EmployeeData } from "@bos/client";
import { Fragment } from "preact";
import { useMemo } from "preact/hooks";
import { isComplete } from "../../app/connection.ts";
import { all, entity } from "../../app/live.ts";
import { departmentPlace } from "../../app/places.ts";
import { Link } from "../../app/router.tsx";
import { alphabet } from "../../app/words.ts";
import { View } from "../../frame/View.tsx";
import { Avatar, Empty, Loading } from "../../ui/shown.tsx";
import { Looking } from "../people/Looking.tsx";
import { Notes } from "../notes/Notes.tsx";
import { Chooser } from "./Chooser.tsx";
import { Sections } from "./Sections.tsx";
import { boardOf, places } from "./shown.ts";

export function Department({ id }: { id: string }) {
  const department = entity("department", id);
  if (department) return <Found id={id} name={department.name} />;
  if (!isComplete.value) return <View title="Department"><Loading what="the department" /></View>;
  return (
    <View title="Department">
      <Empty title="There is no such department here">
        <p>You may not see it, or it is not there any more. <Link to="/">Go to the board</Link></p>
      </Empty>
    </View>
  );
}

function Found({ id, name }: { id: string; name: string }) {
  const layout = useMemo(() => boardOf(id), [id]);
  const { sections, total, counts, onTarget, judged } = layout.value;
  return (
    <View title={name} class="board" above={<Path id={id} />} actions={<Facts id={id} onTarget={onTarget} judged={judged} />}>
      {total > 0 ? (
        <>
          <Chooser counts={counts} sections={sections} />
          <Sections sections={sections} />
        </>
      ) : <p class="soft">No KPI of it, or of a department below it, is to be seen by you.</p>}
      <People id={id} />
      <Notes entity={{ type: "department", id }} />
    </View>
  );
}

function Facts({ id, onTarget, judged }: { id: string; onTarget: number; judged: number }) {
  return (
    <>
      {judged > 0 && <span class="soft small" data-count>{onTarget} of {judged} on target</span>}
      <Looking entity={{ type: "department", id }} />
    </>
  );
}

/** Where it is, each department above it as a link. */
function Path({ id }: { id: string }) {
  const { ids = [], above = [] } = places.value.get(id) ?? {};
  const outermost = ids.slice(1).reverse();
  return (
    <nav aria-label="Departments above">
      <Link to="/">Board</Link>
      {outermost.map((parent, index) => <Fragment key={parent}> / <Link to={departmentPlace(parent)}>{above[index]}</Link></Fragment>)}
    </nav>
  );
}

function People({ id }: { id: string }) {
  const own = [...all("employee").values()].filter(({ departmentId }) => departmentId === id);
  if (!own.length) return null;
  own.sort((a, b) => alphabet.compare(a.name, b.name));
  return (
    <section class="panel" aria-labelledby="department-people">
      <header><h2 id="department-people">People</h2></header>
      <ul class="department-people">{own.map((employee) => <Employee key={employee.id} employee={employee} />)}</ul>
    </section>
  );
}

function Employee({ employee: { id, userId, name, title, email } }: { employee: EmployeeData }) {
  return (
    <li data-employee={id}>
      <Avatar id={userId ?? id} name={name} />
      <div>
        <p><b>{name}</b></p>
        <p class="soft small">{title}{title && email && " · "}{email && <a href={`mailto:${email}`}>{email}</a>}</p>
      </div>
    </li>
  );
}
