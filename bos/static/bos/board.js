// The organization's KPIs by department, one card each, kept in step with what the server sends.

import { Chart } from "./chart.js";
import { Editor } from "./editor.js";

const NO_DEPARTMENT = "";
const AGES = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
const RENEW_AGES_MS = 30_000;

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const ages = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const alphabet = new Intl.Collator(undefined, { numeric: true });

export class Board {
  #root;
  #template;
  #setValue;
  #mayEdit;
  #connected = false;
  #drafts = new Map(); // KPI id -> what was typed on a card that is to be shown anew
  #cards = new Map(); // KPI id -> Card
  #departments = new Map(); // id -> {name, parentId}
  #versions = new Map(); // KPI id -> sequence of what is shown, or of its deletion
  #history = {};

  /** setValue: (kpiId, value, {signal}) => Promise, rejected with what the server said.
   * mayEdit: (kpi) => whether the user may set its value.
   */
  constructor(root, template, { setValue, mayEdit }) {
    this.#root = root;
    this.#template = template;
    this.#setValue = setValue;
    this.#mayEdit = mayEdit;
    setInterval(() => this.#cards.forEach((card) => card.showAge()), RENEW_AGES_MS);
  }

  /** Whether a KPI is shown whose history has not been asked for. */
  get lacksHistory() {
    return [...this.#cards.keys()].some((id) => !(id in this.#history));
  }

  get isEmpty() {
    return this.#cards.size === 0;
  }

  /** Whether changes are sent at once. */
  connected(connected) {
    this.#connected = connected;
    this.#cards.forEach((card) => card.editor.connected(connected));
  }

  /** Show nothing; what was typed is kept for when its KPI is shown again. */
  clear() {
    for (const [id, { editor }] of this.#cards) if (editor.draft) this.#drafts.set(id, editor.draft);
    this.#cards.forEach((card) => card.remove());
    for (const map of [this.#cards, this.#departments, this.#versions]) map.clear();
    this.#history = {};
    this.#root.replaceChildren();
  }

  /** Somebody else sits here now. */
  forgetDrafts() {
    this.#drafts.clear();
  }

  /** {KPI id: [[time, value], ...]}, oldest first. */
  showHistory(history) {
    this.#history = history;
    for (const [id, card] of this.#cards) card.showHistory(history[id] ?? []);
  }

  apply({ type, payload }) {
    if (type === "SYNC_UPDATE" && payload.entityType === "department") return this.#showDepartment(payload.data);
    if (type === "SYNC_DELETE" && payload.entityType === "department") return this.#removeDepartment(payload);
    const ofKpi = type === "KPI_UPDATED" || payload?.entityType === "kpi";
    if (!ofKpi || this.#isOld(payload)) return;
    if (type === "KPI_UPDATED") this.#cards.get(payload.kpiId)?.setValue(payload.value, payload.updatedAt);
    else if (type === "SYNC_UPDATE") this.#showKpi(payload);
    else if (type === "SYNC_DELETE") this.#removeKpi(payload.entityId);
    this.#count();
  }

  /** This department is followed no longer: what only it may see goes from the page. */
  hideRestricted(departmentId) {
    for (const [id, { kpi }] of this.#cards)
      if (kpi.visibility === "department" && kpi.departmentId === departmentId) this.#removeKpi(id);
    this.#count();
  }

  // After a reconnect something live may come before what was missed: the later one stays.
  #isOld({ kpiId, entityId, sequence = Infinity }) {
    const id = kpiId ?? entityId;
    if (sequence < this.#versions.get(id)) return true;
    if (sequence < Infinity) this.#versions.set(id, sequence);
    return false;
  }

  #showKpi({ entityId, data, changeType }) {
    let card = this.#cards.get(entityId);
    if (!card) {
      card = new Card(this.#template, entityId, (...value) => this.#setValue(entityId, ...value));
      this.#cards.set(entityId, card);
      card.show(data, this.#mayEdit(data));
      card.showHistory(this.#history[entityId] ?? []);
      card.editor.connected(this.#connected);
      this.#resume(entityId, card);
      if (changeType === "created") card.flash();
    } else card.show(data, this.#mayEdit(data));
    this.#place(card);
  }

  #resume(id, card) {
    const draft = this.#drafts.get(id);
    this.#drafts.delete(id);
    if (draft) card.editor.resume(draft);
  }

  #removeKpi(id) {
    this.#cards.get(id)?.remove();
    this.#cards.delete(id);
    for (const section of this.#sections()) if (!section.querySelector("[data-kpi]")) section.remove();
  }

  #showDepartment({ id, name, parentId }) {
    this.#departments.set(id, { name, parentId });
    for (const section of this.#sections()) this.#nameSection(section);
    this.#root.append(...this.#sections().sort((a, b) => alphabet.compare(a.dataset.order, b.dataset.order)));
  }

  #removeDepartment({ entityId }) {
    this.#departments.delete(entityId);
  }

  #sections() {
    return [...this.#root.children];
  }

  #place(card) {
    const section = this.#section(card.kpi.departmentId ?? NO_DEPARTMENT);
    const before = card.element.closest("section");
    putInOrder(section.querySelector("[data-cards]"), card.element);
    if (before && before !== section && !before.querySelector("[data-kpi]")) before.remove();
  }

  #section(id) {
    const existing = this.#sections().find((section) => section.dataset.department === id);
    if (existing) return existing;
    const section = this.#template.content.querySelector("section").cloneNode(true);
    section.dataset.department = id;
    this.#nameSection(section);
    putInOrder(this.#root, section);
    return section;
  }

  #nameSection(section) {
    const path = this.#path(section.dataset.department);
    const name = path.pop();
    section.dataset.order = section.dataset.department === NO_DEPARTMENT ? "" : [...path, name].join(" / ");
    section.querySelector("[data-above]").textContent = path.map((above) => `${above} / `).join("");
    section.querySelector("[data-department-name]").textContent = name;
    section.setAttribute("aria-label", name);
  }

  /** Names of the departments above, and its own. */
  #path(id) {
    if (id === NO_DEPARTMENT) return ["Whole organization"];
    const path = [];
    const seen = new Set();
    for (let at = id; this.#departments.has(at) && !seen.has(at); at = this.#departments.get(at).parentId) {
      seen.add(at);
      path.unshift(this.#departments.get(at).name);
    }
    return path.length ? path : ["Department"];
  }

  #count() {
    for (const section of this.#sections()) {
      const judged = section.querySelectorAll("[data-standing] .good, [data-standing] .bad").length;
      const good = section.querySelectorAll("[data-standing] .good").length;
      section.querySelector("[data-count]").textContent = judged ? `${good} of ${judged} on target` : "";
    }
  }
}

/** Put an element among its siblings by `data-order`; one that is in its place is not touched. */
function putInOrder(parent, element) {
  const { order } = element.dataset;
  const next = [...parent.children].find(
    (other) => other !== element && alphabet.compare(other.dataset.order, order) > 0,
  );
  if (element.parentElement === parent && element.nextElementSibling === (next ?? null)) return;
  parent.insertBefore(element, next ?? null);
}

class Card {
  kpi = null;
  editor;
  #mayEdit = false;
  #chart;

  constructor(template, id, setValue) {
    this.element = template.content.querySelector("article").cloneNode(true);
    this.element.dataset.kpi = id;
    this.#chart = new Chart(this.#part("spark"), this.#part("readout"));
    this.editor = new Editor((name) => this.#part(name), setValue);
    this.element.addEventListener("animationend", () => this.element.classList.remove("changed"));
  }

  /** Everything but the value may have changed; the value, too. */
  show(kpi, mayEdit) {
    const before = this.kpi;
    this.kpi = kpi;
    this.#mayEdit = mayEdit;
    this.element.dataset.order = kpi.name;
    this.#part("name").textContent = kpi.name;
    this.#part("unit").textContent = kpi.unit;
    this.#part("restricted").hidden = kpi.visibility !== "department";
    this.#part("target").textContent = kpi.target === null ? "no target" : `target ${numbers.format(kpi.target)}`;
    this.#chart.describe(kpi);
    this.#showValue();
    if (!before) return;
    if (kpi.value !== before.value && kpi.value !== null) this.#chart.add(kpi.updatedAt, kpi.value);
    if (JSON.stringify(kpi) !== JSON.stringify(before)) this.flash();
  }

  setValue(value, updatedAt) {
    if (this.kpi.value === value && this.kpi.updatedAt === updatedAt) return;
    this.kpi = { ...this.kpi, value, updatedAt };
    this.#chart.add(updatedAt, value);
    this.#showValue();
    this.flash();
  }

  showHistory(history) {
    this.#chart.show(history);
  }

  showAge() {
    const seconds = (Date.now() - Date.parse(this.kpi.updatedAt)) / 1000;
    const [unit, length] = AGES.find(([, length]) => seconds >= length) ?? [];
    this.#part("when").textContent = unit ? ages.format(-Math.floor(seconds / length), unit) : "just now";
  }

  flash() {
    this.element.classList.remove("changed");
    void this.element.offsetWidth; // or the browser would not see that it begins anew
    this.element.classList.add("changed");
  }

  remove() {
    this.#chart.destroy();
    this.element.remove();
  }

  #showValue() {
    const { value, updatedAt } = this.kpi;
    const text = value === null ? "–" : numbers.format(value);
    this.#part("value").textContent = text;
    this.#part("value").style.setProperty("--characters", text.length); // a long one is written smaller
    this.editor.show(this.kpi, this.#mayEdit);
    this.#part("when").dateTime = updatedAt;
    this.#part("when").title = moments.format(new Date(updatedAt));
    this.showAge();
    this.#showStanding();
  }

  #showStanding() {
    const { value, target, direction } = this.kpi;
    const standing = document.createElement("span");
    if (value !== null && target !== null) {
      const good = direction === "lower" ? value <= target : value >= target;
      standing.className = good ? "good" : "bad";
      standing.textContent = good ? "on target" : `off target${share(value, target)}`;
    }
    this.#part("standing").replaceChildren(standing);
  }

  #part(name) {
    return this.element.querySelector(`[data-${name}]`);
  }
}

/** " by 7 %", in the reader's own way of writing; nothing where the target is 0. */
function share(value, target) {
  if (target === 0) return "";
  const off = Math.abs((value - target) / target);
  const maximumFractionDigits = off < 0.1 ? 1 : 0;
  return ` by ${new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits }).format(off)}`;
}
