// The organization's KPIs by department, one card each, kept in step with what the server sends.

import { Chart } from "./chart.js";
import { only, part } from "./dom.js";
import { Editor } from "./editor.js";

const NO_DEPARTMENT = "";
/** @type {[Intl.RelativeTimeFormatUnit, number][]} with its length in seconds */
const AGES = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
const RENEW_AGES_MS = 30_000;

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const ages = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const alphabet = new Intl.Collator(undefined, { numeric: true });

/** @typedef {(kpiId: string, ...value: Parameters<import("./editor.js").Save>) => Promise<unknown>} SetValue */

export class Board {
  #root;
  #template;
  #setValue;
  #mayEdit;
  #connected = false;
  /** @type {Map<string, import("./editor.js").Draft>} by KPI: of cards that are to be shown anew */
  #drafts = new Map();
  /** @type {Map<string, Card>} by KPI */
  #cards = new Map();
  /** @type {Map<string, Pick<Department, "name" | "parentId">>} */
  #departments = new Map();
  /** @type {KpiHistory} */
  #history = {};

  /** setValue: its promise is rejected with what the server said.
   * mayEdit: whether the user may set this KPI's value.
   *
   * @param {HTMLElement} root
   * @param {HTMLTemplateElement} template
   * @param {{setValue: SetValue, mayEdit: (kpi: Kpi) => boolean}} actions
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

  /** Whether changes are sent at once.
   *
   * @param {boolean} connected
   */
  connected(connected) {
    this.#connected = connected;
    this.#cards.forEach((card) => card.editor.connected(connected));
  }

  /** Show nothing; what was typed is kept for when its KPI is shown again. */
  clear() {
    for (const [id, { editor }] of this.#cards) {
      const { draft } = editor;
      if (draft) this.#drafts.set(id, draft);
    }
    this.#cards.forEach((card) => card.remove());
    for (const map of [this.#cards, this.#departments]) map.clear();
    this.#history = {};
    this.#root.replaceChildren();
  }

  /** Somebody else sits here now. */
  forgetDrafts() {
    this.#drafts.clear();
  }

  /** @param {KpiHistory} history */
  showHistory(history) {
    this.#history = history;
    for (const [id, card] of this.#cards) card.showHistory(history[id] ?? []);
  }

  /** Show what has changed.
   *
   * @param {Change[]} changes
   */
  apply(changes) {
    for (const { type, id, after } of changes) {
      if (type === "department") this.#showDepartment(id, after);
      else if (type === "kpi" && after) this.#showKpi(id, after);
      else if (type === "kpi") this.#removeKpi(id);
    }
  }

  /** Draw the eye to this KPI.
   *
   * @param {string} id
   */
  flash(id) {
    this.#cards.get(id)?.flash();
  }

  /** @param {string} id @param {Kpi} kpi */
  #showKpi(id, kpi) {
    let card = this.#cards.get(id);
    if (!card) {
      card = new Card(this.#template, kpi, (...value) => this.#setValue(id, ...value));
      this.#cards.set(id, card);
      card.show(kpi, this.#mayEdit(kpi));
      if (id in this.#history) card.showHistory(this.#history[id]);
      card.editor.connected(this.#connected);
      this.#resume(id, card);
    } else card.show(kpi, this.#mayEdit(kpi));
    this.#place(card);
    this.#count();
  }

  /** @param {string} id @param {Card} card */
  #resume(id, card) {
    const draft = this.#drafts.get(id);
    this.#drafts.delete(id);
    if (draft) card.editor.resume(draft);
  }

  /** @param {string} id */
  #removeKpi(id) {
    this.#cards.get(id)?.remove();
    this.#cards.delete(id);
    for (const section of this.#sections()) if (!section.querySelector("[data-kpi]")) section.remove();
    this.#count();
  }

  /** @param {string} id @param {Department | null} department */
  #showDepartment(id, department) {
    if (department === null) return void this.#departments.delete(id);
    this.#departments.set(id, department);
    for (const section of this.#sections()) this.#nameSection(section);
    this.#root.append(...this.#sections().sort((a, b) => alphabet.compare(orderOf(a), orderOf(b))));
  }

  #sections() {
    return childrenOf(this.#root);
  }

  /** @param {Card} card */
  #place(card) {
    const section = this.#section(card.kpi.departmentId ?? NO_DEPARTMENT);
    const before = card.element.closest("section");
    putInOrder(part(section, "cards"), card.element);
    if (before && before !== section && !before.querySelector("[data-kpi]")) before.remove();
  }

  /** @param {string} id */
  #section(id) {
    const existing = this.#sections().find((section) => section.dataset.department === id);
    if (existing) return existing;
    const section = copyOf(this.#template, "section");
    section.dataset.department = id;
    this.#nameSection(section);
    putInOrder(this.#root, section);
    return section;
  }

  /** @param {HTMLElement} section */
  #nameSection(section) {
    const id = section.dataset.department ?? NO_DEPARTMENT;
    const [name, ...above] = this.#path(id);
    const outermost = above.reverse();
    section.dataset.order = id === NO_DEPARTMENT ? "" : [...outermost, name].join(" / ");
    part(section, "above").textContent = outermost.map((each) => `${each} / `).join("");
    part(section, "department-name").textContent = name;
    section.setAttribute("aria-label", name);
  }

  /** Its own name, and those of the departments above, the nearest first.
   *
   * @param {string} id
   * @returns {[string, ...string[]]}
   */
  #path(id) {
    if (id === NO_DEPARTMENT) return ["Whole organization"];
    const own = this.#departments.get(id);
    if (!own) return ["Department"];
    const above = [];
    const seen = new Set([id]);
    let { parentId } = own;
    while (parentId !== null && !seen.has(parentId)) {
      seen.add(parentId);
      const parent = this.#departments.get(parentId);
      if (!parent) break;
      above.push(parent.name);
      ({ parentId } = parent);
    }
    return [own.name, ...above];
  }

  #count() {
    for (const section of this.#sections()) {
      const judged = section.querySelectorAll("[data-standing] .good, [data-standing] .bad").length;
      const good = section.querySelectorAll("[data-standing] .good").length;
      part(section, "count").textContent = judged ? `${good} of ${judged} on target` : "";
    }
  }
}

/** @param {HTMLElement} element */
function orderOf(element) {
  return element.dataset.order ?? "";
}

/** @param {HTMLElement} parent */
function childrenOf(parent) {
  return [.../** @type {HTMLCollectionOf<HTMLElement>} */ (parent.children)];
}

/** A copy of this element of the template.
 *
 * @param {HTMLTemplateElement} template
 * @param {string} name
 */
function copyOf(template, name) {
  return /** @type {HTMLElement} */ (only(template.content, name).cloneNode(true));
}

/** Put an element among its siblings by `data-order`; one that is in its place is not touched.
 *
 * @param {HTMLElement} parent
 * @param {HTMLElement} element
 */
function putInOrder(parent, element) {
  const order = orderOf(element);
  const next = childrenOf(parent).find((other) => other !== element && alphabet.compare(orderOf(other), order) > 0);
  if (element.parentElement === parent && element.nextElementSibling === (next ?? null)) return;
  parent.insertBefore(element, next ?? null);
}

class Card {
  kpi;
  editor;
  #shown = false;
  #mayEdit = false;
  #chart;

  /** @param {HTMLTemplateElement} template @param {Kpi} kpi @param {import("./editor.js").Save} setValue */
  constructor(template, kpi, setValue) {
    this.kpi = kpi;
    this.element = copyOf(template, "article");
    this.element.dataset.kpi = kpi.id;
    this.#chart = new Chart(part(this.element, "spark"), part(this.element, "readout"));
    this.editor = new Editor(this.element, setValue);
    this.element.addEventListener("animationend", () => this.element.classList.remove("changed"));
  }

  /** Everything but the value may have changed; the value, too.
   *
   * @param {Kpi} kpi
   * @param {boolean} mayEdit
   */
  show(kpi, mayEdit) {
    const before = this.kpi;
    const first = !this.#shown;
    this.#shown = true;
    this.kpi = kpi;
    this.#mayEdit = mayEdit;
    this.element.dataset.order = kpi.name;
    this.#part("name").textContent = kpi.name;
    this.#part("unit").textContent = kpi.unit;
    this.#part("restricted").hidden = kpi.visibility !== "department";
    this.#part("target").textContent = kpi.target === null ? "no target" : `target ${numbers.format(kpi.target)}`;
    this.#chart.describe(kpi);
    this.#showValue();
    if (first) return;
    if (kpi.value !== before.value && kpi.value !== null) this.#chart.add(kpi.updatedAt, kpi.value);
    if (JSON.stringify(kpi) !== JSON.stringify(before)) this.flash();
  }

  /** @param {[string, number][]} history */
  showHistory(history) {
    this.#chart.show(history);
  }

  showAge() {
    const seconds = (Date.now() - Date.parse(this.kpi.updatedAt)) / 1000;
    const age = AGES.find(([, length]) => seconds >= length);
    this.#part("when").textContent = age ? ages.format(-Math.floor(seconds / age[1]), age[0]) : "just now";
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
    this.#part("value").style.setProperty("--characters", `${text.length}`); // a long one is written smaller
    this.editor.show(this.kpi, this.#mayEdit);
    const when = part(this.element, "when", HTMLTimeElement);
    when.dateTime = updatedAt;
    when.title = moments.format(new Date(updatedAt));
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

  /** @param {string} name */
  #part(name) {
    return part(this.element, name);
  }
}

/** " by 7 %", in the reader's own way of writing; nothing where the target is 0.
 *
 * @param {number} value
 * @param {number} target
 */
function share(value, target) {
  if (target === 0) return "";
  const off = Math.abs((value - target) / target);
  const maximumFractionDigits = off < 0.1 ? 1 : 0;
  return ` by ${new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits }).format(off)}`;
}
