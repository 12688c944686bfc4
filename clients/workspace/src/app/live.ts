// The client's store as signals: a component that reads an entity is drawn again when that entity changes.

import type { Change, Entities, Store, View } from "@bos/client";
import { batch, type Signal, signal } from "@preact/signals";

type Type = keyof Entities;

let store: Store | null = null;
const entities = new Map<string, Signal<Entities[Type] | undefined>>();
const versions = new Map<Type, Signal<number>>();

function versionOf(type: Type): Signal<number> {
  let version = versions.get(type);
  if (!version) versions.set(type, version = signal(0));
  return version;
}

/** The entity, or undefined where there is none that the user may see. */
export function entity<T extends Type>(type: T, id: string): Entities[T] | undefined {
  const key = `${type} ${id}`;
  let found = entities.get(key);
  if (!found) entities.set(key, found = signal(store?.get(type, id)));
  return found.value as Entities[T] | undefined;
}

/** All of a type by id, as they are now. Read again with each change of any of them: derive with `computed`. */
export function all<T extends Type>(type: T): View<T> {
  void versionOf(type).value;
  return store?.all(type) ?? (NOTHING as View<T>);
}

const NOTHING: ReadonlyMap<string, unknown> = new Map();

/** For the connection: show what this store holds, now and from now on. */
export function follow(followed: Store): void {
  forget();
  store = followed;
  followed.onChange(({ changes }) => batch(() => take(changes)));
}

function take(changes: Change[]): void {
  for (const { type, id, after } of changes) {
    const shown = entities.get(`${type} ${id}`);
    if (shown) shown.value = after ?? undefined;
  }
  for (const type of new Set(changes.map((change) => change.type))) versionOf(type).value += 1;
}

/** For the connection: show nothing. */
export function forget(): void {
  store = null;
  batch(() => {
    for (const shown of entities.values()) shown.value = undefined;
    for (const version of versions.values()) version.value += 1;
  });
}
