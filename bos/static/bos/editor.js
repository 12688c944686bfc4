// The form on a card that sets a value. What was typed stays until it is saved or cancelled.

import { only, part } from "./dom.js";

// As this browser writes it: a number field would drop the other one, and 1,5 would become 15.
const POINT = new Intl.NumberFormat().format(0.5).includes(",") ? "," : ".";
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const THOUSANDS = /^[+-]?\d{1,3}(\.\d{3})+$/; // where the point separates these

const SAVING = "Saving …";
const WAITING = "Not connected. It is saved as soon as the connection is back.";

/** What was typed on a card, and the promise of what is being saved.
 *
 * @typedef {{text: string, note: string, saving: Promise<unknown> | null}} Draft
 */

/** Saves a value; its signal withdraws it.
 *
 * @typedef {(value: number, how: {signal: AbortSignal}) => Promise<unknown>} Save
 */

export class Editor {
  #open;
  #form;
  #note;
  #save;
  #input;
  #button;
  /** @type {Kpi | null} */
  #kpi = null;
  #allowed = false;
  #connected = true;
  /** @type {Promise<unknown> | null} */
  #saving = null;
  /** @type {AbortController | null} */
  #withdrawal = null;

  /** @param {HTMLElement} card @param {Save} save */
  constructor(card, save) {
    this.#open = part(card, "edit");
    this.#form = part(card, "edit-form", HTMLFormElement);
    this.#note = part(card, "card-problem");
    this.#input = only(this.#form, "input", HTMLInputElement);
    this.#button = only(this.#form, "button:not([type])", HTMLButtonElement);
    this.#save = save;
    this.#open.addEventListener("click", () => this.#begin());
    part(card, "value").addEventListener("click", () => this.#allowed && this.#form.hidden && this.#begin());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    part(card, "cancel").addEventListener("click", () => this.#cancel());
    this.#form.addEventListener("keydown", (event) => event.key === "Escape" && this.#cancel());
  }

  /** What is shown is this now, and the user may set it or not.
   *
   * @param {Kpi} kpi
   * @param {boolean} allowed
   */
  show(kpi, allowed) {
    this.#kpi = kpi;
    this.#allowed = allowed;
    this.#open.setAttribute("aria-label", `Change ${kpi.name}`);
    this.#input.setAttribute("aria-label", `New value of ${kpi.name}`);
    this.#open.hidden = !allowed || !this.#form.hidden;
    this.#button.disabled = !allowed || this.#saving !== null;
    if (!allowed && !this.#form.hidden) this.#tell("You may not set this value any more.");
  }

  /** @param {boolean} connected */
  connected(connected) {
    this.#connected = connected;
    if (this.#saving) this.#tell(this.#progress);
  }

  /** What a new card needs to go on where this one ends; null where nothing was typed.
   *
   * @returns {Draft | null}
   */
  get draft() {
    return this.#form.hidden ? null : { text: this.#input.value, note: this.#note.textContent, saving: this.#saving };
  }

  /** @param {Draft} draft */
  resume({ text, note, saving }) {
    this.#unfold(true);
    this.#input.value = text;
    this.#tell(note);
    if (saving) this.#follow(saving);
  }

  get #progress() {
    return this.#connected ? SAVING : WAITING;
  }

  #begin() {
    this.#tell("");
    this.#input.value = String(this.#kpi?.value ?? "").replace(".", POINT);
    this.#unfold(true);
    this.#input.focus();
    this.#input.select();
  }

  #submit() {
    if (this.#saving || !this.#allowed) return;
    const value = read(this.#input.value);
    if (value === null) return this.#refuse(`“${this.#input.value}” is not a number. Write it like 1234${POINT}5.`);
    if (value === this.#kpi?.value) return this.#cancel();
    this.#withdrawal = new AbortController();
    this.#follow(this.#save(value, { signal: this.#withdrawal.signal }));
  }

  /** @param {Promise<unknown>} saving */
  async #follow(saving) {
    this.#setSaving(saving);
    this.#tell(this.#progress);
    try {
      await saving;
      if (this.#saving === saving) this.#close();
    } catch (error) {
      if (this.#saving !== saving) return; // cancelled meanwhile
      this.#setSaving(null);
      this.#refuse(error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {string} why */
  #refuse(why) {
    this.#tell(why);
    this.#input.setAttribute("aria-invalid", "true");
    this.#input.focus();
  }

  /** What was not sent yet is not sent; what was comes back as any other change. */
  #cancel() {
    this.#setSaving(null);
    this.#withdrawal?.abort();
    this.#close();
  }

  #close() {
    this.#setSaving(null);
    this.#tell("");
    const focused = this.#form.contains(document.activeElement);
    this.#unfold(false);
    if (focused) this.#open.focus();
  }

  /** @param {Promise<unknown> | null} saving */
  #setSaving(saving) {
    this.#saving = saving;
    this.#input.readOnly = saving !== null;
    this.#button.disabled = saving !== null || !this.#allowed;
    this.#input.removeAttribute("aria-invalid");
  }

  /** @param {boolean} editing */
  #unfold(editing) {
    this.#form.hidden = !editing;
    this.#open.hidden = editing || !this.#allowed;
  }

  /** @param {string} text */
  #tell(text) {
    this.#note.textContent = text;
    this.#note.classList.toggle("soft", text === SAVING || text === WAITING);
  }
}

/** The number that this text says, null where it says none for certain.
 *
 * @param {string} text
 */
function read(text) {
  const typed = text.trim().replace("\u2212", "-"); // a minus sign, as some pages show it
  if (POINT === "," && THOUSANDS.test(typed)) return null;
  const plain = POINT === "," && !typed.includes(".") ? typed.replace(",", ".") : typed;
  return NUMBER.test(plain) ? Number(plain) : null;
}
