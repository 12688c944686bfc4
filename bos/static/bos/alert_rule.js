// The form of an alert rule in the admin: how often it would have alerted, and whether it would now.

(() => {
  const PAUSE = 400; // milliseconds without a change

  /** @param {HTMLElement} box @param {HTMLFormElement} form */
  function start(box, form) {
    const told = /** @type {HTMLElement} */ (box.querySelector("[data-bos-tried]"));
    const days = /** @type {HTMLElement} */ (box.querySelector("[data-bos-days]"));
    /** @type {AbortController | null} */
    let asked = null;
    let timer = 0;

    /** @param {{problem?: string, text?: string, days?: string[], notes?: string[]}} answer */
    function show(answer) {
      told.textContent = answer.problem ?? [answer.text, ...(answer.notes ?? [])].join(" ");
      days.replaceChildren(
        ...(answer.days ?? []).map((day) => {
          const item = document.createElement("li");
          item.textContent = day;
          return item;
        }),
      );
      days.hidden = !answer.days?.length;
    }

    async function ask() {
      asked?.abort();
      asked = new AbortController();
      const fields = new URLSearchParams();
      for (const [name, value] of new FormData(form)) {
        if (typeof value === "string" && name !== "csrfmiddlewaretoken" && !name.startsWith("_")) fields.append(name, value);
      }
      if (!fields.get("kpi") || !fields.get("kind")) return;
      fields.set("rule", box.dataset.bosRule ?? "");
      try {
        const answer = await fetch(`${box.dataset.bosTry}?${fields}`, { signal: asked.signal });
        if (!answer.ok) throw new Error(`${answer.status}`);
        show(await answer.json());
      } catch (error) {
        if (!(error instanceof DOMException && error.name === "AbortError")) show({ problem: "The rule could not be tried." });
      }
    }

    function soon() {
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE);
    }

    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    // A choice that is searched tells jQuery alone.
    const page = /** @type {{django?: {jQuery?: (form: Element) => {on: (event: string, call: () => void) => void}}}} */ (window);
    page.django?.jQuery?.(form).on("change", soon);
    ask();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const box = /** @type {HTMLElement | null} */ (document.querySelector("[data-bos-try]"));
    const form = box?.closest("form");
    if (box && form) start(box, form);
  });
})();
