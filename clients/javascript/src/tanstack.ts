// Collections of TanStack DB that show the store, and write optimistically:
//
//     const kpis = createCollection(bosCollectionOptions({ client, type: "kpi" }));
//     kpis.update(id, (draft) => { draft.value = 42; });
//
// What was changed is shown at once. It stays until the event of its own is in the collection: the
// `sequence` of the answer is the id of the transaction. What the server refuses is taken back.

import type { EntityType } from "./audience.ts";
import type { Client } from "./client.ts";
import type { Entities } from "./protocol.ts";

/** One change of a collection, as TanStack DB hands it on. */
interface Mutation {
  key: string;
  modified: object;
  changes: object;
}
interface Mutations {
  transaction: { mutations: Mutation[] };
}

/** What TanStack DB gives for writing into a collection. */
interface Sink<T extends object> {
  begin(): void;
  write(message: { type: "insert" | "update"; value: T } | { type: "delete"; key: string }): void;
  commit(): unknown;
  markReady(): void;
  markError?(error?: unknown): void;
}

type OnMutations = (mutations: Mutations) => Promise<{ sequence: number | undefined }>;

/** The options of `createCollection`. */
export interface CollectionOptions<T extends object> {
  id: string;
  getKey(item: T): string;
  sync: { sync(sink: Sink<T>): () => void; rowUpdateMode: "full" };
  onInsert?: OnMutations;
  onUpdate?: OnMutations;
  onDelete?: OnMutations;
  utils: {
    /** Resolves when everything up to this event is in the collection. */
    awaitSequence(sequence: number): Promise<void>;
  };
}

/** Makes one request of one change; resolves with the `sequence` of its event, if it has brought one about. */
type Write = (client: Client, mutation: Mutation) => Promise<{ sequence?: number }>;
type Writes = Partial<Record<"insert" | "update" | "delete", Write>>;

/** What may be written, by type. A note that is added gets its id from the server. */
const WRITES: { [Type in EntityType]?: Writes } = {
  kpi: {
    update: (client, { key, changes }) => {
      const { value, ...others } = changes as Partial<Entities["kpi"]>;
      if (value === undefined || value === null || Object.keys(others).length) throw new TypeError("Of a KPI its value can be set.");
      return client.request("KPI_UPDATE", { kpiId: key, value });
    },
  },
  annotation: {
    insert: (client, { modified }) => {
      const { sessionId, position, content, contentType, entity, parentId, mentions } = modified as Entities["annotation"];
      return client.request("ANNOTATION_CREATE", { sessionId, position, content, contentType, entity, parentId, mentions });
    },
    update: (client, { key, changes }) => {
      const { position, content, contentType, entity, mentions } = changes as Partial<Entities["annotation"]>;
      const pinned = entity === null ? { unpin: true } : { entity };
      return client.request("ANNOTATION_UPDATE", { annotationId: key, position, content, contentType, mentions, ...pinned });
    },
    delete: (client, { key }) => client.request("ANNOTATION_DELETE", { annotationId: key }),
  },
  notification: {
    delete: (client, { key }) => client.request("NOTIFICATION_READ", { notificationIds: [key] }),
  },
};

/** Return the options of a collection of all entities of a type that the client's channels show.
 *
 * channels: followed from the collection's first use on; those that are followed anyway need not be
 * named. The collection is ready once they are shown.
 */
export function bosCollectionOptions<Type extends EntityType>(
  { client, type, channels = client.channels }: { client: Client; type: Type; channels?: string[] },
): CollectionOptions<Entities[Type]> {
  const { insert, update, delete: remove } = WRITES[type] ?? {};
  const awaitSequence = (sequence: number) => applied(client, sequence);
  const handler = (write: Write | undefined): OnMutations | undefined =>
    write && (async ({ transaction }) => {
      const answers = await Promise.all(transaction.mutations.map((mutation) => write(client, mutation)));
      const sequences = answers.flatMap(({ sequence }) => sequence ?? []);
      const sequence = sequences.length ? Math.max(...sequences) : undefined;
      if (sequence !== undefined) await awaitSequence(sequence);
      return { sequence };
    });
  return {
    id: `bos:${type}`,
    getKey: ({ id }) => id,
    sync: { sync: (sink) => fill(sink, client, type, channels), rowUpdateMode: "full" },
    onInsert: handler(insert),
    onUpdate: handler(update),
    onDelete: handler(remove),
    utils: { awaitSequence },
  };
}

/** Keep a collection the same as the store; returns how to stop it. */
function fill<Type extends EntityType>(sink: Sink<Entities[Type]>, client: Client, type: Type, channels: string[]): () => void {
  const stop = client.store.onChange(({ changes }) => {
    const own = changes.filter((change) => change.type === type);
    if (!own.length) return;
    sink.begin();
    for (const { id, before, after } of own) {
      if (after === null) sink.write({ type: "delete", key: id });
      else sink.write({ type: before === null ? "insert" : "update", value: after as Entities[Type] });
    }
    sink.commit();
  });
  sink.begin();
  for (const value of client.store.all(type).values()) sink.write({ type: "insert", value });
  sink.commit();
  client.subscribe(...channels).then(() => sink.markReady(), (error) => sink.markError?.(error));
  return stop;
}

function applied(client: Client, sequence: number): Promise<void> {
  if ((client.sequence ?? -1) >= sequence) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = [
      client.on("message", ({ payload }) => {
        if (payload && "sequence" in payload && (payload.sequence ?? -1) >= sequence) end(resolve);
      }),
      client.on("state", ({ state, reason }) => state === "stopped" && end(() => reject(reason))),
    ];
    const end = (settle: () => void) => {
      for (const one of stop) one();
      settle();
    };
  });
}
