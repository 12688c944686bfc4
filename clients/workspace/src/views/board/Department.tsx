import { entity } from "../../app/live.ts";
import { View } from "../../frame/View.tsx";
import { Notes } from "../notes/Notes.tsx";

export function Department({ id }: { id: string }) {
  return <View title={entity("department", id)?.name ?? "Department"}><Notes entity={{ type: "department", id }} /></View>;
}
