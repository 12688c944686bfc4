// What of a board is shown, and how.

import { Button, SearchBox, Segments, Select } from "../../ui/controls.tsx";
import { collapse, collapsed, type Density, density, FILTER_NAMES, filterBy, search, SORT_NAMES, showAs, sortBy, wish } from "./chosen.ts";
import { type Filter, FILTERS, type Section, type Sort } from "./order.ts";

const DENSITIES: readonly { value: Density; label: string }[] = [{ value: "cards", label: "Cards" }, { value: "rows", label: "Rows" }];
const SORTS = (Object.entries(SORT_NAMES) as [Sort, string][]).map(([value, label]) => ({ value, label }));

export function Chooser({ counts, sections }: { counts: Readonly<Record<Filter, number>>; sections: readonly Section[] }) {
  const { search: text, filter, sort } = wish.value;
  const filters = FILTERS.map((value) => ({ value, label: <>{FILTER_NAMES[value]} <span class="board-number">{counts[value]}</span></> }));
  const areCollapsed = collapsed.value.size > 0;
  return (
    <div class="board-chooser">
      <SearchBox label="Search KPIs and departments" value={text} onSearch={search} shortcut />
      <div class="board-filters"><Segments label="Show" options={filters} value={filter} onChoose={filterBy} /></div>
      <span class="board-looks">
        <Select label="Order" options={SORTS} value={sort} onChoose={sortBy} />
        <Segments label="Density" options={DENSITIES} value={density()} onChoose={showAs} />
        {sections.length > 1 && (
          <Button onClick={() => collapse(areCollapsed ? [] : sections.map(({ id }) => id))}>{areCollapsed ? "Expand all" : "Collapse all"}</Button>
        )}
      </span>
    </div>
  );
}
