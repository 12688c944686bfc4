import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function Department() {
  return <View title="Department"><Empty title="Not built yet" /></View>;
}
