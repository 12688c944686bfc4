import { entity } from "../../app/live.ts";
import { View } from "../../frame/View.tsx";
import { Notes } from "../notes/Notes.tsx";

export function KpiPage({ id }: { id: string }) {
  return <View title={entity("kpi", id)?.name ?? "KPI"}><Notes entity={{ type: "kpi", id }} /></View>;
}
