// The organization's KPIs by department, one card each, kept in step with what the server sends.

const NO_DEPARTMENT = "";
const HISTORY_DAYS = 90;
const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
const times = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export class Board {
  #root;
  #template;
  #setValue;
  #cards = new Map(); // kpi id -> Card
  #departments = new Map(); // id -> name
  #history = {};

  /** setValue: (kpiId, value) => Promise, rejected with what the server said. */
  constructor(root, template, setValue) {
    this.#root = root;
    this.#template = template;
    this.#setValue = setValue;
  }

  clear() {
    this.#cards.clear();
    this.#departments.clear();
    this.#root.replaceChildren();
  }

  /** {kpi id: [[time, value], ...]}, oldest first. */
  showHistory(history) {
    this.#history = history;
    for (const [id, card] of this.#cards) card.showHistory(history[id] ?? []);
  }

  apply({ type, payload }) {
    if (type === "KPI_UPDATED") this.#cards.get(payload.kpiId)?.setValue(payload.value, payload.updatedAt);
    else if (type === "SYNC_DELETE") this.#remove(payload);
    else if (type === "SYNC_UPDATE" && payload.entityType === "kpi") this.#showKpi(payload);
    else if (type === "SYNC_UPDATE" && payload.entityType === "department") this.#showDepartment(payload.data);
  }

  #showKpi({ entityId, data, changeType }) {
    let card = this.#cards.get(entityId);
    if (!card) {
      card = new Card(this.#template, entityId, (value) => this.#setValue(entityId, value));
      card.showHistory(this.#history[entityId] ?? []);
      this.#cards.set(entityId, card);
    }
    card.show(data, { live: changeType !== "snapshot" });
    this.#place(card);
  }

  #showDepartment({ id, name }) {
    this.#departments.set(id, name);
    for (const heading of this.#root.querySelectorAll("section h2")) {
      const known = this.#departments.get(heading.parentElement.dataset.department);
      if (known) heading.textContent = known;
    }
  }

  #remove({ entityType, entityId }) {
    if (entityType === "department") this.#departments.delete(entityId);
    const card = entityType === "kpi" && this.#cards.get(entityId);
    if (!card) return;
    card.element.remove();
    this.#cards.delete(entityId);
    this.#tidy();
  }

  #place(card) {
    const section = this.#section(card.kpi.departmentId ?? NO_DEPARTMENT);
    const cards = section.querySelector(".cards");
    if (card.element.parentElement === cards) return;
    const next = [...cards.children].find((other) => other.dataset.name > card.kpi.name);
    cards.insertBefore(card.element, next ?? null);
    card.draw();
    this.#tidy();
  }

  #section(id) {
    const existing = this.#root.querySelector(`section[data-department="${CSS.escape(id)}"]`);
    if (existing) return existing;
    const section = document.createElement("section");
    section.dataset.department = id;
    const heading = document.createElement("h2");
    heading.textContent = this.#departments.get(id) ?? (id ? "Department" : "Organization");
    const cards = document.createElement("div");
    cards.className = "cards";
    section.append(heading, cards);
    this.#root.append(section);
    return section;
  }

  #tidy() {
    for (const section of this.#root.querySelectorAll("section"))
      if (!section.querySelector("[data-kpi]")) section.remove();
  }
}

class Card {
  kpi = {};
  #points = [];
  #plot = null;

  constructor(template, id, setValue) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.kpi = id;
    this.#part("edit").addEventListener("click", () => this.#edit(setValue));
  }

  show(kpi, { live }) {
    const { id, value, updatedAt } = this.kpi;
    const changed = live && id && value !== kpi.value;
    this.kpi = changed ? { ...kpi, value, updatedAt } : kpi;
    this.element.dataset.name = kpi.name;
    this.#part("name").textContent = kpi.name;
    this.#part("unit").textContent = kpi.unit;
    this.#part("restricted").hidden = kpi.visibility !== "department";
    this.#part("target").textContent = kpi.target === null ? "" : `target ${numbers.format(kpi.target)}`;
    this.#part("edit").disabled = false;
    if (changed) this.setValue(kpi.value, kpi.updatedAt);
    else this.#showValue();
  }

  setValue(value, updatedAt) {
    if (this.kpi.value === value && this.kpi.updatedAt === updatedAt) return;
    this.kpi = { ...this.kpi, value, updatedAt };
    this.#points.push([Date.parse(updatedAt) / 1000, value]);
    this.#showValue();
    this.draw();
    this.element.classList.add("changed");
    requestAnimationFrame(() => requestAnimationFrame(() => this.element.classList.remove("changed")));
  }

  showHistory(history) {
    this.#points = history.map(([time, value]) => [Date.parse(time) / 1000, value]);
    this.draw();
  }

  #showValue() {
    const { value, updatedAt } = this.kpi;
    this.#part("value").textContent = value === null ? "–" : numbers.format(value);
    const when = this.#part("when");
    when.dateTime = updatedAt;
    when.textContent = times.format(new Date(updatedAt));
    this.#showStanding();
  }

  #showStanding() {
    const { value, target, direction } = this.kpi;
    const standing = this.#part("standing");
    if (value === null || target === null) return void (standing.textContent = "");
    const good = direction === "higher" ? value >= target : value <= target;
    const off = target === 0 ? "" : ` by ${numbers.format(Math.abs(Math.round((100 * (value - target)) / target)))} %`;
    standing.textContent = good ? "on target" : `off target${off}`;
    standing.className = `standing ${good ? "good" : "bad"}`;
  }

  draw() {
    const box = this.#part("spark");
    if (!box.isConnected || this.#points.length < 2) return;
    box.setAttribute("aria-label", `${this.kpi.name}, the last ${HISTORY_DAYS} days`);
    const columns = [this.#points.map(([time]) => time), this.#points.map(([, value]) => value)];
    if (this.#plot) return this.#plot.setData(columns);
    const colour = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
    this.#plot = new uPlot(
      {
        width: box.clientWidth || 220,
        height: 64,
        legend: { show: false },
        cursor: { show: false },
        axes: [{ show: false }, { show: false }],
        padding: [4, 2, 4, 2],
        series: [{}, { stroke: colour, width: 1.5, fill: `${colour}22`, points: { show: false } }],
      },
      columns,
      box,
    );
    new ResizeObserver(() => this.#plot.setSize({ width: box.clientWidth, height: 64 })).observe(box);
  }

  #edit(setValue) {
    const shown = this.#part("value");
    if (shown.querySelector("input")) return;
    const input = document.createElement("input");
    input.inputMode = "decimal";
    input.value = this.kpi.value ?? "";
    input.setAttribute("aria-label", `new value of ${this.kpi.name}`);
    shown.replaceChildren(input);
    input.select();
    const problem = this.#part("card-problem");
    const finish = async (keep) => {
      const typed = input.value.trim().replace(",", ".");
      input.onblur = null;
      this.#showValue();
      problem.textContent = "";
      if (!keep || typed === "" || Number(typed) === this.kpi.value) return;
      await setValue(Number(typed)).catch((error) => (problem.textContent = error.message));
    };
    input.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Enter") finish(true);
      if (event.key === "Escape") finish(false);
    };
    input.onclick = (event) => event.stopPropagation();
    input.onblur = () => finish(false);
  }

  #part(name) {
    return this.element.querySelector(`[data-${name}]`);
  }
}
