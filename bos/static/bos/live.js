// The live picture is fetched anew every few seconds, and not while somebody is about to press a button.

(() => {
  const PAUSE_MS = 3_000;

  function start(box) {
    async function refresh() {
      try {
        const answer = await fetch(box.dataset.bosLive);
        // Signed out meanwhile, it would be the sign-in page.
        if (answer.ok && !answer.redirected && !box.contains(document.activeElement)) box.innerHTML = await answer.text();
        box.classList.toggle("bos-stale", !answer.ok || answer.redirected);
      } catch {
        box.classList.add("bos-stale");
      }
      setTimeout(refresh, PAUSE_MS);
    }

    box.addEventListener("submit", (event) => {
      const question = event.target.dataset.bosConfirm;
      if (question && !confirm(question)) event.preventDefault();
    });
    setTimeout(refresh, PAUSE_MS);
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-bos-live]").forEach(start));
})();
