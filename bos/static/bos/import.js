// How far an import is: asked for until its state is another one, which the page then shows.

(() => {
  const PAUSE_MS = 600;
  const numbers = new Intl.NumberFormat();

  function start(box) {
    const bar = box.querySelector("progress");
    const rows = box.querySelector("[data-bos-rows]");
    const hint = box.querySelector("[data-bos-hint]");
    const state = document.querySelector("[data-bos-state]");

    async function ask() {
      try {
        const answer = await fetch(box.dataset.bosProgress);
        if (!answer.ok) throw new Error(answer.status);
        const progress = await answer.json();
        const settled = !["waiting", "checking", "confirmed", "writing"].includes(progress.state);
        if (settled) {
          location.reload();
          return;
        }
        state.textContent = progress.label;
        hint.textContent = progress.hint;
        if (progress.state === "checking" && progress.rowsTotal) {
          bar.max = progress.rowsTotal;
          bar.value = progress.rowsDone;
          rows.textContent = `${numbers.format(progress.rowsDone)} of ${numbers.format(progress.rowsTotal)} rows checked`;
        } else {
          bar.removeAttribute("value"); // nobody knows for how long
          rows.textContent = progress.state === "writing" ? "All rows are written in one transaction." : "";
        }
      } catch {
        hint.textContent = "The server does not answer; trying again.";
      }
      setTimeout(ask, PAUSE_MS);
    }

    ask();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-bos-progress]").forEach(start));
})();
