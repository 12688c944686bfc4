// Who is signed in, in this browser: kept through reloads, and by all tabs alike.

import { BosError, StoredSession } from "@bos/client";
import { signal } from "@preact/signals";

const KEY = "bos.session";
const SIGNED_OUT = "bos.signed-out"; // told to other tabs once the server knows of it, too
const ELSEWHERE = "You have been signed out in another tab.";

export const session = new StoredSession({ url: location.origin, key: KEY, own: localStorage, shared: localStorage });

/** The address under which the user has signed in; "" while nobody has. */
export const signedInAs = signal(session.email);

/** What the form to sign in says: why it is shown, or what was wrong. */
export const signInProblem = signal("");

/** Sign in, and say what is asked for next: nothing, or the code of a second factor. */
export async function signIn(email: string, password: string, code: string): Promise<"done" | "code" | "again"> {
  signInProblem.value = "";
  try {
    await session.signIn(email, password, code);
    signedInAs.value = session.email;
    return "done";
  } catch (error) {
    signInProblem.value = error instanceof Error && !(error instanceof TypeError) ? error.message : "The server does not answer.";
    return error instanceof BosError && ["MFA_REQUIRED", "INVALID_CODE"].includes(error.code) ? "code" : "again";
  }
}

/** Be signed in as the session of the server's own pages is, if this page was served to one. */
export async function takeUp(): Promise<void> {
  const told = document.querySelector<HTMLMetaElement>("meta[name=session]");
  if (session.signedIn || !told) return;
  try {
    await session.takeUp(told.dataset.csrf ?? "", told.content);
    signedInAs.value = session.email;
  } catch (error) {
    signInProblem.value = error instanceof Error ? error.message : `${error}`;
  }
}

/** Be signed in no longer, because the server says so; the form says why. */
export function endedBecause(reason: string): void {
  session.forget();
  signedInAs.value = "";
  signInProblem.value = reason;
}

/** Sign out, here and in all other tabs; nothing of what was typed stays in this browser. */
export async function signOut(): Promise<void> {
  await session.signOut();
  localStorage.setItem(SIGNED_OUT, new Date().toISOString());
  leave();
}

function leave(): void {
  sessionStorage.clear();
  location.assign("/");
}

// Another tab has signed in or out, or somebody else has signed in there: be the same here.
addEventListener("storage", ({ key, newValue }) => {
  if (key === SIGNED_OUT && !session.signedIn) return leave();
  if (key !== KEY) return;
  // Not loaded again before the server's own pages have signed out as well: it would sign in there.
  if (newValue === null) return void (signedInAs.value && endedBecause(ELSEWHERE));
  const { email } = JSON.parse(newValue) as { email: string };
  if (email !== signedInAs.value) location.reload();
});
