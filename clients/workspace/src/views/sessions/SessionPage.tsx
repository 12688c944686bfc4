import { entity } from "../../app/live.ts";
import { View } from "../../frame/View.tsx";
import { Notes } from "../notes/Notes.tsx";

export function SessionPage({ id }: { id: string }) {
  return <View title={entity("session", id)?.title ?? "Session"}><Notes sessionId={id} /></View>;
}
