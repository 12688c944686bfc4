import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function SessionPage() {
  return <View title="SessionPage"><Empty title="Not built yet" /></View>;
}
