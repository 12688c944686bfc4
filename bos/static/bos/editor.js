// The form on a card that sets a value. What was typed stays until it is saved or cancelled.

// As this browser writes it: a number field would drop the other one, and 1,5 would become 15.
const POINT = new Intl.NumberFormat().format(0.5).includes(",") ? "," : ".";
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const THOUSANDS = /^[+-]?\d{1,3}(\.\d{3})+$/; // where the point separates these

const SAVING = "Saving …";
const WAITING = "Not connected. It is saved as soon as the connection is back.";

export class Editor {
  #open;
  #form;
  #note;
  #save;
  #kpi = null;
  #allowed = false;
  #connected = true;
  #saving = null; // the promise of what is being saved
  #withdrawal = null;

  /** part: (name) => element of the card. save: (value, {signal}) => Promise. */
  constructor(part, save) {
    [this.#open, this.#form, this.#note] = [part("edit"), part("edit-form"), part("card-problem")];
    this.#save = save;
    this.#open.addEventListener("click", () => this.#begin());
    part("value").addEventListener("click", () => this.#allowed && this.#form.hidden && this.#begin());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    part("cancel").addEventListener("click", () => this.#cancel());
    this.#form.addEventListener("keydown", (event) => event.key === "Escape" && this.#cancel());
  }

  /** What is shown is this now, and the user may set it or not. */
  show(kpi, allowed) {
    this.#kpi = kpi;
    this.#allowed = allowed;
    this.#open.setAttribute("aria-label", `Change ${kpi.name}`);
    this.#input.setAttribute("aria-label", `New value of ${kpi.name}`);
    this.#open.hidden = !allowed || !this.#form.hidden;
    this.#button.disabled = !allowed || this.#saving !== null;
    if (!allowed && !this.#form.hidden) this.#tell("You may not set this value any more.");
  }

  connected(connected) {
    this.#connected = connected;
    if (this.#saving) this.#tell(this.#progress);
  }

  /** What a new card needs to go on where this one ends; null where nothing was typed. */
  get draft() {
    return this.#form.hidden ? null : { text: this.#input.value, note: this.#note.textContent, saving: this.#saving };
  }

  resume({ text, note, saving }) {
    this.#unfold(true);
    this.#input.value = text;
    this.#tell(note);
    if (saving) this.#follow(saving);
  }

  get #input() {
    return this.#form.elements.value;
  }

  get #button() {
    return this.#form.querySelector("button:not([type])");
  }

  get #progress() {
    return this.#connected ? SAVING : WAITING;
  }

  #begin() {
    this.#tell("");
    this.#input.value = String(this.#kpi.value ?? "").replace(".", POINT);
    this.#unfold(true);
    this.#input.focus();
    this.#input.select();
  }

  #submit() {
    if (this.#saving || !this.#allowed) return;
    const value = read(this.#input.value);
    if (value === null) return this.#refuse(`“${this.#input.value}” is not a number. Write it like 1234${POINT}5.`);
    if (value === this.#kpi.value) return this.#cancel();
    this.#withdrawal = new AbortController();
    this.#follow(this.#save(value, { signal: this.#withdrawal.signal }));
  }

  async #follow(saving) {
    this.#setSaving(saving);
    this.#tell(this.#progress);
    try {
      await saving;
      if (this.#saving === saving) this.#close();
    } catch (error) {
      if (this.#saving !== saving) return; // cancelled meanwhile
      this.#setSaving(null);
      this.#refuse(error.message);
    }
  }

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

  #setSaving(saving) {
    this.#saving = saving;
    this.#input.readOnly = saving !== null;
    this.#button.disabled = saving !== null || !this.#allowed;
    this.#input.removeAttribute("aria-invalid");
  }

  #unfold(editing) {
    this.#form.hidden = !editing;
    this.#open.hidden = editing || !this.#allowed;
  }

  #tell(text) {
    this.#note.textContent = text;
    this.#note.classList.toggle("soft", text === SAVING || text === WAITING);
  }
}

/** The number that this text says, null where it says none for certain. */
function read(text) {
  const typed = text.trim().replace("\u2212", "-"); // a minus sign, as some pages show it
  if (POINT === "," && THOUSANDS.test(typed)) return null;
  const plain = POINT === "," && !typed.includes(".") ? typed.replace(",", ".") : typed;
  return NUMBER.test(plain) ? Number(plain) : null;
}
