/** The types that the JavaScript of the server's own pages (`bos/static/bos`) names: `make lint` reads them, no browser does. */

// ------------------------------------------------------------------ uPlot, which comes without types of its own

declare class uPlot {
  constructor(options: object, columns: (number | null)[][], box: HTMLElement);
  static tzDate(date: Date, zone: string): Date;
  readonly cursor: { idx: number | null };
  destroy(): void;
  redraw(rebuildPaths?: boolean): void;
  setSize(size: { width: number; height: number }): void;
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
