import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function Replay() {
  return <View title="Replay"><Empty title="Not built yet" /></View>;
}
