import { View } from "../../frame/View.tsx";
import { Empty } from "../../ui/shown.tsx";

export function Inbox() {
  return <View title="Inbox"><Empty title="Not built yet" /></View>;
}
