from tests.cast import Cast
from tests.client import Client, error_of
from tests.conftest import ServeFixture
from tests.server import Server
async def test_s2_a_stranger_cannot_follow_a_kpi(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.charlie) as charlie:
        answer = await charlie.ask("SUBSCRIBE", {"channels": [f"kpi:{cast.home.revenue.pk}"]})
        assert error_of(answer)[0] == "UNAUTHORIZED"


async def test_a1_who_does_not_sign_in_is_closed(serve: ServeFixture) -> None:
    server = serve(BOS_AUTH_TIMEOUT="0.5")
    async with await Client.connect(server) as silent:
        code, _ = await silent.closed()
        assert code == 4401
