import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function People() {
  return <View title="People"><Empty title="Not built yet" /></View>;
}
