// The history of a KPI on its page in the admin: its values, its target, what the pointer is at.

(() => {
  const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
  const times = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  const HEIGHT = 260;

  /** @param {Element} box @param {string} name */
  function colour(box, name) {
    return getComputedStyle(box).getPropertyValue(name).trim();
  }

  /** Times in seconds since 1970.
   *
   * @param {HTMLElement} box
   * @param {Element} readout
   * @param {{points: [number, number][], target: number | null, unit: string}} history
   */
  function draw(box, readout, history) {
    const { points, target, unit } = history;
    const told = points.map(([, value]) => value);
    const columns = [points.map(([seconds]) => seconds), told, points.map(() => target)];
    const values = target === null ? told : [...told, target];
    const summary = points.length
      ? `${points.length} values, ${numbers.format(Math.min(...told))} to ${numbers.format(Math.max(...told))} ${unit}`
      : "There is no value in this time.";
    /** @param {number | null} index */
    const tell = (index) => {
      const point = index === null ? undefined : points[index];
      readout.textContent = point ? `${times.format(point[0] * 1000)} UTC: ${numbers.format(point[1])} ${unit}` : summary;
    };
    tell(null);
    if (!points.length) return null;
    const axis = { stroke: () => colour(box, "--bos-soft"), grid: { stroke: () => colour(box, "--bos-line"), width: 1 }, ticks: { show: false } };
    const room = (Math.max(...values) - Math.min(...values)) * 0.08 || 1;
    return new uPlot(
      {
        width: box.clientWidth,
        height: HEIGHT,
        tzDate: (/** @type {number} */ seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { y: false, drag: { x: true, y: false } },
        scales: { y: { range: [Math.min(...values) - room, Math.max(...values) + room] } },
        axes: [axis, { ...axis, size: 70 }],
        series: [
          {},
          { stroke: () => colour(box, "--bos-accent"), width: 2, points: { show: points.length < 60 } },
          { stroke: () => colour(box, "--bos-soft"), width: 1, dash: [6, 6], points: { show: false }, show: target !== null },
        ],
        hooks: { setCursor: [(/** @type {uPlot} */ plot) => tell(plot.cursor.idx)] },
      },
      columns,
      box,
    );
  }

  /** @param {HTMLElement} box */
  function start(box) {
    const readout = box.parentElement?.querySelector("[data-bos-readout]");
    const days = /** @type {HTMLSelectElement | null | undefined} */ (box.parentElement?.querySelector("[data-bos-days]"));
    if (readout && days) show(box, readout, days);
  }

  /** @param {HTMLElement} box @param {Element} readout @param {HTMLSelectElement} days */
  function show(box, readout, days) {
    /** @type {uPlot | null} */
    let plot = null;

    async function load() {
      try {
        const answer = await fetch(`${box.dataset.bosChart}?days=${days.value}`);
        if (!answer.ok) throw new Error(`${answer.status}`);
        const history = await answer.json();
        plot?.destroy();
        plot = draw(box, readout, history);
      } catch {
        readout.textContent = "The history could not be loaded.";
      }
    }

    days.addEventListener("change", load);
    new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
    // Light or dark is a class of the document.
    new MutationObserver(() => plot?.redraw(false)).observe(document.documentElement, { attributeFilter: ["class"] });
    load();
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll("[data-bos-chart]")) start(/** @type {HTMLElement} */ (box));
  });
})();
