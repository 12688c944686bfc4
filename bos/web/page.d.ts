/** The types that the page's JavaScript (`bos/static/bos`) names: `make lint` reads them, no browser does. */

type Role = "viewer" | "member" | "manager" | "admin";

interface User {
  id: string;
  name: string;
  role: Role;
}

// ------------------------------------------------------------------ entities, as `make docs` writes them down

type Organization = import("../../clients/javascript/src/protocol.ts").OrganizationData;
type Department = import("../../clients/javascript/src/protocol.ts").DepartmentData;
type Employee = import("../../clients/javascript/src/protocol.ts").EmployeeData;
type Kpi = import("../../clients/javascript/src/protocol.ts").KpiData;

/** Each KPI's values by its id, oldest first: [time, value]. */
type KpiHistory = Record<string, [string, number][]>;

// ------------------------------------------------------------------ messages

type Details = import("../../clients/javascript/src/protocol.ts").ErrorDetails;

interface Refusal {
  code: string;
  message: string;
  details?: Details;
}

interface SignedIn {
  userId: string;
  userName: string;
  role: Role;
  organizationId: string;
  expiresAt: string;
}

interface NotSignedIn {
  error: string;
  message: string;
  details?: Details;
}

/** What every event says of itself, whatever its type. */
interface EventOf<T extends string, Change extends string> {
  entityType: T;
  entityId: string;
  changeType: Change;
  sequence: number;
}

interface Shown<T extends string, Data> extends EventOf<T, "created" | "updated" | "snapshot"> {
  data: Data;
}

type Update =
  | Shown<"organization", Organization>
  | Shown<"department", Department>
  | Shown<"employee", Employee>
  | Shown<"kpi", Kpi>;

interface Deletion {
  entityType: string;
  entityId: string;
  sequence: number;
}

interface KpiUpdated extends EventOf<"kpi", "updated"> {
  kpiId: string;
  value: number;
  updatedAt: string;
}

type MessageBody =
  | { type: "PING"; payload: Record<never, never> }
  | { type: "PONG"; payload?: undefined }
  | { type: "AUTH_SUCCESS"; payload: SignedIn }
  | { type: "AUTH_FAILED"; payload: NotSignedIn }
  | { type: "TOKEN_EXPIRED"; payload: { message: string } }
  | { type: "SUBSCRIBED"; payload: { channels: string[]; sequence: number } }
  | { type: "UNSUBSCRIBED"; payload: { channels: string[] } }
  | { type: "SYNC_UPDATE"; payload: Update }
  | { type: "SYNC_DELETE"; payload: Deletion }
  | { type: "SYNC_COMPLETE"; payload: { lastSequence: number } }
  | { type: "SYNC_ERROR"; payload: Refusal }
  | { type: "ERROR"; payload: Refusal }
  | { type: "KPI_UPDATED"; payload: KpiUpdated };

/** What the page reads of what the server sends. */
type ServerMessage = MessageBody & { requestId?: string; timestamp: string };

interface SyncRequest {
  channels: string[];
  lastSequence?: number;
}

/** Sends one message: its type, its payload, its requestId. */
type Send = (type: string, payload?: object, requestId?: string) => void;

// ------------------------------------------------------------------ the connection

type ConnectionState = "offline" | "connecting" | "live" | "unsure" | "reconnecting";

interface StateOfConnection {
  state: ConnectionState;
  attempt: number;
  until: number | null;
  why: string;
}

/** What a connection tells of, and with which words. */
interface ConnectionEvents {
  state: StateOfConnection;
  message: ServerMessage;
  unfollowed: { channel: string };
  anew: null;
  refused: { message: string };
}

// ------------------------------------------------------------------ tokens

interface Tokens {
  access: string;
  refresh: string;
}

/** A sign-in as a tab keeps it; `renewAt`: milliseconds since 1970. */
interface Kept extends Tokens {
  id: string;
  email: string;
  renewAt: number;
}

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
