/** The types that the page's JavaScript (`bos/static/bos`) names: `make lint` reads them, no browser does. */

// ------------------------------------------------------------------ of the client, see clients/javascript

type BosError = import("../../clients/javascript/src/index.ts").BosError;
type Change<Type extends EntityType = EntityType> = import("../../clients/javascript/src/index.ts").Change<Type>;
type Client = import("../../clients/javascript/src/index.ts").Client;
type EntityType = keyof import("../../clients/javascript/src/index.ts").Entities;
type State = import("../../clients/javascript/src/index.ts").State;
type StateName = import("../../clients/javascript/src/index.ts").StateName;
type User = import("../../clients/javascript/src/index.ts").User;

type Department = import("../../clients/javascript/src/index.ts").DepartmentData;
type Kpi = import("../../clients/javascript/src/index.ts").KpiData;

/** Each KPI's values by its id, oldest first: [time, value]. */
type KpiHistory = Record<string, [string, number][]>;

// ------------------------------------------------------------------ uPlot, which comes without types of its own

interface PlotScale {
  min: number;
  max: number;
}

declare class uPlot {
  constructor(options: object, columns: (number | null)[][], box: HTMLElement);
  static tzDate(date: Date, zone: string): Date;
  readonly ctx: CanvasRenderingContext2D;
  readonly bbox: { left: number; top: number; width: number; height: number };
  readonly cursor: { idx: number | null };
  readonly scales: Record<"x" | "y", PlotScale>;
  readonly width: number;
  destroy(): void;
  redraw(rebuildPaths?: boolean): void;
  setData(columns: number[][]): void;
  setSize(size: { width: number; height: number }): void;
  valToPos(value: number, scale: "x" | "y", canvasPixels?: boolean): number;
}

// ------------------------------------------------------------------ of the page that shows the REST API

/** Of drf-spectacular-sidecar: shows an OpenAPI document. */
declare function SwaggerUIBundle(options: Record<string, unknown>): unknown;

// ------------------------------------------------------------------ a service worker, which `lib.dom` does not know

interface PushWorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface PushWorker {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: { openWindow(url: string): Promise<unknown> };
  readonly location: Location;
  addEventListener(
    type: "push",
    call: (event: PushWorkerEvent & { data: { json(): { title: string; body: string; url: string; tag: string } } }) => void,
  ): void;
  addEventListener(type: "notificationclick", call: (event: PushWorkerEvent & { notification: Notification }) => void): void;
}
