// A collaboration session that the user takes part in: who is there, notes, and where they point.

import type { Client } from "./client.ts";
import { OthersCursors, OwnCursor, type Pointer } from "./cursors.ts";
import type {
  AnnotationCreate,
  AnnotationCreated,
  AnnotationData,
  AnnotationDeleted,
  AnnotationUpdate,
  AnnotationUpdated,
  EntityRef,
  ParticipantData,
  Position,
  SessionData,
} from "./protocol.ts";

/** What a note says, and where. */
export type Note = Omit<AnnotationCreate, "sessionId" | "contentType"> & Partial<Pick<AnnotationCreate, "contentType">>;

export class Session {
  readonly id: string;
  readonly #client: Client;
  readonly #own: OwnCursor;
  readonly #others: OthersCursors;

  /** For the client: use `client.joinSession` or `client.createSession`. */
  constructor(id: string, client: Client, pace: number) {
    this.id = id;
    this.#client = client;
    this.#others = new OthersCursors(pace);
    this.#own = new OwnCursor(pace, (position, focusedEntity) => client.sendCursor({ sessionId: id, position, focusedEntity }));
  }

  get data(): SessionData | undefined {
    return this.#client.store.get("session", this.id);
  }

  /** Whether the user takes part, now and after each reconnect. */
  get joined(): boolean {
    return this.#client.session(this.id) === this;
  }

  get participants(): ParticipantData[] {
    return [...this.#client.store.participants.values()].filter(({ sessionId }) => sessionId === this.id);
  }

  /** The notes, oldest first. */
  get annotations(): AnnotationData[] {
    const own = [...this.#client.store.annotations.values()].filter(({ sessionId }) => sessionId === this.id);
    return own.sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
  }

  /** Pin a note to a point. */
  annotate({ contentType = "text", ...note }: Note): Promise<AnnotationCreated> {
    return this.#client.request("ANNOTATION_CREATE", { ...note, contentType, sessionId: this.id });
  }

  update(annotationId: string, changes: Omit<AnnotationUpdate, "annotationId" | "sessionId">): Promise<AnnotationUpdated> {
    return this.#client.request("ANNOTATION_UPDATE", { ...changes, annotationId, sessionId: this.id });
  }

  remove(annotationId: string): Promise<AnnotationDeleted> {
    return this.#client.request("ANNOTATION_DELETE", { annotationId, sessionId: this.id });
  }

  /** Mark a note as resolved, or as open again. */
  resolve(annotationId: string, resolved = true): Promise<AnnotationUpdated> {
    return this.#client.request("ANNOTATION_RESOLVE", { annotationId, resolved, sessionId: this.id });
  }

  /** Show where the user points: as often as wanted, for few of them are sent, and the last one is. */
  moveCursor(position: Position, focusedEntity?: EntityRef): void {
    this.#own.move(position, focusedEntity);
  }

  /** Return where the others point, by default now; ask for each frame that is drawn. */
  cursors(now?: number): Pointer[] {
    return this.#others.at(now);
  }

  /** Invite further users; returns who had not been invited before. For the host, and managers who take part. */
  async invite(userIds: string[]): Promise<string[]> {
    return (await this.#client.request("SESSION_INVITE", { sessionId: this.id, userIds })).userIds;
  }

  /** Make another participant the host, and stay. */
  async handOver(newHostId: string): Promise<void> {
    await this.#client.request("SESSION_HAND_OVER", { sessionId: this.id, newHostId });
  }

  /** End the session for everybody, as its host. */
  async end(): Promise<void> {
    await this.#client.request("SESSION_END", { sessionId: this.id });
  }

  /** Take part no longer. newHostId: the user who takes over from the host; else the host's leaving ends it. */
  async leave(newHostId?: string): Promise<void> {
    await this.#client.leaveSession(this.id, newHostId);
  }

  // ---------------------------------------------------------------- for the client

  /** Somebody else has moved their cursor. */
  moved(userId: string, position: Position, focusedEntity: EntityRef | null): void {
    this.#others.moved(userId, position, focusedEntity);
  }

  /** Somebody has left. */
  left(userId: string): void {
    this.#others.gone(userId);
  }

  /** Connected again: what others have pointed at meanwhile is not known. */
  connected(): void {
    this.#others.clear();
    this.#own.flush();
  }

  close(): void {
    this.#others.clear();
    this.#own.stop();
  }
}
