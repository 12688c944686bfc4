// The form of a connector in the admin: the fields of its kind, and what it would write.

(() => {
  const PAUSE_MS = 500;
  /** Fields that only some kinds or rhythms have. @type {Record<string, {of: string, when: string[]}>} */
  const ONLY = {
    token: { of: "kind", when: ["prometheus", "csv", "json"] },
    query: { of: "kind", when: ["sql", "prometheus"] },
    rows_path: { of: "kind", when: ["json"] },
    value_field: { of: "kind", when: ["sql", "csv", "json"] },
    at_field: { of: "kind", when: ["sql", "csv", "json"] },
    minutes: { of: "rhythm", when: ["every"] },
    daily_at: { of: "rhythm", when: ["daily"] },
  };

  /** @typedef {{row: number, kpi?: string, value?: string, at?: string, field?: string, problem?: string}} Row */
  /** @typedef {{problem?: string, text?: string, is_good?: boolean, rows?: Row[], address?: string, waiting?: boolean, hint?: string}} Answer */

  /** @param {HTMLFormElement} form */
  function showFields(form) {
    for (const [name, { of, when }] of Object.entries(ONLY)) {
      const chosen = form.elements.namedItem(of);
      const field = form.elements.namedItem(name);
      const line = field instanceof HTMLElement ? field.closest(".form-row") : null;
      if (!(chosen instanceof HTMLSelectElement) || !(line instanceof HTMLElement)) continue;
      line.style.display = chosen.value === "" || when.includes(chosen.value) ? "" : "none";
    }
  }

  /** @param {HTMLElement} box @param {HTMLFormElement} form */
  function start(box, form) {
    const told = /** @type {HTMLElement} */ (box.querySelector("[data-bos-tried]"));
    const button = /** @type {HTMLButtonElement} */ (box.querySelector("[data-bos-try-it]"));
    const table = /** @type {HTMLTableElement} */ (box.querySelector("[data-bos-rows]"));

    /** @param {Row} row */
    function line(row) {
      const made = document.createElement("tr");
      const why = row.problem ? [row.field, row.problem].filter(Boolean).join(": ") : "";
      const cells = [String(row.row), row.kpi ?? "", row.value ?? "", row.at ?? "", why];
      cells.forEach((text, place) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        if (place === 0 || place === 2) cell.className = "bos-number";
        if (place === 4) cell.className = "bos-bad";
        made.append(cell);
      });
      return made;
    }

    /** @param {Answer} answer */
    function show(answer) {
      told.textContent = answer.problem ?? answer.text ?? "";
      told.className = answer.is_good ? "bos-good" : "bos-bad";
      table.tBodies[0].replaceChildren(...(answer.rows ?? []).map(line));
      table.hidden = !answer.rows?.length;
    }

    /** @param {string} address @param {RequestInit} [options] @returns {Promise<Answer>} */
    async function ask(address, options) {
      const answer = await fetch(address, options);
      if (!answer.ok) throw new Error(`${answer.status}`);
      return await answer.json();
    }

    async function tryIt() {
      const fields = new FormData(form);
      fields.set("connector", box.dataset.bosId ?? "");
      button.disabled = true;
      table.hidden = true;
      told.className = "bos-wait";
      told.textContent = "Fetching …";
      try {
        let answer = await ask(box.dataset.bosConnector ?? "", { method: "POST", body: fields });
        const address = answer.address;
        while (address && (answer.address || answer.waiting)) {
          if (answer.hint) told.textContent = answer.hint;
          await new Promise((resume) => setTimeout(resume, PAUSE_MS));
          answer = await ask(address);
        }
        show(answer);
      } catch {
        show({ problem: "It could not be tried: the server does not answer as it should." });
      }
      button.disabled = false;
    }

    button.addEventListener("click", tryIt);
    form.addEventListener("change", () => showFields(form));
    showFields(form);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const box = /** @type {HTMLElement | null} */ (document.querySelector("[data-bos-connector]"));
    const form = box?.closest("form");
    if (box && form) start(box, form);
  });
})();
