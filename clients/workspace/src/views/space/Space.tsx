import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function Space() {
  return <View title="Space"><Empty title="Not built yet" /></View>;
}
