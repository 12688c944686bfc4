import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function KpiPage() {
  return <View title="KpiPage"><Empty title="Not built yet" /></View>;
}
