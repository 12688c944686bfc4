"""The room of a connection, and what is told of its user: in the order of the log (C3, C4)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import transaction

from bos.permissions import principal_of
from collaboration import presence
from collaboration.errors import SessionNotFound
from collaboration.handlers import _enter, _take_place
from collaboration.messages import SessionLeft
from collaboration.models import Session, State
from collaboration.picture import SESSIONS_AT_ONCE, Picture, picture_for, read_pictures
from collaboration.presence import enter_room, hold_presence
from collaboration.rooms import Room
from collaboration.services import participants, sessions
from sync.delivery.hub import Hub
from sync.delivery.turns import Turns
from sync.eventlog import log
from sync.eventlog.log import LoggedEvent
from sync.eventlog.threads import READINGS, READINGS_OF_ONE
from sync.gateway.connection import Connection
from sync.gateway.dispatcher import Context
from sync.protocol import registry
from sync.protocol.codecs import json_text
from sync.protocol.envelope import Envelope
from sync.testing import Clock, FakeOutbox, MemoryLog
from tests.support.cast import Cast, Person


class CountedTurns(Turns):
    taken = 0

    def turn(self, owner: str) -> Any:
        self.taken += 1
        return super().turn(owner)


class Meeting:
    """A session of mia's in which bob takes part, and a process to which bob is connected."""

    def __init__(self, cast: Cast) -> None:
        self.mia, self.bob = cast.mia, cast.bob
        self.organization_id = cast.home.id
        self.hub = Hub(clock=Clock())

    async def open(self) -> Meeting:
        self.session_id = await asyncio.to_thread(self._begin)
        outbox = FakeOutbox()
        connection = Connection("c1", outbox, raw=False, now=0, on_close=lambda _: None)
        connection.authenticated(principal_of(self.bob.user), now=0, wall=0)
        self.feed = await self.hub.feed(self.organization_id)
        self.feed.add(connection.subscriber)
        self.subscriber = connection.subscriber
        asked = registry.client_messages["SESSION_JOIN"]
        self.context = Context(connection, self.hub, Envelope("SESSION_JOIN", {}), asked)
        return self

    def _begin(self) -> str:
        with transaction.atomic():
            session = sessions.session_create(
                principal_of(self.mia.user), title="t", active_space="s", max_participants=2,
                invite_user_ids=[],
            )  # fmt: skip
        self.join(str(session.pk), self.bob)
        return str(session.pk)

    @transaction.atomic
    def join(self, session_id: str, person: Person) -> None:
        sessions.session_join(principal_of(person.user), session_id)

    @transaction.atomic
    def leave(self) -> None:
        sessions.session_leave(principal_of(self.bob.user), self.session_id, new_host_id=None)

    @transaction.atomic
    def say_gone(self) -> None:
        """Act as a process that does not see bob's connection."""
        only_from = {State.ACTIVE}
        bob = self.bob.id
        participants.participant_set_state(
            self.session_id, bob, State.DISCONNECTED, only_from=only_from
        )
        own = Session.objects.get(pk=self.session_id).participants.get(user_id=bob)
        participants.participant_time_out(str(own.pk), -1)

    @property
    def head(self) -> int:
        return log.head(self.organization_id).sequence

    def told(self, sequence: int, live_type: str = "SESSION_LEFT") -> LoggedEvent:
        """Return an event, as it is delivered, by which bob has left or the session has ended."""
        left = SessionLeft(
            self.session_id, self.bob.id, "Bob", "participant", "2026-11-01T00:00:00Z",
            entity_type="participant", entity_id="e", change_type="deleted", sequence=sequence,
        )  # fmt: skip
        event = MemoryLog().append(
            self.organization_id,
            entity_id=self.session_id,
            live_type=live_type,
            live=json_text(left),
        )
        return msgspec.structs.replace(event, sequence=sequence)

    @property
    def room(self) -> Room | None:
        return self.subscriber.rooms.get(self.session_id)

    async def present(self) -> list[int | None]:
        return await self.hub.state.present([f"{self.session_id}:{self.bob.id}"])


@pytest.fixture
async def meeting(cast: Cast) -> Meeting:
    return await Meeting(cast).open()


async def test_c3_a_leaving_that_is_told_late_does_not_take_out_the_user_who_has_come_again(
    meeting: Meeting,
) -> None:
    """By another device, of which this process hears after it has let this one in."""
    room = enter_room(meeting.subscriber, meeting.session_id, since=7)
    presence.participant_changed(meeting.feed, meeting.told(7))
    assert meeting.room is room
    assert meeting.subscriber.topics == {f"session:{meeting.session_id}"}
    presence.participant_changed(meeting.feed, meeting.told(8))
    assert meeting.subscriber.topics == set()
    assert meeting.subscriber.rooms == {}


async def test_c3_a_paused_device_hears_that_its_user_has_left_before_it_follows_no_more(
    meeting: Meeting,
) -> None:
    topic = f"session:{meeting.session_id}"
    enter_room(meeting.subscriber, meeting.session_id, since=7)
    async with meeting.feed.paused(meeting.subscriber):
        presence.participant_changed(meeting.feed, meeting.told(8))
        assert meeting.room is None
        assert meeting.subscriber.topics == {topic}
    await asyncio.gather(*presence._giving_up)
    assert meeting.subscriber.topics == set()


async def test_c4_a_user_who_comes_again_while_brought_back_in_vain_keeps_the_new_room(
    meeting: Meeting, cast: Cast
) -> None:
    await asyncio.to_thread(meeting.say_gone)
    await asyncio.to_thread(meeting.join, meeting.session_id, cast.alice)  # it is full now
    old = enter_room(meeting.subscriber, meeting.session_id, since=1)
    bringing_back = asyncio.create_task(presence._Keeper(meeting.hub)._bring_back(old))
    await asyncio.sleep(0)
    presence.participant_changed(meeting.feed, meeting.told(2))
    new = enter_room(meeting.subscriber, meeting.session_id, since=3)
    await hold_presence(meeting.hub, new)
    await bringing_back
    assert meeting.room is new
    assert meeting.subscriber.topics == {f"session:{meeting.session_id}"}
    assert await meeting.present() == [1]
    await presence.leave_rooms(meeting.hub, meeting.subscriber)
    assert await meeting.present() == [0]


async def test_c4_nothing_is_leased_for_a_room_that_was_left_at_the_same_moment(
    meeting: Meeting,
) -> None:
    room = enter_room(meeting.subscriber, meeting.session_id, since=1)
    holding = asyncio.create_task(hold_presence(meeting.hub, room))
    presence.participant_changed(meeting.feed, meeting.told(2))
    await holding
    assert await meeting.present() == [0]


@pytest.mark.parametrize("live_type", ["SESSION_LEFT", "SESSION_ENDED"])
async def test_c2_a_user_who_has_left_while_the_session_is_read_does_not_enter_it(
    meeting: Meeting, live_type: str
) -> None:
    """By another device; or it has ended: a room would stay for as long as the connection."""

    def tell(sequence: int) -> None:
        event = meeting.told(sequence, live_type)
        presence.participant_changed(meeting.feed, event)
        presence.session_changed(meeting.feed, event)

    head = meeting.head
    async with meeting.feed.paused(meeting.subscriber) as pause:
        joining = asyncio.create_task(_take_place(meeting.context, meeting.session_id, pause))
        await asyncio.sleep(0)
        tell(head + 1)
        with pytest.raises(SessionNotFound):
            await joining
    creating = asyncio.create_task(_enter(meeting.context, meeting.session_id))
    await asyncio.sleep(0)
    tell(head + 1)
    await creating
    assert meeting.room is None
    # What was before concerns nobody who is there.
    async with meeting.feed.paused(meeting.subscriber) as pause:
        joining = asyncio.create_task(_take_place(meeting.context, meeting.session_id, pause))
        await asyncio.sleep(0)
        tell(head)
        await joining
    assert meeting.room is not None


async def test_c2_a_session_that_was_left_or_has_ended_is_shown_to_nobody(
    meeting: Meeting,
) -> None:
    bob = principal_of(meeting.bob.user)
    asked = (meeting.organization_id, {meeting.session_id: [bob.user_id]})
    assert read_pictures(*asked)[meeting.session_id].of(bob).user_id == bob.user_id
    meeting.leave()
    with pytest.raises(SessionNotFound):
        read_pictures(*asked)[meeting.session_id].of(bob)
    with transaction.atomic():
        sessions.session_end(Session.objects.get(pk=meeting.session_id), reason="admin")
    assert read_pictures(*asked) == {}
    with pytest.raises(SessionNotFound):
        await picture_for(bob, meeting.session_id, hub=meeting.hub)


async def test_c2_sessions_that_are_joined_together_are_read_together_and_each_is_its_own(
    meeting: Meeting,
) -> None:
    bob, organization_id = principal_of(meeting.bob.user), meeting.organization_id
    ids = [meeting.session_id]
    for n in range(SESSIONS_AT_ONCE + 1):
        with transaction.atomic():
            started = sessions.session_create(
                bob, title=str(n), active_space="", max_participants=9, invite_user_ids=[]
            )
        ids.append(str(started.pk))
    readings = meeting.hub.readings = CountedTurns(READINGS, of_one=READINGS_OF_ONE)
    missing = str(uuid4())
    pictures = await asyncio.gather(
        *(picture_for(bob, id_, hub=meeting.hub) for id_ in [*ids, ids[-1], missing]),
        return_exceptions=True,
    )
    assert isinstance(pictures.pop(), SessionNotFound)
    shown = [picture.of(bob) for picture in pictures if isinstance(picture, Picture)]
    assert [each.session_id for each in shown] == [*ids, ids[-1]]
    assert {each.sequence for each in shown} == {log.head(organization_id).sequence}
    assert readings.taken == 2
