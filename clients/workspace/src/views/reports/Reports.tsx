import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function Reports() {
  return <View title="Reports"><Empty title="Not built yet" /></View>;
}
