// What an application does that must lose nothing, in any runtime; tests/clients/test_javascript.py runs it.

/** @typedef {import("../../clients/javascript/src/index.ts").TokenSource} TokenSource */

/** Watch one KPI and set another, however often the connection is cut.
 *
 * bos: the client's module. seen: how many changes of others there are to see; own: how many values to set.
 * ready: called once everything is followed.
 *
 * @param {typeof import("../../clients/javascript/src/index.ts")} bos
 * @param {{url: string, token: TokenSource, watched: string, set: string, seen: number, own: number, ready: () => unknown}} task
 */
export async function trial(bos, { url, token, watched, set, seen, own, ready }) {
  const client = bos.connect({ url, token });
  /** @type {string[]} */
  const states = [];
  /** @type {string[]} */
  const problems = [];
  /** @type {number[]} */
  const events = [];
  /** @type {(number | null | undefined)[]} */
  const shown = [];
  client.on("state", ({ state }) => states.push(state));
  client.on("unknown", ({ type }) => problems.push(`unknown ${type}`));
  client.on("problem", ({ message }) => problems.push(message));
  client.on("unsubscribed", ({ channel }) => problems.push(`unsubscribed ${channel}`));
  /** @type {Promise<void>} */
  const allSeen = new Promise((resolve) =>
    client.on("message", ({ payload }) => {
      if (!payload || !("entityId" in payload) || payload.entityId !== watched) return;
      events.push(payload.sequence ?? 0);
      shown.push(client.store.get("kpi", watched)?.value);
      if (events.length >= seen) resolve();
    })
  );
  const { organizationId } = await client.whoami();
  await client.subscribe(`organization:${organizationId}`);
  await ready();
  const values = Array.from({ length: own }, (_, n) => 1001 + n);
  const answers = await Promise.all(values.map((value) => client.request("KPI_UPDATE", { kpiId: set, value })));
  await allSeen;
  /** @type {Promise<void>} */
  const live = new Promise((resolve) => {
    if (client.state.state === "live") resolve();
    else client.on("state", ({ state }) => state === "live" && resolve());
  });
  await live;
  const fresh = bos.connect({ url, token });
  await fresh.subscribe(`organization:${organizationId}`);
  const answered = answers.map(({ value }) => value);
  const result = { states, problems, events, shown, answered, store: client.store.toJSON(), fresh: fresh.store.toJSON() };
  client.close();
  fresh.close();
  return result;
}
