"""SUBSCRIBE and UNSUBSCRIBE: form, limits, and who may follow what (decisions S1 to S5)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from bos.models import Department, Role
from kpis.models import Kpi, Visibility
from tests.support.cast import Cast, Person, make_person
from tests.support.client import Client, Message, error_of, sequences
from tests.support.server import Server

PER_REQUEST = 100
PER_CONNECTION = 500


async def ask_for(client: Client, *channels: str) -> tuple[list[str], dict[str, str]]:
    """Return the granted channels, and the code of each channel that was refused."""
    await client.send("SUBSCRIBE", {"channels": list(channels)}, request_id="subscribe")
    granted: list[str] = []
    refused: dict[str, str] = {}
    for message in await client.settle():
        assert message["requestId"] == "subscribe"
        if message["type"] == "SUBSCRIBED":
            assert not granted
            granted = message["payload"]["channels"]
            continue
        code, details = error_of(message)
        assert details["channel"] not in refused
        refused[details["channel"]] = code
    return granted, refused


def kpis(cast: Cast, count: int) -> list[str]:
    """The channels of so many KPIs that all may see."""
    made = Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=str(n)) for n in range(count)
    )
    return [f"kpi:{kpi.pk}" for kpi in made]


# ------------------------------------------------------------------ S1: form


@pytest.mark.parametrize(
    "channel",
    [
        "organization:a",
        "kpi:" + "x" * 64,
        "department:A-z_0.9",
        "user:..",
        "session:6",
        "organization:123",
    ],
)
async def test_s1_a_well_formed_channel_that_is_not_there_is_unauthorized(
    server: Server, cast: Cast, channel: str
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        assert await ask_for(alice, channel) == ([], {channel: "UNAUTHORIZED"})


@pytest.mark.parametrize(
    "channel",
    [
        "",
        "organization",
        "organization:",
        ":1",
        "galaxy:1",
        "Organization:1",
        "kpi:" + "x" * 65,
        "kpi:a b",
        "kpi:a/b",
        "kpi:a:b",
        "kpi:ä",
        "kpi:1\n",
        " kpi:1",
        "kpi:*",
    ],
)
async def test_s1_anything_else_is_an_invalid_channel(
    server: Server, cast: Cast, channel: str
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        for type_ in ("SUBSCRIBE", "UNSUBSCRIBE"):
            code, details = error_of(await alice.ask(type_, {"channels": [channel]}))
            assert (code, details["channel"]) == ("INVALID_CHANNEL", channel)
            assert await alice.settle() == []


@pytest.mark.parametrize("channel", ["galaxy:1", "organization:123"])
async def test_s1_a_refused_channel_that_is_named_twice_has_one_error(
    server: Server, cast: Cast, channel: str
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        error_of(await alice.ask("SUBSCRIBE", {"channels": [channel, channel]}))
        assert await alice.settle() == []


async def test_s1_each_refused_channel_has_an_error_and_the_rest_is_subscribed_in_one_answer(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    good = [home.topic, f"kpi:{home.revenue.pk}", f"department:{home.sales.pk}"]
    async with await Client.connect(server, cast.bob) as bob:
        foreign = cast.other.topic
        granted, refused = await ask_for(bob, good[0], "no", good[1], foreign, good[2], "kpi:1")
        assert granted == good
        assert refused == {
            "no": "INVALID_CHANNEL",
            foreign: "UNAUTHORIZED",
            "kpi:1": "UNAUTHORIZED",
        }


async def test_s1_nothing_granted_is_no_subscribed(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        assert await ask_for(bob, "no", "kpi:1") == (
            [],
            {"no": "INVALID_CHANNEL", "kpi:1": "UNAUTHORIZED"},
        )


async def test_e6_a_foreign_id_is_answered_like_a_missing_one(server: Server, cast: Cast) -> None:
    foreign, missing = cast.home, str(uuid.uuid4())
    pairs = [
        (foreign.topic, f"organization:{missing}"),
        (f"department:{foreign.sales.pk}", f"department:{missing}"),
        (f"kpi:{foreign.revenue.pk}", f"kpi:{missing}"),
        (f"user:{cast.bob.id}", f"user:{missing}"),
    ]
    async with await Client.connect(server, cast.charlie) as charlie:
        for pair in pairs:
            answers = [await charlie.ask("SUBSCRIBE", {"channels": [name]}) for name in pair]
            assert _without_names(answers[0]) == _without_names(answers[1])


def _without_names(message: Message) -> Message:
    payload = message["payload"] | {"details": sorted(message["payload"]["details"])}
    return {"type": message["type"], "payload": payload}


@pytest.mark.parametrize(
    "payload", [{"channels": []}, {}, {"channels": "kpi:1"}, {"channels": [1]}]
)
async def test_e4_no_list_of_channels_is_malformed(
    server: Server, cast: Cast, payload: dict[str, object]
) -> None:
    async with await Client.connect(server, cast.alice) as alice:
        for type_ in ("SUBSCRIBE", "UNSUBSCRIBE"):
            code, details = error_of(await alice.ask(type_, payload))
            assert code == "INVALID_MESSAGE_FORMAT"
            assert details["field"].startswith("payload.channels")


# ------------------------------------------------------------------ S1: limits


async def refusals(client: Client, type_: str, channels: list[str]) -> dict[str, Any]:
    """The channels that are refused, and why; behind them the answer is expected."""
    answer = await client.ask(type_, {"channels": channels})
    refused: dict[str, Any] = {}
    while answer["type"] == "ERROR":
        code, details = error_of(answer)
        refused[details["channel"]] = (code, details.get("limit"))
        answer = await client.receive()
    assert answer["type"] == f"{type_}D"
    assert answer["payload"]["channels"] == [name for name in channels if name not in refused]
    return refused


@pytest.mark.parametrize("type_", ["SUBSCRIBE", "UNSUBSCRIBE"])
async def test_s1_c10_the_first_100_channels_of_a_request_are_served_and_each_other_is_refused(
    server: Server, cast: Cast, type_: str
) -> None:
    channels = kpis(cast, PER_REQUEST + 2)
    failed = ("SUBSCRIPTION_FAILED", PER_REQUEST)
    async with await Client.connect(server, cast.alice) as alice:
        assert await refusals(alice, type_, channels[:-2]) == {}
        assert await refusals(alice, type_, channels[:-1]) == {channels[-2]: failed}
        assert await refusals(alice, type_, channels) == dict.fromkeys(channels[-2:], failed)


async def test_s1_c10_a_channel_that_is_named_again_takes_no_place_of_another(
    server: Server, cast: Cast
) -> None:
    channels = kpis(cast, PER_REQUEST)
    async with await Client.connect(server, cast.alice) as alice:
        answer = await alice.ask("SUBSCRIBE", {"channels": [channels[0], *channels]})
        assert answer["payload"]["channels"] == channels


async def test_s1_c10_thousands_of_channels_are_each_refused_and_the_connection_stays(
    impatient: Server, cast: Cast
) -> None:
    channels = [f"kpi:{n}" for n in range(9_000)]
    async with await Client.connect(impatient, cast.alice) as alice:
        await alice.send("SUBSCRIBE", {"channels": channels}, request_id="many")
        codes = [error_of(await alice.answer("many"))[0] for _ in channels]
        assert Counter(codes) == {"UNAUTHORIZED": 100, "SUBSCRIPTION_FAILED": 8_900}
        assert (await alice.subscribe(cast.home.topic))["type"] == "SUBSCRIBED"


async def test_s1_a_connection_follows_at_most_500_channels(server: Server, cast: Cast) -> None:
    channels = kpis(cast, PER_CONNECTION + 1)
    late = channels[-1]
    async with await Client.connect(server, cast.alice) as alice:
        for first in range(0, PER_CONNECTION, PER_REQUEST):
            await alice.subscribe(*channels[first : first + PER_REQUEST])
        assert await ask_for(alice, late) == ([], {late: "SUBSCRIPTION_FAILED"})
        # Those that are followed may be named again, and a place that is left is free.
        assert await ask_for(alice, channels[0], late) == (
            [channels[0]],
            {late: "SUBSCRIPTION_FAILED"},
        )
        await alice.ask("UNSUBSCRIBE", {"channels": [channels[0]]})
        assert await ask_for(alice, late) == ([late], {})


# ------------------------------------------------------------------ S1: repeating, leaving


async def test_s1_repeating_is_harmless(server: Server, cast: Cast) -> None:
    topic = cast.home.topic
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server, cast.mia) as mia,
    ):
        for _ in range(3):
            await alice.subscribe(topic)
        assert await ask_for(alice, topic, topic) == ([topic], {})
        await mia.set_value(cast.home.revenue, 1)
        assert [m["type"] for m in await alice.settle()] == ["KPI_UPDATED", "SYNC_UPDATE"]
        for _ in range(2):
            answer = await alice.ask("UNSUBSCRIBE", {"channels": [topic]})
            assert (answer["type"], answer["payload"]) == ("UNSUBSCRIBED", {"channels": [topic]})
        await mia.set_value(cast.home.revenue, 2)
        assert await alice.settle() == []


async def test_s1_unsubscribing_leaves_the_other_channels(server: Server, cast: Cast) -> None:
    home = cast.home
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server, cast.mia) as mia,
    ):
        await alice.subscribe(home.topic, f"kpi:{home.revenue.pk}", f"kpi:{home.margin.pk}")
        await alice.ask("UNSUBSCRIBE", {"channels": [home.topic, f"kpi:{home.margin.pk}"]})
        await mia.set_value(home.margin, 1)
        own = await mia.set_value(home.revenue, 2)
        assert sequences(await alice.settle()) == [own["payload"]["sequence"]]


async def test_s1_what_happened_before_subscribing_is_not_delivered(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server, cast.mia) as mia,
    ):
        before = await mia.set_value(cast.home.revenue, 1)
        answer = await alice.subscribe(cast.home.topic)
        assert answer["payload"]["sequence"] == before["payload"]["sequence"]
        after = await mia.set_value(cast.home.revenue, 2)
        assert sequences(await alice.settle()) == [after["payload"]["sequence"]]


# ------------------------------------------------------------------ S2: who may


async def may_follow(server: Server, person: Person, channels: Iterable[str]) -> list[bool]:
    async with await Client.connect(server, person) as client:
        wanted = list(channels)
        granted, _ = await ask_for(client, *wanted)
        return [channel in granted for channel in wanted]


async def test_s2_an_organization_is_followed_by_its_members(server: Server, cast: Cast) -> None:
    for person in (cast.alice, cast.mia, cast.bob, cast.vera):
        assert await may_follow(server, person, [cast.home.topic]) == [True]
    assert await may_follow(server, cast.charlie, [cast.home.topic]) == [False]


async def test_s2_a_user_channel_is_followed_by_oneself_only_also_not_by_an_admin(
    server: Server, cast: Cast
) -> None:
    channels = [f"user:{person.id}" for person in (cast.bob, cast.alice, cast.charlie)]
    assert await may_follow(server, cast.bob, channels) == [True, False, False]
    assert await may_follow(server, cast.alice, channels) == [False, True, False]


async def test_s2_a_department_is_followed_by_its_members_and_those_above(
    server: Server, cast: Cast
) -> None:
    organization, support = cast.home.organization, cast.home.support
    below = Department.objects.create(organization=organization, name="Below", parent=support)
    beside = Department.objects.create(
        organization=organization, name="Beside", parent=cast.home.sales
    )
    boss = make_person(organization, "boss", Role.MANAGER, None)
    lost = make_person(organization, "lost", Role.MEMBER, None)
    channels = [f"department:{d.pk}" for d in (cast.home.sales, support, below, beside)]
    everything = [True, True, True, True]
    assert await may_follow(server, cast.bob, channels) == everything  # of sales, above them all
    assert await may_follow(server, cast.vera, channels) == [False, True, True, False]
    assert await may_follow(server, boss, channels) == everything
    assert await may_follow(server, cast.alice, channels) == everything
    assert await may_follow(server, lost, channels) == [False, False, False, False]
    assert await may_follow(server, cast.charlie, channels) == [False, False, False, False]


async def test_s2_a_kpi_is_followed_by_whoever_may_see_it(server: Server, cast: Cast) -> None:
    home = cast.home
    channels = [f"kpi:{home.revenue.pk}", f"kpi:{home.margin.pk}"]
    assert await may_follow(server, cast.alice, channels) == [True, True]
    assert await may_follow(server, cast.mia, channels) == [True, True]
    assert await may_follow(server, cast.bob, channels) == [True, True]
    assert await may_follow(server, cast.vera, channels) == [True, False]
    assert await may_follow(server, cast.charlie, channels) == [False, False]
    Kpi.objects.filter(pk=home.margin.pk).update(owner=cast.vera.user)
    assert await may_follow(server, cast.vera, channels) == [True, True]


async def test_s2_an_id_in_another_spelling_is_another_id(server: Server, cast: Cast) -> None:
    kpi, department = cast.home.revenue.pk, cast.home.sales.pk
    channels = [
        f"kpi:{str(kpi).upper()}",
        f"kpi:{kpi.hex}",
        f"department:{str(department).upper()}",
        f"organization:{cast.home.organization.pk.hex}",
    ]
    assert await may_follow(server, cast.alice, channels) == [False] * 4


# ------------------------------------------------------------------ S3: roles


async def test_s3_a_kpi_is_set_by_managers_admins_and_its_owner_only(
    server: Server, cast: Cast
) -> None:
    kpi = cast.home.revenue
    for person, may in (
        (cast.alice, True),
        (cast.mia, True),
        (cast.bob, False),
        (cast.vera, False),
        (cast.charlie, False),
    ):
        async with await Client.connect(server, person) as client:
            answer = await client.set_value(kpi, 5)
            assert answer["type"] == ("KPI_UPDATED" if may else "ERROR")
            if not may:
                assert error_of(answer)[0] == "UNAUTHORIZED"
    Kpi.objects.filter(pk=kpi.pk).update(owner=cast.bob.user)
    async with await Client.connect(server, cast.bob) as bob:
        assert (await bob.set_value(kpi, 6))["type"] == "KPI_UPDATED"


# ------------------------------------------------------------------ S4, S5: what goes where


async def test_s4_a_restricted_kpi_never_goes_out_on_the_organization_channel(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    async with (
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        await vera.subscribe(home.topic)
        await bob.subscribe(f"department:{home.sales.pk}")
        await mia.set_value(home.margin, 3)
        Kpi.objects.filter(pk=home.margin.pk).update(name="Secret")
        Kpi.objects.create(
            organization=home.organization,
            department=home.sales,
            name="Secret, too",
            visibility=Visibility.DEPARTMENT,
        )
        shown = await mia.set_value(home.revenue, 4)
        assert sequences(await vera.settle()) == [shown["payload"]["sequence"]]
        end = shown["payload"]["sequence"]
        assert sequences(await bob.settle()) == [end - 3, end - 2, end - 1, end]


async def test_s5_an_event_reaches_a_connection_once_however_many_channels_match(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    all_three = [home.topic, f"department:{home.sales.pk}", f"kpi:{home.revenue.pk}"]
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server, cast.mia) as mia,
    ):
        await alice.subscribe(*all_three)
        await mia.subscribe(*all_three)
        own = await mia.set_value(home.revenue, 3)
        sequence = own["payload"]["sequence"]
        for message in await alice.settle():
            assert "requestId" not in message
        await mia.set_value(home.revenue, 4)
        got = await alice.settle()
        frames = [(m["type"], m["payload"]["sequence"]) for m in got]
        assert frames == [("KPI_UPDATED", sequence + 1), ("SYNC_UPDATE", sequence + 1)]
        # The requester: the answer, and what everybody mirrors, once each.
        assert sequences(await mia.settle()) == [sequence, sequence + 1]
