// A report that a link leads to: the server sends a person here who has no session of the admin.

const FILE = /^\/api\/kpis\/reports\/[0-9a-f-]{36}\/file$/;
/** @type {Record<number, string>} by the status of the answer */
const WORDS = { 404: "You may not read this report, or it is not there any more.", 410: "The link to this report has expired. Request it again." };

/** The path of the report that this page was opened for, or null. */
export function askedFor() {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  return FILE.test(next) ? next : null;
}

/** Have the browser save the file; rejected with what a person can read.
 *
 * @param {string} path
 * @param {string} token
 */
export async function download(path, token) {
  const response = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(WORDS[response.status] ?? "The report could not be opened. Please try again.");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "report";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
