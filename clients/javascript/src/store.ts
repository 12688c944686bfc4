// A live picture: what the channels that are followed show, by type and id, the same as a fresh snapshot.

import { channelsOf, type EntityType, isShown } from "./audience.ts";
import { type Batch, isSnapshot, subjectOf, type Told } from "./channels.ts";
import { Emitter } from "./emitter.ts";
import { type Entities, FIELDS } from "./protocol.ts";

/** One entity that has changed: `type` says which. null: it was not there, or is gone. */
export type Change<Type extends EntityType = EntityType> = Type extends EntityType
  ? { type: Type; id: string; before: Entities[Type] | null; after: Entities[Type] | null }
  : never;

export interface ChangeEvent {
  changes: Change[];
  /** The newest event in it; null where none has brought it about. */
  sequence: number | null;
}

/** The entities of one type. */
export type View<Type extends EntityType> = ReadonlyMap<string, Entities[Type]>;
type Data = Entities[EntityType];
type Maps = Map<string, Map<string, Data>>;

export class Store {
  #maps: Maps = new Map();
  #emitter = new Emitter<{ change: ChangeEvent }>();

  /** Call `listener` with each change, once it is in the store; call what is returned to stop it. */
  onChange(listener: (event: ChangeEvent) => void): () => void {
    return this.#emitter.on("change", listener);
  }

  get<Type extends EntityType>(type: Type, id: string): Entities[Type] | undefined {
    return this.#maps.get(type)?.get(id) as Entities[Type] | undefined;
  }

  /** Return all of a type, by id; it goes on changing. */
  all<Type extends EntityType>(type: Type): View<Type> {
    return this.#of(type) as View<EntityType> as View<Type>;
  }

  get organizations(): View<"organization"> {
    return this.all("organization");
  }
  get departments(): View<"department"> {
    return this.all("department");
  }
  get employees(): View<"employee"> {
    return this.all("employee");
  }
  get notifications(): View<"notification"> {
    return this.all("notification");
  }
  get kpis(): View<"kpi"> {
    return this.all("kpi");
  }
  get alerts(): View<"alert"> {
    return this.all("alert");
  }
  get insights(): View<"insight"> {
    return this.all("insight");
  }
  get reports(): View<"report"> {
    return this.all("report");
  }
  get sessions(): View<"session"> {
    return this.all("session");
  }
  get invitations(): View<"invitation"> {
    return this.all("invitation");
  }
  get participants(): View<"participant"> {
    return this.all("participant");
  }
  get annotations(): View<"annotation"> {
    return this.all("annotation");
  }

  /** Return everything: {type: {id: data}}. */
  toJSON(): { [type: string]: { [id: string]: Data } } {
    return Object.fromEntries([...this.#maps].filter(([, of]) => of.size).map(([type, of]) => [type, Object.fromEntries(of)]));
  }

  // ---------------------------------------------------------------- for the client

  /** Apply what has come, in one step.
   *
   * followed: the channels that are shown. A live message of something else that is not known, as
   * the answer to a request may be, does not bring it in.
   */
  apply({ messages, anew }: Batch, followed: ReadonlySet<string>): void {
    const edit = this.#edit(followed);
    const newest = messages.reduce<number | null>((sequence, { payload }) => Math.max(sequence ?? 0, payload.sequence), null);
    if (anew) {
      const shown = new Set<string>();
      // Live events from before the picture was taken are in it.
      const taken = Math.min(...messages.filter(isSnapshot).map(({ payload }) => payload.sequence));
      for (const message of messages) {
        if (!isSnapshot(message) && message.payload.sequence <= taken) continue;
        for (const key of edit.take(message)) shown.add(key);
      }
      for (const [type, of] of this.#maps) for (const id of [...of.keys()]) if (!shown.has(`${type} ${id}`)) edit.set(type, id, null);
    } else for (const message of messages) edit.take(message);
    this.#tell(edit, newest);
  }

  /** Remove what none of these channels shows. */
  retain(followed: ReadonlySet<string>): void {
    const edit = this.#edit(followed);
    const all = [...this.#maps].flatMap(([type, of]) => [...of].map(([id, data]) => ({ type, id, data })));
    const gone = all.filter(({ type, data }) => !this.#isShown(type, data, followed));
    for (const { type, id } of gone) edit.set(type, id, null);
    this.#tell(edit, null);
  }

  #edit(followed: ReadonlySet<string>): Edit {
    return new Edit((type) => this.#of(type), (type, data) => this.#isShown(type, data, followed));
  }

  #isShown(type: string, data: Data, followed: ReadonlySet<string>): boolean {
    const channels = channelsOf(type, data, (id) => this.get("kpi", id));
    return channels === null || isShown(channels, followed);
  }

  #of(type: string): Map<string, Data> {
    let of = this.#maps.get(type);
    if (!of) this.#maps.set(type, of = new Map());
    return of;
  }

  #tell(edit: Edit, sequence: number | null): void {
    const { changes } = edit;
    if (changes.length) this.#emitter.emit("change", { changes, sequence });
  }
}

/** Changes that are told of together. */
class Edit {
  #of: (type: string) => Map<string, Data>;
  #isShown: (type: string, data: Data) => boolean;
  #before = new Map<string, { type: string; id: string; before: Data | null }>();

  constructor(of: (type: string) => Map<string, Data>, isShown: (type: string, data: Data) => boolean) {
    this.#of = of;
    this.#isShown = isShown;
  }

  /** What is different now. */
  get changes(): Change[] {
    const all = [...this.#before.values()].map(({ type, id, before }) => ({ type, id, before, after: this.#of(type).get(id) ?? null }));
    return all.filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after)) as Change[];
  }

  /** Apply one message by what docs/writing-a-client.md says; returns "type id" of what it shows. */
  take(message: Told): string[] {
    const { type, payload } = message;
    if (type === "NOTIFICATION_READ") for (const id of payload.notificationIds) this.set("notification", id, null);
    const { entityType, entityId, changeType } = subjectOf(message);
    if (entityType === undefined || entityId === undefined) return [];
    if (type === "SYNC_DELETE" || changeType === "deleted") this.#remove(entityType, entityId);
    else if (type === "SYNC_UPDATE") this.set(entityType, entityId, payload.data);
    else this.#merge(entityType, entityId, payload, changeType === "created");
    return this.#of(entityType).has(entityId) ? [`${entityType} ${entityId}`] : [];
  }

  set(type: string, id: string, after: Data | null): void {
    const of = this.#of(type);
    const key = `${type} ${id}`;
    if (!this.#before.has(key)) this.#before.set(key, { type, id, before: of.get(id) ?? null });
    if (after === null) of.delete(id);
    else of.set(id, after);
  }

  /** A live message replaces the fields that it has. */
  #merge(type: string, id: string, payload: object, isCreated: boolean): void {
    const kind = "kind" in payload ? `${type}:${payload.kind}` : type;
    const fields = FIELDS[kind] ?? [];
    const known = this.#of(type).get(id);
    const before = known && !isCreated ? known : { ...Object.fromEntries(fields.map((field) => [field, null])), id };
    const shown = Object.entries(payload).filter(([field]) => field !== "id" && fields.includes(field));
    const after = { ...before, ...Object.fromEntries(shown) } as Data;
    if (known || this.#isShown(type, after)) this.set(type, id, after);
  }

  /** What is about a KPI goes with it: no live message says so one by one. */
  #remove(type: string, id: string): void {
    this.set(type, id, null);
    if (type !== "kpi") return;
    for (const about of ["alert", "insight"])
      for (const [other, data] of [...this.#of(about)]) if ("kpiId" in data && data.kpiId === id) this.set(about, other, null);
  }
}
