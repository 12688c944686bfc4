// What the server has written into the page: see templates/workspace.html.

interface Demo {
  password: string;
  accounts: { email: string; role: string; does: string }[];
}

const written: Partial<{ demo: Demo; reset: string }> = JSON.parse(document.querySelector("#page")?.textContent ?? "{}");

/** The accounts of `make run`; none elsewhere. */
export const demo: Demo = written.demo ?? { password: "", accounts: [] };

/** Where a forgotten password is reset; "" where no mail can be sent. */
export const resetAddress = written.reset ?? "";
