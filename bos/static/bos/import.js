// How far an import is: asked for until its state is another one, which the page then shows.

(() => {
  const PAUSE_MS = 600;
  /** @type {Record<string, string>} */
  const DONE = { checking: "checked", writing: "written" };
  const numbers = new Intl.NumberFormat();

  /** @param {HTMLElement} box */
  function start(box) {
    const address = box.dataset.bosProgress ?? "";
    const bar = box.querySelector("progress");
    const rows = box.querySelector("[data-bos-rows]");
    const hint = box.querySelector("[data-bos-hint]");
    const state = document.querySelector("[data-bos-state]");
    if (!bar || !rows || !hint || !state) return;
    ask(address, { bar, rows, hint, state });
  }

  /** Show how far it is, again and again, until it has ended.
   *
   * @param {string} address
   * @param {{bar: HTMLProgressElement, rows: Element, hint: Element, state: Element}} parts
   */
  async function ask(address, { bar, rows, hint, state }) {
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(`${answer.status}`);
      const progress = await answer.json();
      const settled = !["waiting", "checking", "confirmed", "writing"].includes(progress.state);
      if (settled) {
        location.reload();
        return;
      }
      state.textContent = progress.label;
      hint.textContent = progress.hint;
      const done = DONE[progress.state];
      if (done && progress.rowsDone) {
        bar.max = progress.rowsTotal;
        bar.value = progress.rowsDone;
        rows.textContent = `${numbers.format(progress.rowsDone)} of ${numbers.format(progress.rowsTotal)} rows ${done}`;
      } else {
        bar.removeAttribute("value"); // nobody knows for how long
        rows.textContent = "";
      }
    } catch {
      hint.textContent = "The server does not answer; trying again.";
    }
    setTimeout(ask, PAUSE_MS, address, { bar, rows, hint, state });
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll("[data-bos-progress]")) start(/** @type {HTMLElement} */ (box));
  });
})();
