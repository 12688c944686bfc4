// The history of a KPI on its page in the admin: its values, its target, what the pointer is at.

(() => {
  const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
  const times = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  const HEIGHT = 260;

  function colour(box, name) {
    return getComputedStyle(box).getPropertyValue(name).trim();
  }

  function draw(box, readout, history) {
    const { points, target, unit } = history;
    const columns = [points.map(([seconds]) => seconds), points.map(([, value]) => value), points.map(() => target)];
    const values = target === null ? columns[1] : [...columns[1], target];
    const summary = points.length
      ? `${points.length} values, ${numbers.format(Math.min(...columns[1]))} to ${numbers.format(Math.max(...columns[1]))} ${unit}`
      : "There is no value in this time.";
    const tell = (index) => {
      const point = points[index];
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
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { y: false, drag: { x: true, y: false } },
        scales: { y: { range: [Math.min(...values) - room, Math.max(...values) + room] } },
        axes: [axis, { ...axis, size: 70 }],
        series: [
          {},
          { stroke: () => colour(box, "--bos-accent"), width: 2, points: { show: points.length < 60 } },
          { stroke: () => colour(box, "--bos-soft"), width: 1, dash: [6, 6], points: { show: false }, show: target !== null },
        ],
        hooks: { setCursor: [(plot) => tell(plot.cursor.idx)] },
      },
      columns,
      box,
    );
  }

  function start(box) {
    const section = box.parentElement;
    const readout = section.querySelector("[data-bos-readout]");
    const days = section.querySelector("[data-bos-days]");
    let plot = null;

    async function load() {
      try {
        const answer = await fetch(`${box.dataset.bosChart}?days=${days.value}`);
        if (!answer.ok) throw new Error(answer.status);
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

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-bos-chart]").forEach(start));
})();
