"""Message limits (decision L1)."""

from __future__ import annotations

from tests.cast import Cast
from tests.client import Client, error_of
from tests.conftest import ServeFixture
from tests.server import Server


async def spend(client: Client, topic: str, messages: int) -> None:
    for _ in range(messages):
        await client.subscribe(topic)


async def test_l1_100_messages_pass_and_the_101st_is_refused_with_its_figures(
    server: Server, cast: Cast
) -> None:
    topic = f"user:{cast.bob.id}"
    async with await Client.connect(server, cast.bob) as bob:
        await spend(bob, topic, 100)
        code, details = error_of(await bob.ask("SUBSCRIBE", {"channels": [topic]}))
        assert code == "RATE_LIMIT_EXCEEDED"
        assert (details["limit"], details["window"]) == (100, "60s")
        assert 1 <= details["retryAfter"] <= 60
        told = await bob.expect("RATE_LIMIT")
        assert told["payload"] | {"message": ""} == {**details, "message": ""}
        # Only the first time; and heartbeats and AUTH are outside of it.
        assert error_of(await bob.ask("SUBSCRIBE", {"channels": [topic]}))[0] == code
        assert await bob.settle() == []
        await bob.sign_in(cast.bob)


async def test_l1_a_user_has_300_messages_over_all_connections(server: Server, cast: Cast) -> None:
    topic = f"user:{cast.bob.id}"
    for _ in range(3):
        async with await Client.connect(server, cast.bob) as bob:
            await spend(bob, topic, 100)
            keep = await Client.connect(server, cast.bob)
    code, details = error_of(await keep.ask("SUBSCRIBE", {"channels": [topic]}))
    assert (code, details["limit"]) == ("RATE_LIMIT_EXCEEDED", 300)
    await keep.socket.close()


async def test_l1_three_times_the_limit_is_closed_with_4429(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(BOS_MESSAGES_PER_MINUTE="5")
    async with await Client.connect(server, cast.bob) as bob:
        for _ in range(15):
            await bob.send("UNSUBSCRIBE", {"channels": ["kpi:x"]})
        assert {m["type"] for m in await bob.settle()} == {"UNSUBSCRIBED", "ERROR", "RATE_LIMIT"}
        await bob.send("UNSUBSCRIBE", {"channels": ["kpi:x"]})
        code, before = await bob.closed()
    assert code == 4429
    assert before[-1]["payload"]["code"] == "RATE_LIMIT_EXCEEDED"
