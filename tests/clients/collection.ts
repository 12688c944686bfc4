// A collection of TanStack DB over the client; @tanstack/db is found from where this is started.

import process from "node:process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { connect, passwordSession } from "../../clients/javascript/src/index.ts";
import { bosCollectionOptions } from "../../clients/javascript/src/tanstack.ts";

const { createCollection } = await import(pathToFileURL(createRequire(`${process.cwd()}/`).resolve("@tanstack/db")).href);
const { url, email, password, kpi } = JSON.parse(process.argv[2]);
const client = connect({ url, token: passwordSession(url, email, password) });
const { organizationId } = await client.whoami();
const kpis = createCollection(bosCollectionOptions({ client, type: "kpi", channels: [`organization:${organizationId}`] }));
await kpis.preload();
const said: Record<string, unknown> = { rows: kpis.size, before: kpis.get(kpi).value };

/** Set the value; what is shown at once, and what in the end. */
async function set(value: number): Promise<unknown[]> {
  const written = kpis.update(kpi, (draft: { value: number }) => {
    draft.value = value;
  });
  const atOnce = kpis.get(kpi).value;
  const refusal = await written.isPersisted.promise.then(() => null, (error: Error) => error.name);
  return [atOnce, kpis.get(kpi).value, refusal];
}

said.set = await set(77);
said.refused = await set(1.23456789);
said.store = client.store.kpis.get(kpi)?.value;
client.close();
process.stdout.write(JSON.stringify(said));
