"""Messages between processes (V2): nothing that is lost or late may delay the change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from channels.layers import BaseChannelLayer, InMemoryChannelLayer, channel_layers

from sync.delivery.bus import PAUSE, SHOWN_AT_ONCE, Bus, Ephemeral, group_name
from sync.eventlog.log import LoggedEvent
from sync.testing import MemoryLog
from tests.support.waiting import until

SHOWN = Ephemeral("o", "session:s", "s:u", '{"type":"CURSOR_MOVE"}', "u")


class Process:
    """A bus with a hub that keeps what it is given."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.ingested: list[tuple[str, list[int]]] = []
        self.shown: list[Ephemeral] = []
        hub: Any = self
        self.bus.attach(hub)

    def ingest(self, organization_id: str, events: Sequence[LoggedEvent]) -> None:
        self.ingested.append((organization_id, [event.sequence for event in events]))

    def deliver_ephemeral(self, organization_id: str, shown: Ephemeral) -> None:
        self.shown.append(shown)


class Layer(InMemoryChannelLayer):  # type: ignore[misc]  # Channels has no types
    """A group layer of several processes, that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.away: set[str] = set()
        """Groups whose Redis is away."""
        self.asked = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.asked += 1
        if group in self.away:
            raise ConnectionError
        self.sent.append((group, message))


@pytest.fixture
def layer() -> Any:
    before = channel_layers.set("default", Layer())
    yield channel_layers["default"]
    channel_layers.set("default", before)


class RedisLayer(BaseChannelLayer):  # type: ignore[misc]  # Channels has no types
    """A group layer that other processes listen to."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.sent.append((group, message))


@pytest.fixture
def redis_layer() -> Any:
    before = channel_layers.set("default", RedisLayer())
    yield channel_layers["default"]
    channel_layers.set("default", before)


async def soon(ask: Any) -> None:
    await until(ask, within=10, every=0.001)


async def test_v2_what_any_thread_commits_reaches_the_hub_by_organizations_in_order(
    layer: Layer,
) -> None:
    process, log = Process(), MemoryLog()
    committed = [log.append("a"), log.append("b"), log.append("a")]

    def commit() -> None:
        for event in committed:
            process.bus.publish([event])

    writer = threading.Thread(target=commit)
    writer.start()
    writer.join()  # before the loop has its turn: all of it at once
    await soon(lambda: len(layer.sent) == 2)
    assert process.ingested == [("a", [1, 2]), ("b", [1])]
    assert [group for group, _ in layer.sent] == [group_name("a"), group_name("b")]


async def test_v2_another_process_reads_what_was_sent_and_its_own_is_not_taken_twice(
    layer: Layer,
) -> None:
    sender, other, log = Process(), Process(), MemoryLog()
    event = log.append("o", topics=["kpi:k"], data='{"a":1}', origin="c", request_id="r")
    sender.bus.publish([event])
    sender.bus.publish_ephemeral("o", SHOWN)
    # Of one process the layer is in memory, and nobody else is to be shown anything.
    await soon(lambda: layer.sent)
    [(_, message)] = layer.sent
    assert other.bus.received(message) == [event]
    assert (sender.bus.received(message), other.bus.received_ephemerals(message)) == ([], [])
    assert sender.shown == [SHOWN]


async def test_c6_what_is_shown_within_a_turn_goes_to_other_processes_together_the_latest_alone(
    redis_layer: RedisLayer,
) -> None:
    sender, other = Process(), Process()

    def shown(user: str, n: int, organization_id: str = "o") -> Ephemeral:
        return Ephemeral(organization_id, "session:s", f"s:{user}", str(n), user)

    for n in range(3):
        sender.bus.publish_ephemeral("o", shown("u", n))
        sender.bus.publish_ephemeral("p", shown("u", n, "p"))
    sender.bus.publish_ephemeral("o", shown("v", 9))
    assert sender.shown[-1] == shown("v", 9), "here it is shown at once"
    await soon(lambda: len(redis_layer.sent) == 2)
    (of_o, message), (of_p, _) = redis_layer.sent
    assert (of_o, of_p) == (group_name("o"), group_name("p"))
    assert other.bus.received_ephemerals(message) == [shown("u", 2), shown("v", 9)]
    assert (sender.bus.received_ephemerals(message), other.bus.received(message)) == ([], [])
    for n in range(SHOWN_AT_ONCE + 1):
        sender.bus.publish_ephemeral("o", shown(f"u{n}", n))
    await soon(lambda: len(redis_layer.sent) == 4)
    lengths = [len(other.bus.received_ephemerals(sent)) for _, sent in redis_layer.sent[2:]]
    assert lengths == [SHOWN_AT_ONCE, 1]


async def test_v2_a_layer_that_is_away_is_left_alone_for_a_while_and_delivery_goes_on(
    layer: Layer, caplog: pytest.LogCaptureFixture
) -> None:
    process, log = Process(), MemoryLog()
    layer.away = {group_name("o")}
    for _ in range(5):
        process.bus.publish([log.append("o")])
        await soon(lambda: not process.bus._committed and not process.bus._sends)
    assert [sequences for _, sequences in process.ingested] == [[n] for n in range(1, 6)]
    assert layer.asked == 1
    assert [record.message for record in caplog.records] == ["events not broadcast"]
    # Others, whose Redis is there, are told meanwhile.
    process.bus.publish([log.append("elsewhere")])
    await soon(lambda: [group for group, _ in layer.sent] == [group_name("elsewhere")])
    layer.away.clear()
    process.bus._away_until["o"] -= PAUSE
    process.bus.publish([log.append("o")])
    await soon(lambda: layer.sent[1:])


async def test_v2_a_process_without_a_server_tells_the_others_from_a_thread_of_its_own(
    layer: Layer,
) -> None:
    bus, log = Bus(), MemoryLog()
    await asyncio.to_thread(bus.publish, [log.append("o")])
    await asyncio.to_thread(bus.close)  # sent before it ends
    assert [group for group, _ in layer.sent] == [group_name("o")]
