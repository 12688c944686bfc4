// A view: its heading, what can be done there, and its content.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { all } from "../app/live.ts";

interface ViewProps {
  title: string;
  /** Above the title: where this is. */
  above?: ComponentChildren;
  /** Beside the title: what can be done. */
  actions?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function View({ title, above, actions, class: more = "", children }: ViewProps) {
  const [organization] = all("organization").values();
  useEffect(() => {
    document.title = [title, organization?.name ?? "BOS"].join(" · ");
  }, [title, organization?.name]);
  return (
    <div class={`view ${more}`}>
      <header class="view-header">
        <div>
          {above && <div class="above">{above}</div>}
          <h1 tabIndex={-1}>{title}</h1>
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
