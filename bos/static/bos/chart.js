// One KPI's last 90 days as a small uPlot chart: the line, the target, where it stands now.

const DAYS = 90;
const DAY_S = 86_400;
const EVERY_VALUE_S = 3 * DAY_S; // a KPI younger than this shows each of its values
const MOST_POINTS = 2_000; // many times what a card is wide
const HEIGHT = 68;

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
const dates = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const dark = matchMedia("(prefers-color-scheme: dark)");

export class Chart {
  #box;
  #readout;
  /** @type {[number, number][]} [seconds, value], oldest first; of each day the last one */
  #points = [];
  #read = false; // whether the history has come
  /** @type {Pick<Kpi, "name" | "unit" | "target">} */
  #kpi = { name: "", unit: "", target: null };
  /** @type {uPlot | null} */
  #plot = null;
  #planned = 0;
  #resized = new ResizeObserver(() => this.#fit());
  #recolour = () => this.#plot?.redraw(false);

  /** readout: the element that says in words what is drawn, or what the pointer is at.
   *
   * @param {HTMLElement} box
   * @param {HTMLElement} readout
   */
  constructor(box, readout) {
    this.#box = box;
    this.#readout = readout;
    this.#resized.observe(box);
    dark.addEventListener("change", this.#recolour);
  }

  destroy() {
    cancelAnimationFrame(this.#planned);
    this.#resized.disconnect();
    dark.removeEventListener("change", this.#recolour);
    this.#plot?.destroy();
    this.#plot = null;
  }

  /** @param {Kpi} kpi */
  describe(kpi) {
    this.#kpi = kpi;
    this.#plan();
  }

  /** [[time, value], ...]; what has come live since it was read stays.
   *
   * @param {[string, number][]} history
   */
  show(history) {
    const live = this.#points;
    this.#read = true;
    this.#points = [];
    for (const [time, value] of history) this.#append(Date.parse(time) / 1000, value);
    const last = this.#points.at(-1)?.[0] ?? 0;
    for (const [seconds, value] of live) if (seconds > last) this.#append(seconds, value);
    this.#plan();
  }

  /** @param {string} time @param {number} value */
  add(time, value) {
    this.#append(Date.parse(time) / 1000, value);
    this.#plan();
  }

  /** @param {number} seconds @param {number} value */
  #append(seconds, value) {
    const points = this.#points;
    const last = points.at(-1);
    const at = Math.max(seconds, last?.[0] ?? 0); // uPlot wants times in order
    const replaces = last && (at === last[0] || (at - points[0][0] > EVERY_VALUE_S && sameDay(at, last[0])));
    if (replaces) points[points.length - 1] = [at, value];
    else points.push([at, value]);
    while (points.length > MOST_POINTS || points[0][0] < at - DAYS * DAY_S) points.shift();
  }

  // However many values come, it is drawn once a frame.
  #plan() {
    if (this.#planned) return;
    this.#planned = requestAnimationFrame(() => {
      this.#planned = 0;
      this.#draw();
    });
  }

  #draw() {
    this.#tell();
    if (this.#points.length < 2 || !this.#box.clientWidth) return;
    const columns = [this.#points.map(([seconds]) => seconds), this.#points.map(([, value]) => value)];
    if (this.#plot) this.#plot.setData(columns);
    else this.#plot = new uPlot(this.#options(), columns, this.#box);
  }

  #fit() {
    const width = this.#box.clientWidth;
    if (!width) return;
    if (!this.#plot) this.#plan();
    else if (this.#plot.width !== width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #options() {
    return {
      width: this.#box.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      axes: [{ show: false }, { show: false }],
      padding: [5, 5, 5, 5],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, width: 0 } },
      series: [
        {},
        { stroke: () => colour("--accent"), fill: () => colour("--wash"), width: 1.5, points: { show: false } },
      ],
      hooks: { draw: [(/** @type {uPlot} */ plot) => this.#mark(plot)], setCursor: [(/** @type {uPlot} */ plot) => this.#tell(plot.cursor.idx)] },
    };
  }

  /** The target as a dashed line where it is in sight, and a dot at the last value.
   *
   * @param {uPlot} plot
   */
  #mark(plot) {
    const { ctx, bbox } = plot;
    const { target } = this.#kpi;
    const { min, max } = plot.scales.y;
    ctx.save();
    if (target !== null && target >= min && target <= max) {
      const y = Math.round(plot.valToPos(target, "y", true));
      ctx.strokeStyle = colour("--soft");
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([3 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    const [seconds, value] = this.#points[this.#points.length - 1];
    ctx.fillStyle = colour("--accent");
    ctx.beginPath();
    ctx.arc(plot.valToPos(seconds, "x", true), plot.valToPos(value, "y", true), 3 * devicePixelRatio, 0, 7);
    ctx.fill();
    ctx.restore();
  }

  /** @param {number | null} [index] */
  #tell(index) {
    const values = this.#points.map(([, value]) => value);
    const extent = () => `${numbers.format(Math.min(...values))} to ${numbers.format(Math.max(...values))}`;
    const range = !this.#read ? "not loaded yet" : values.length ? extent() : "no values yet";
    const words = `${DAYS} days: ${range}`;
    const point = typeof index === "number" ? this.#points[index] : undefined;
    this.#readout.textContent = point ? `${dates.format(point[0] * 1000)}: ${numbers.format(point[1])}` : words;
    this.#box.setAttribute("aria-label", `Chart of ${this.#kpi.name}, ${words} ${this.#kpi.unit}`);
  }
}

/** @param {number} seconds @param {number} other */
function sameDay(seconds, other) {
  return new Date(seconds * 1000).toDateString() === new Date(other * 1000).toDateString();
}

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
