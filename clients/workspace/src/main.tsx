// The page: signs in, connects, and shows the view of its address.

import { render } from "preact";
import { begin, end } from "./app/connection.ts";
import { askToSignIn, openAsked } from "./app/report.ts";
import { signedInAs, takeUp } from "./app/session.ts";
import { Frame } from "./frame/Frame.tsx";
import { Routed } from "./frame/routes.tsx";
import { SignIn } from "./frame/SignIn.tsx";
import { Told } from "./ui/told.tsx";

function App() {
  return (
    <>
      {signedInAs.value ? <Frame><Routed /></Frame> : <SignIn />}
      <Told />
    </>
  );
}

await takeUp();
signedInAs.subscribe((email) => {
  if (!email) return void (end(), askToSignIn());
  begin();
  void openAsked();
});
const root = document.querySelector("#app");
if (root) render(<App />, root);
