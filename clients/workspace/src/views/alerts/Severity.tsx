// How bad an alert is: by picture, word and colour.

import { Icon, type IconName } from "../../ui/icons.tsx";
import { Badge } from "../../ui/shown.tsx";
import { type Severity as Level, SEVERITY_WORDS } from "./rules.ts";

const ICONS: Record<Level, IconName> = { critical: "critical", warning: "alerts", info: "info" };
const TONES = { critical: "bad", warning: "warning", info: "soft" } as const;

export function Severity({ level }: { level: Level }) {
  return <Badge tone={TONES[level]}><Icon name={ICONS[level]} />{SEVERITY_WORDS[level]}</Badge>;
}
