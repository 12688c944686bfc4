"""Following channels: what is asked after each AUTH, so that nothing is lost and nothing twice.

A round is what follows AUTH: SUBSCRIBE to all channels, then SYNC_REQUEST for those that are
followed. Until it is over the cursor stands still, for what is live then may be ahead of what is
still missing; what comes meanwhile is kept, and handed on in its order when the round is over. A
round that is cut leaves nothing behind, and the next begins where this one began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from bos_client.errors import BosError, ConnectionLost, RequestRefused
from bos_client.protocol import (
    Error,
    ServerMessage,
    Subscribe,
    SyncComplete,
    SyncError,
    SyncRequest,
    SyncUpdateMessage,
    Unsubscribe,
)
from bos_client.requests import FOR_LATER, WITHOUT_TOKEN, new_id, refusal_of
from bos_client.store import Picture, Store
from bos_client.structs import Request

MOST_CHANNELS = 100  # in one SUBSCRIBE
MOST_OF_A_SYNC = 500
LONGEST_NAME = 200  # of a longer one, a refusal names the beginning only
OUT_OF_DATE = {"SYNC_HISTORY_EXPIRED", "SYNC_TIMESTAMP_IN_FUTURE"}


@dataclass(frozen=True, slots=True)
class Dropped:
    """A channel that the server has refused, or no longer lets the client follow."""

    channel: str
    reason: str
    error: BosError | None = None


@dataclass(slots=True)
class _Sync:
    """after: the cursor that it resumes from; None: a snapshot, which is its picture."""

    channels: list[str]
    after: int | None
    picture: Picture


@dataclass(slots=True)
class _History:
    """A sync of what happened long ago: for the application alone, not for the store."""

    answer: asyncio.Future[list[ServerMessage]]
    events: list[ServerMessage] = field(default_factory=list)


@dataclass(slots=True)
class _Unanswered:
    """A SUBSCRIBE on its way: the channels of which nothing is known yet."""

    channels: dict[str, None]


class Rounds:
    """send: one message. hand: an event, to the application. live: the round is over. dropped: a
    channel is followed no longer. abandon: end this connection, and come back.
    """

    def __init__(
        self,
        pace: float,
        *,
        send: Callable[[Request[Any], str], None],
        hand: Callable[[ServerMessage], None],
        live: Callable[[], None],
        dropped: Callable[[Dropped], None],
        abandon: Callable[[str], None],
    ) -> None:
        self._pace = pace
        self._send, self._hand, self._live = send, hand, live
        self._tell_dropped, self._abandon = dropped, abandon
        self.wanted: dict[str, None] = {}
        """The channels to follow, now and after every reconnect, in the order of their wish."""
        self.store = Store(self.wanted)
        self.cursor: int | None = None
        self._handed = -1
        """The sequence of the newest event that the application has."""
        self._pictured: set[str] = set()
        self._queued: dict[str, None] = {}
        self._signed_in = False
        self._in_round = False
        self._flushing: asyncio.Handle | None = None
        self._owed: list[_Unanswered | _Sync] = []
        """Refused for now: to be asked for again, in requests of their own."""
        self._later: asyncio.TimerHandle | None = None
        self._subscribes: dict[str, _Unanswered] = {}
        self._unsubscribes: set[str] = set()
        self._syncs: dict[str, _Sync] = {}
        self._histories: dict[str, _History] = {}
        self._serving: _Sync | _History | None = None
        self._completed: list[int] = []
        self._pictures: list[Picture] = []
        self._resumed = False
        self._kept: list[ServerMessage] = []
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}

    # ------------------------------------------------------------------ the application

    def follow(self, channels: Sequence[str]) -> None:
        for channel in channels:
            _require_name(channel)
        for channel in channels:
            if channel not in self.wanted:
                self.wanted[channel] = self._queued[channel] = None
        self._flush_soon()

    def followed(self, channel: str) -> asyncio.Future[None]:
        """Return when this channel's picture is there; rejected if it is refused."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if channel in self._pictured and not self._in_round:
            future.set_result(None)
        else:
            self._waiters.setdefault(channel, []).append(future)
        return future

    def unfollow(self, channels: Iterable[str]) -> None:
        ended = [channel for channel in channels if channel in self.wanted]
        sent = [channel for channel in ended if channel not in self._queued]
        for channel in ended:
            self._forget(channel)
            self._release(channel, RequestRefused(f"{channel} is no longer followed."))
        if self._signed_in:
            for first in range(0, len(sent), MOST_CHANNELS):
                request_id = new_id()
                self._unsubscribes.add(request_id)
                self._send(Unsubscribe(channels=sent[first : first + MOST_CHANNELS]), request_id)

    async def history(self, channels: list[str], after: int) -> list[ServerMessage]:
        """Return the events of these channels after a sequence, as long as they are kept."""
        for channel in channels:
            _require_name(channel)
        if not self._signed_in:
            raise ConnectionLost("There is no connection just now.")
        request_id = new_id()
        history = _History(asyncio.get_running_loop().create_future())
        self._histories[request_id] = history
        self._send(SyncRequest(channels=channels, last_sequence=after), request_id)
        return await history.answer

    def close(self, error: BosError) -> None:
        self.lost()
        for channel in list(self._waiters):
            self._release(channel, error)

    # ------------------------------------------------------------------ the connection

    def begin(self) -> None:
        """Begin a round: the client is signed in on a new connection."""
        self._signed_in = self._in_round = True
        self._queued.clear()
        self._subscribe(self.wanted)
        self._end()

    def ask_again(self) -> None:
        """Ask for what was refused for now: there is a new token, or the server has room again."""
        self._later = None
        owed, self._owed = self._owed, []
        for one in owed:
            if isinstance(one, _Sync):
                self._sync(one.channels, after=one.after)
            else:
                self._subscribe(one.channels)

    def lost(self) -> None:
        """The connection is gone, and all that was under way with it."""
        self._signed_in = self._in_round = self._resumed = False
        if self._later is not None:
            self._later.cancel()
            self._later = None
        for history in self._histories.values():
            if not history.answer.done():
                history.answer.set_exception(ConnectionLost("The connection was lost."))
        for gone in (self._subscribes, self._unsubscribes, self._syncs, self._histories):
            gone.clear()
        for kept in (self._owed, self._completed, self._pictures, self._kept):
            kept.clear()
        self._serving = None

    def _flush_soon(self) -> None:
        """Subscribe to what is queued, together with what else is asked for in this turn."""
        if self._flushing is None and self._signed_in and not self._in_round and self._queued:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = None
        if self._signed_in and not self._in_round:
            channels, self._queued = self._queued, {}
            self._subscribe(channels)

    def _subscribe(self, channels: Iterable[str]) -> None:
        asked = list(channels)
        for first in range(0, len(asked), MOST_CHANNELS):
            some = asked[first : first + MOST_CHANNELS]
            request_id, request = new_id(), Subscribe(channels=some)
            self._subscribes[request_id] = _Unanswered(dict.fromkeys(some))
            self._send(request, request_id)

    # ------------------------------------------------------------------ answers

    def subscribed(self, request_id: str, channels: list[str]) -> None:
        """First subscribed, then synced: nothing is lost in between; what comes twice is known."""
        unanswered = self._subscribes.get(request_id)
        if unanswered is None:
            return
        for channel in channels:
            unanswered.channels.pop(channel, None)
        if not unanswered.channels:
            del self._subscribes[request_id]
        channels = [channel for channel in channels if channel in self.wanted]
        known = [channel for channel in channels if channel in self._pictured]
        fresh = [channel for channel in channels if channel not in self._pictured]
        self._sync(known, after=self.cursor)
        self._sync(fresh, after=None)
        self._end()

    def _sync(self, channels: list[str], *, after: int | None) -> None:
        for first in range(0, len(channels), MOST_OF_A_SYNC):
            some, request_id = channels[first : first + MOST_OF_A_SYNC], new_id()
            self._syncs[request_id] = _Sync(some, after, Picture(some))
            self._send(_request_of(self._syncs[request_id]), request_id)

    def started(self, request_id: str) -> None:
        """Take what follows as part of this sync, until it is complete."""
        self._serving = self._syncs.get(request_id) or self._histories.get(request_id)

    def synced(self, request_id: str, payload: SyncComplete) -> None:
        sync = self._syncs.pop(request_id, None)
        self._serving = None
        history = self._histories.pop(request_id, None)
        if history is not None and not history.answer.done():
            history.answer.set_result(history.events)
        if sync is None:
            return
        self._completed.append(payload.last_sequence)
        self._pictured.update(channel for channel in sync.channels if channel in self.wanted)
        if sync.after is None:
            sync.picture.sequence = payload.last_sequence
            self._pictures.append(sync.picture)
        else:
            self._resumed = True
        if not self._in_round:  # a channel was added while the others go on
            self._settle(anew=False)
            self.cursor = payload.last_sequence if self.cursor is None else self.cursor
        self._end()

    def refused(self, request_id: str, error: Error | SyncError) -> bool:
        """Take an ERROR or a SYNC_ERROR; returns whether it is about a channel or a sync."""
        unanswered, sync = self._subscribes.get(request_id), self._syncs.get(request_id)
        refusal = refusal_of(error)
        if history := self._histories.pop(request_id, None):
            self._serving = None
            if not history.answer.done():
                history.answer.set_exception(refusal)
            return True
        if unanswered is None and sync is None:
            return request_id in self._unsubscribes
        channel = refusal.details.get("channel")
        wait = refusal.details.get("retryAfter")
        if sync is not None:
            self._serving = None
        if refusal.code in OUT_OF_DATE and sync is not None and sync.after is not None:
            self._start_anew(rewound=refusal.code == "SYNC_TIMESTAMP_IN_FUTURE")
        elif channel is not None:
            self._refuse(request_id, channel, refusal)
        elif refusal.code in WITHOUT_TOKEN or (refusal.code in FOR_LATER and wait is not None):
            self._owe(request_id, wait)
        else:
            self._abandon(refusal.message)
        return True

    def _owe(self, request_id: str, seconds: float | None) -> None:
        """Ask for it again after so many seconds; None: with the next token."""
        owed = self._subscribes.pop(request_id, None) or self._syncs.pop(request_id)
        self._owed.append(owed)
        if seconds is not None and self._later is None:
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(seconds * self._pace, self.ask_again)

    def _refuse(self, request_id: str, channel: str, refusal: RequestRefused) -> None:
        """Forget this channel; the others of the request are served, or asked for again."""
        if unanswered := self._subscribes.get(request_id):
            unanswered.channels.pop(channel, None)
            if not unanswered.channels:
                del self._subscribes[request_id]
        if sync := self._syncs.pop(request_id, None):
            others = [other for other in sync.channels if other != channel]
            self._sync(others, after=sync.after)
        if channel in self.wanted:
            self._forget(channel)
            self._drop(Dropped(channel, refusal.code, refusal))
        self._end()

    def unsubscribed(self, request_id: str, channels: list[str], reason: str) -> None:
        """The server has ended that these are followed, or this client has asked for it."""
        if request_id in self._unsubscribes:
            self._unsubscribes.discard(request_id)
            return
        for channel in channels:
            if channel in self.wanted:
                self._forget(channel)
                self._drop(Dropped(channel, reason))
        self._end()

    def _start_anew(self, *, rewound: bool) -> None:
        """Too long away: the history in between is gone, so everything is shown anew."""
        syncs = [*self._syncs.values(), *(one for one in self._owed if isinstance(one, _Sync))]
        followed = {*self._pictured, *(channel for sync in syncs for channel in sync.channels)}
        self._owed = [one for one in self._owed if not isinstance(one, _Sync)]
        self._syncs.clear()
        self._completed.clear()
        self._pictures.clear()
        self._pictured.clear()
        self._resumed = False
        self._in_round = True
        self.cursor = None
        if rewound:
            self._handed = -1
        self._sync([channel for channel in self.wanted if channel in followed], after=None)

    # ------------------------------------------------------------------ events

    def event(self, message: ServerMessage, sequence: int) -> None:
        """Take a message that has a sequence, and is not SUBSCRIBED."""
        if isinstance(self._serving, _History):
            self._serving.events.append(message)
        elif self._serving is not None and _is_snapshot(message):
            assert isinstance(message, SyncUpdateMessage)
            self._serving.picture.frames.append(message)
        elif _is_snapshot(message):
            pass  # of a sync that is no longer wanted
        elif self._in_round:
            self._kept.append(message)
        else:
            self.store.apply(message)
            self._hand_once(message, sequence)
            self.skip(sequence)

    def skip(self, sequence: int) -> None:
        """Move the cursor to an event of which nothing more is to be done."""
        if not self._in_round and sequence > (-1 if self.cursor is None else self.cursor):
            self.cursor = sequence

    def _hand_once(self, message: ServerMessage, sequence: int) -> None:
        if sequence > self._handed:
            self._handed = sequence
            self._hand(message)

    def _end(self) -> None:
        """End the round if nothing is missing any more."""
        if not self._signed_in or self._subscribes or self._syncs or self._owed:
            return
        if self._in_round:
            if self._queued:
                channels, self._queued = self._queued, {}
                self._subscribe(channels)
                return
            self._in_round = False
            self._settle(anew=not self._resumed)
            if self._completed:
                # The least: one sync may be ahead of what the channels of another have got so far.
                self.cursor = min(self._completed)
                self._handed = max(self._handed, self.cursor)
            self._live()
        self._completed.clear()
        for channel in list(self._waiters):
            if channel in self._pictured:
                self._release(channel, None)
        self._flush_soon()

    def _settle(self, *, anew: bool) -> None:
        """Show what the syncs have brought, in one step, and hand on the events in their order."""
        pictures, self._pictures = self._pictures, []
        kept, self._kept = self._kept, []
        kept.sort(key=_sequence_of)  # stable: of one event, in the order in which its frames came
        # Without a snapshot nothing was taken anew: there is no channel, or all have been resumed.
        self.store.settle(pictures, kept, anew=anew and bool(pictures))
        for message in kept:
            self._hand_once(message, _sequence_of(message))
        for picture in pictures:
            for channel in picture.channels:
                if channel not in self.wanted:  # no longer, since it was asked for
                    self.store.forget(channel)

    # ------------------------------------------------------------------ small things

    def _forget(self, channel: str) -> None:
        self.wanted.pop(channel, None)
        self._queued.pop(channel, None)
        self._pictured.discard(channel)
        self.store.forget(channel)

    def _drop(self, dropped: Dropped) -> None:
        error = dropped.error or RequestRefused(
            f"The server has ended that {dropped.channel} is followed.", code=dropped.reason
        )
        self._release(dropped.channel, error)
        self._tell_dropped(dropped)

    def _release(self, channel: str, error: BosError | None) -> None:
        for future in self._waiters.pop(channel, ()):
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


def _require_name(channel: Any) -> None:
    """Raises what a server would answer: a name like this would have it refuse those beside it."""
    is_name = isinstance(channel, str) and 0 < len(channel) <= LONGEST_NAME
    if not is_name or any("\ud800" <= character <= "\udfff" for character in channel):
        raise RequestRefused(f"{channel!r} is no name of a channel.", code="INVALID_CHANNEL")


def _request_of(sync: _Sync) -> SyncRequest:
    after = UNSET if sync.after is None else sync.after
    return SyncRequest(channels=sync.channels, last_sequence=after)


def _is_snapshot(message: ServerMessage) -> bool:
    return isinstance(message, SyncUpdateMessage) and message.payload.change_type == "snapshot"


def _sequence_of(message: ServerMessage) -> int:
    payload: Any = getattr(message, "payload", None)
    return int(payload.sequence)
