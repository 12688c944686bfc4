// The live picture is fetched anew every few seconds, and not while somebody is about to press a button.

(() => {
  const PAUSE_MS = 3_000;

  /** @param {HTMLElement} box */
  function start(box) {
    const address = box.dataset.bosLive ?? "";

    async function refresh() {
      try {
        const answer = await fetch(address);
        // Signed out meanwhile, it would be the sign-in page.
        if (answer.ok && !answer.redirected && !box.contains(document.activeElement)) box.innerHTML = await answer.text();
        box.classList.toggle("bos-stale", !answer.ok || answer.redirected);
      } catch {
        box.classList.add("bos-stale");
      }
      setTimeout(refresh, PAUSE_MS);
    }

    box.addEventListener("submit", (event) => {
      const form = /** @type {HTMLFormElement} */ (event.target);
      const question = form.dataset.bosConfirm;
      if (question && !confirm(question)) event.preventDefault();
    });
    setTimeout(refresh, PAUSE_MS);
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll("[data-bos-live]")) start(/** @type {HTMLElement} */ (box));
  });
})();
