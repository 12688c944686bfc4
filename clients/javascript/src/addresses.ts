// What is derived from the one address that a client is given.

import { NotBosError } from "./errors.ts";

const WS_PATH = "/v1/ws";

/** The addresses of a server. */
export interface Addresses {
  /** Of HTTP, without a slash at its end. */
  http: string;
  ws: string;
}

/** Return the addresses of the server at this one: `http(s)://host`, or `ws(s)://host/v1/ws`. */
export function addressesOf(url: string): Addresses {
  const match = /^(?:http|ws)(s?):\/\/([^?#]+)$/.exec(url.trim());
  if (!match) throw new NotBosError(`The address of a server begins with http://, https://, ws:// or wss://, and not ${url}`);
  const [, secure, rest] = match;
  const base = rest.replace(/\/+$/, "").replace(new RegExp(`${WS_PATH}$`), "");
  return { http: `http${secure}://${base}`, ws: `ws${secure}://${base}${WS_PATH}` };
}
