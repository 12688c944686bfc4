"""Any JSON value for any type of message gets a typed answer, and is never a fault (E4)."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.protocol.registry import ALIASES, client_messages, server_messages
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.server import Server

UNANSWERED = {"PONG", "CURSOR_MOVE"}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["organization:1", "session:", "text", "kpi", "2025-01-20T10:30:00Z"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXT | st.sampled_from(["x", "y", "z", "type", "id"]), inner, max_size=4)
    ),
    max_leaves=10,
)
TYPES = sorted(client_messages.keys() | server_messages.keys() | ALIASES.keys())


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, Any]:
    """A type, and a payload that has its fields or that has nothing to do with it."""
    type_ = draw(st.sampled_from(TYPES) | TEXT)
    request = client_messages.get(ALIASES.get(type_, type_))
    if request is None or draw(st.integers(0, 4)) == 0:
        return type_, draw(VALUES)
    fields = dict.fromkeys(request.struct.__struct_encode_fields__, VALUES)
    return type_, draw(st.fixed_dictionaries({}, optional=fields))


@settings(
    max_examples=60,
    suppress_health_check=list(HealthCheck),
)
@given(sent=st.lists(messages(), min_size=10, max_size=40), packed=st.booleans())
async def test_e4_any_value_for_any_type_gets_a_typed_answer(
    impatient: Server, cast: Cast, sent: list[tuple[str, Any]], packed: bool
) -> None:
    speech = "msgpack" if packed else "text"
    async with await Client.connect(impatient, cast.mia, speech=speech) as mia:
        for type_, payload in sent:
            if type_ in UNANSWERED:
                await mia.send(type_, payload)
            else:
                answer = await mia.ask(type_, payload)
                assert answer["type"] in server_messages
                if answer["type"] == "ERROR":
                    assert answer["payload"]["code"] != "INTERNAL_SERVER_ERROR", answer
            if type_ == "AUTH":  # the third failure in a row is the end
                await mia.sign_in(cast.mia)
            for message in await mia.settle():
                assert message["type"] in server_messages
