// A report that a link leads to: the server sends a person here whom it does not know.

import { BosError } from "@bos/client";
import { tell } from "../ui/told.tsx";
import { send } from "./api.ts";
import { signInProblem } from "./session.ts";
import { inWords } from "./words.ts";

const FILE = /^\/api\/kpis\/reports\/[0-9a-f-]{36}\/file$/;
const KEPT_MS = 60_000;
const NOT_THERE = "You may not read this report, or it is not there any more.";

/** The path of the report that this page was opened for, until it is opened. */
let asked = askedFor();

function askedFor(): string | null {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  return FILE.test(next) ? next : null;
}

/** Tell the user, who has not signed in, what for. */
export function askToSignIn(): void {
  if (asked !== null && !signInProblem.value) signInProblem.value = "Sign in to open the report.";
}

/** Open the report that the link leads to, if there is one, now that the user has signed in. */
export async function openAsked(): Promise<void> {
  const path = asked;
  if (path === null) return;
  asked = null;
  history.replaceState(null, "", "/");
  try {
    await download(path);
    tell("The report has been downloaded.");
  } catch (error) {
    tell(inWords(error));
  }
}

/** Have the browser save the file; rejected with what a person can read. */
export async function download(path: string): Promise<void> {
  const response = await send(path).catch((error) => {
    throw error instanceof BosError && error.code === "NOT_FOUND" ? new Error(NOT_THERE) : error;
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "report";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
