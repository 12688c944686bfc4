import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function Alerts() {
  return <View title="Alerts"><Empty title="Not built yet" /></View>;
}
