// Written by `make clients` of clients/javascript/src: change it there.
// A live picture: what the channels that are followed show, by type and id, the same as a fresh snapshot.
import { channelsOf, isShown } from "./audience.js";
import { isSnapshot, subjectOf } from "./channels.js";
import { Emitter } from "./emitter.js";
import { FIELDS } from "./protocol.js";
export class Store {
  #maps = new Map();
  #emitter = new Emitter();
  /** Call `listener` with each change, once it is in the store; call what is returned to stop it. */ onChange(listener) {
    return this.#emitter.on("change", listener);
  }
  get(type, id) {
    return this.#maps.get(type)?.get(id);
  }
  /** Return all of a type, by id; it goes on changing. */ all(type) {
    return this.#of(type);
  }
  get organizations() {
    return this.all("organization");
  }
  get departments() {
    return this.all("department");
  }
  get employees() {
    return this.all("employee");
  }
  get notifications() {
    return this.all("notification");
  }
  get kpis() {
    return this.all("kpi");
  }
  get alerts() {
    return this.all("alert");
  }
  get insights() {
    return this.all("insight");
  }
  get reports() {
    return this.all("report");
  }
  get sessions() {
    return this.all("session");
  }
  get invitations() {
    return this.all("invitation");
  }
  get participants() {
    return this.all("participant");
  }
  get annotations() {
    return this.all("annotation");
  }
  /** Return everything: {type: {id: data}}. */ toJSON() {
    return Object.fromEntries([
      ...this.#maps
    ].filter(([, of])=>of.size).map(([type, of])=>[
        type,
        Object.fromEntries(of)
      ]));
  }
  // ---------------------------------------------------------------- for the client
  /** Apply what has come, in one step.
   *
   * followed: the channels that are shown. A live message of something else that is not known, as
   * the answer to a request may be, does not bring it in.
   */
  apply({ messages, anew }, followed) {
    const edit = this.#edit(followed);
    const newest = messages.reduce((sequence, { payload })=>Math.max(sequence ?? 0, payload.sequence), null);
    if (anew) {
      const shown = new Set();
      // Live events from before the picture was taken are in it.
      const taken = Math.min(...messages.filter(isSnapshot).map(({ payload })=>payload.sequence));
      for (const message of messages){
        if (!isSnapshot(message) && message.payload.sequence <= taken) continue;
        for (const key of edit.take(message))shown.add(key);
      }
      for (const [type, of] of this.#maps)for (const id of [
        ...of.keys()
      ])if (!shown.has(`${type} ${id}`)) edit.set(type, id, null);
    } else for (const message of messages)edit.take(message);
    this.#tell(edit, newest);
  }
  /** Remove what none of these channels shows. */ retain(followed) {
    const edit = this.#edit(followed);
    const all = [
      ...this.#maps
    ].flatMap(([type, of])=>[
        ...of
      ].map(([id, data])=>({
          type,
          id,
          data
        })));
    const gone = all.filter(({ type, data })=>!this.#isShown(type, data, followed));
    for (const { type, id } of gone)edit.set(type, id, null);
    this.#tell(edit, null);
  }
  #edit(followed) {
    return new Edit((type)=>this.#of(type), (type, data)=>this.#isShown(type, data, followed));
  }
  #isShown(type, data, followed) {
    const channels = channelsOf(type, data, (id)=>this.get("kpi", id));
    return channels === null || isShown(channels, followed);
  }
  #of(type) {
    let of = this.#maps.get(type);
    if (!of) this.#maps.set(type, of = new Map());
    return of;
  }
  #tell(edit, sequence) {
    const { changes } = edit;
    if (changes.length) this.#emitter.emit("change", {
      changes,
      sequence
    });
  }
}
/** Changes that are told of together. */ class Edit {
  #of;
  #isShown;
  #before = new Map();
  constructor(of, isShown){
    this.#of = of;
    this.#isShown = isShown;
  }
  /** What is different now. */ get changes() {
    const all = [
      ...this.#before.values()
    ].map(({ type, id, before })=>({
        type,
        id,
        before,
        after: this.#of(type).get(id) ?? null
      }));
    return all.filter(({ before, after })=>JSON.stringify(before) !== JSON.stringify(after));
  }
  /** Apply one message by what docs/writing-a-client.md says; returns "type id" of what it shows. */ take(message) {
    const { type, payload } = message;
    if (type === "NOTIFICATION_READ") for (const id of payload.notificationIds)this.set("notification", id, null);
    const { entityType, entityId, changeType } = subjectOf(message);
    if (entityType === undefined || entityId === undefined) return [];
    if (type === "SYNC_DELETE" || changeType === "deleted") this.#remove(entityType, entityId);
    else if (type === "SYNC_UPDATE") this.set(entityType, entityId, payload.data);
    else this.#merge(entityType, entityId, payload, changeType === "created");
    return this.#of(entityType).has(entityId) ? [
      `${entityType} ${entityId}`
    ] : [];
  }
  set(type, id, after) {
    const of = this.#of(type);
    const key = `${type} ${id}`;
    if (!this.#before.has(key)) this.#before.set(key, {
      type,
      id,
      before: of.get(id) ?? null
    });
    if (after === null) of.delete(id);
    else of.set(id, after);
  }
  /** A live message replaces the fields that it has. */ #merge(type, id, payload, isCreated) {
    const kind = "kind" in payload ? `${type}:${payload.kind}` : type;
    const fields = FIELDS[kind] ?? [];
    const known = this.#of(type).get(id);
    const before = known && !isCreated ? known : {
      ...Object.fromEntries(fields.map((field)=>[
          field,
          null
        ])),
      id
    };
    const shown = Object.entries(payload).filter(([field])=>field !== "id" && fields.includes(field));
    const after = {
      ...before,
      ...Object.fromEntries(shown)
    };
    if (known || this.#isShown(type, after)) this.set(type, id, after);
  }
  /** What is about a KPI goes with it: no live message says so one by one. */ #remove(type, id) {
    this.set(type, id, null);
    if (type !== "kpi") return;
    for (const about of [
      "alert",
      "insight"
    ])for (const [other, data] of [
      ...this.#of(about)
    ])if ("kpiId" in data && data.kpiId === id) this.set(about, other, null);
  }
}
