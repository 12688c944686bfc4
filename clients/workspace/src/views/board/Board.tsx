import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function Board() {
  return <View title="Board"><Empty title="Not built yet" /></View>;
}
