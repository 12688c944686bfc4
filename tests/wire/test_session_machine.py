"""Random joins, leaves, drops, returns and host changes of five users (decisions C2 to C4).

On PostgreSQL over two processes. After each step every client's picture, made of nothing but the
messages it got, is compared with the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from django.db import connections
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from bos.models import Role
from collaboration.models import Participant, Session
from tests.conftest import BACKEND
from tests.support.cast import Person, make_person, make_tenant
from tests.support.client import Client, Message
from tests.support.server import Server, serving

PATIENCE = 10.0
Picture = dict[str, tuple[str, str]]
"""{user id: (state, role)}"""


class Member:
    """A user's one device, and what it believes."""

    def __init__(self, person: Person, server: Server) -> None:
        self.person = person
        self.server = server
        self.client: Client | None = None
        self.picture: Picture = {}
        self.last_sequence = 0

    async def join(self, session_id: str) -> Message:
        if self.client is None:
            self.client = await Client.connect(self.server, self.person)
        answer = await self.client.ask("SESSION_JOIN", {"sessionId": session_id})
        for earlier in self.client.seen():
            assert earlier["type"] != "SESSION_JOINED", "nobody else's join before one's own"
        if answer["type"] == "SESSION_JOINED":
            session = answer["payload"]["session"]
            self.last_sequence = answer["payload"]["sequence"]
            self.picture = {p["userId"]: (p["state"], p["role"]) for p in session["participants"]}
        return answer

    def take(self, message: Message) -> None:
        payload: dict[str, Any] = message["payload"]
        assert payload["sequence"] > self.last_sequence, "once and in order"
        self.last_sequence = payload["sequence"]
        user_id = payload.get("userId", "")
        match message["type"]:
            case "SESSION_JOINED":
                self.picture[user_id] = ("active", "participant")
            case "SESSION_LEFT":
                del self.picture[user_id]
            case "PARTICIPANT_UPDATE":
                if payload["role"] == "host":
                    self.picture = {u: (s, "participant") for u, (s, _) in self.picture.items()}
                self.picture[user_id] = (payload["state"], payload["role"])


def stored(session_id: str) -> Picture:
    host_id = Session.objects.get(pk=session_id).host_id
    present = Participant.objects.filter(session_id=session_id, left_at=None)
    return {
        str(p.user_id): (p.state, "host" if p.user_id == host_id else "participant")
        for p in present
    }


class Meeting(RuleBasedStateMachine):
    servers: ClassVar[list[Server]] = []

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.connection = connections["default"]
        organization = make_tenant("Meeting").organization
        self.members = [
            Member(
                make_person(organization, f"user{n}", Role.MEMBER, None),
                self.servers[n % len(self.servers)],
            )
            for n in range(5)
        ]
        self.inside: set[int] = {0}
        self.run(self._begin())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    async def _begin(self) -> None:
        host = self.members[0]
        host.client = await Client.connect(host.server, host.person)
        room = {"title": "Meeting", "activeSpace": "dashboard"}
        created = (await host.client.ask("SESSION_CREATE", room))["payload"]
        self.session_id = created["sessionId"]
        host.picture = {host.person.id: ("active", "host")}
        host.last_sequence = created["sequence"]

    @rule(n=st.integers(0, 4))
    def join_or_return(self, n: int) -> None:
        answer = self.run(self.members[n].join(self.session_id))
        assert answer["type"] == "SESSION_JOINED"
        self.inside.add(n)
        self.compare()

    @rule(n=st.integers(0, 4))
    def drop(self, n: int) -> None:
        member = self.members[n]
        if member.client is not None:
            member.client.socket.transport.abort()
            self.run(member.client.socket.wait_closed())
            member.client = None
        self.compare()

    @rule(n=st.integers(0, 4))
    @precondition(lambda self: len(self.inside) > 1)
    def leave(self, n: int) -> None:
        """A host hands on to the next; a member not inside or not connected stays as they are."""
        member = self.members[n]
        if n not in self.inside or member.client is None:
            return
        payload = {"sessionId": self.session_id}
        if stored(self.session_id)[member.person.id][1] == "host":
            heir = min(self.inside - {n})
            payload["newHostId"] = self.members[heir].person.id
        answer = self.run(member.client.ask("SESSION_LEAVE", payload))
        assert answer["type"] == "SESSION_LEFT", answer
        self.inside.discard(n)
        member.picture = {}
        self.compare()

    def compare(self) -> None:
        self.run(self._compare())

    async def _compare(self) -> None:
        connections["default"] = self.connection  # a task would open one of its own
        connected = [
            m for n, m in enumerate(self.members) if n in self.inside and m.client is not None
        ]
        deadline = time.monotonic() + PATIENCE
        while True:
            truth = stored(self.session_id)
            here = {m.person.id for n, m in enumerate(self.members) if n in self.inside}
            gone = {m.person.id for m in self.members if m.client is None} & here
            settled = set(truth) == here and all(truth[u][0] == "disconnected" for u in gone)
            for member in connected:
                await self._read(member)
            if settled and all(member.picture == truth for member in connected):
                return
            assert time.monotonic() < deadline, (truth, [m.picture for m in connected])

    @staticmethod
    async def _read(member: Member) -> None:
        assert member.client is not None
        await member.client.send("PING", request_id="beat")
        while True:
            message = await member.client.receive()
            if message["type"] == "PONG":
                return
            member.take(message)

    def teardown(self) -> None:
        for member in self.members:
            if member.client is not None:
                self.run(member.client.socket.close())
        self.loop.close()


@pytest.fixture
def servers(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    directory = tmp_path_factory.mktemp("meeting")
    limits = {"BOS_MESSAGES_PER_MINUTE": "100000", "BOS_USER_MESSAGES_PER_MINUTE": "100000"}
    with serving(directory / "one", limits) as one:
        if BACKEND == "postgres":
            with serving(directory / "two", limits) as two:
                Meeting.servers = [one, two]
                yield
        else:
            Meeting.servers = [one]
            yield


@pytest.mark.timeout(180)
def test_c4_every_clients_picture_is_the_databases(servers: None) -> None:
    run_state_machine_as_test(
        Meeting,
        settings=settings(
            max_examples=30,
            stateful_step_count=15,
            suppress_health_check=list(HealthCheck),
        ),
    )
