import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function Sessions() {
  return <View title="Sessions"><Empty title="Not built yet" /></View>;
}
