"""A client of /v1/ws: signs in, follows channels, and after every loss comes back where it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, TypeVar

from msgspec import UNSET
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
)
from websockets.typing import Subprotocol

from bos_client import protocol as p
from bos_client import wire
from bos_client.addresses import Address
from bos_client.errors import (
    BosError,
    CertificateError,
    ClosedError,
    ConnectionLost,
    NotBosError,
    ProtocolError,
    RequestRefused,
    SignInError,
    Timeout,
)
from bos_client.heartbeat import PATIENCE, Heartbeat
from bos_client.listeners import Listener, Listeners, Remove
from bos_client.requests import Requests
from bos_client.rounds import Dropped, Rounds
from bos_client.sessions import Session
from bos_client.store import Store
from bos_client.structs import Request, Signal
from bos_client.tokens import Fixed, Token, renew_after, source_of

SUBPROTOCOL = Subprotocol("bos-v1")
FIRST_RETRY = 0.5  # up to so many seconds: a restart or a cut is over at once, mostly
BACKOFF = (2.0, 4.0, 8.0, 16.0, 30.0)
JITTER = 1.0
TOO_MANY_WAIT = 60.0  # the window in which messages are counted
NO_PLACE_WAIT = 10.0  # a place may be free at any time
RENEW_AGAIN = 10.0

NORMAL, ABNORMAL = 1000, 1006
AUTHENTICATION, WITHDRAWN, TOO_MANY = 4401, 4403, 4429
TOO_MANY_REQUESTS, SERVER_ERRORS = 429, 500

R = TypeVar("R")


class State(StrEnum):
    """Where a client is. UNSURE: live, but the server does not answer just now."""

    IDLE = "idle"
    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    SYNCING = "syncing"
    LIVE = "live"
    UNSURE = "unsure"
    WAITING = "waiting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StateChange:
    """error: the reason, where it waits or has stopped. attempt: how often it has waited in a row.
    retry_in: how many seconds it waits.
    """

    state: State
    error: BosError | None = None
    attempt: int = 0
    retry_in: float | None = None


@dataclass(frozen=True, slots=True)
class _Loss:
    """Why a connection has ended. least: wait so many seconds at least. exact: wait so many."""

    error: BosError
    least: float = 0.0
    exact: float | None = None


class _Final(Exception):
    """No further attempt makes sense."""

    def __init__(self, error: BosError) -> None:
        super().__init__(error.message)
        self.error = error


class _Link:
    """One connection: what is sent goes out in order, and the first reason to end it counts."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.ended: asyncio.Future[_Loss] = asyncio.get_running_loop().create_future()
        self.signed_in = False
        self.timers: dict[str, asyncio.TimerHandle] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    def send(self, frame: bytes) -> None:
        self._outgoing.put_nowait(frame)

    async def write(self) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader says why
            while True:
                await self.socket.send(await self._outgoing.get(), text=True)

    def end(self, loss: _Loss | BosError) -> None:
        """loss: or an error after which no further attempt makes sense."""
        if self.ended.done():
            return
        if isinstance(loss, _Loss):
            self.ended.set_result(loss)
        else:
            self.ended.set_exception(_Final(loss))

    def start(self, work: Awaitable[None]) -> None:
        """Do this as long as the connection lasts; it ends with whatever goes wrong in it."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.ended.done():
            self.ended.set_exception(error)

    def after(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        self.cancel(name)
        self.timers[name] = asyncio.get_running_loop().call_later(seconds, action)

    def cancel(self, name: str) -> None:
        if timer := self.timers.pop(name, None):
            timer.cancel()

    async def leave(self) -> None:
        """Give it up, whether the other end answers or not."""
        for name in list(self.timers):
            self.cancel(name)
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.socket.transport.abort()


def connect(
    url: str,
    *,
    token: Token,
    pace: float = 1.0,
    tls: ssl.SSLContext | None = None,
) -> Client:
    """Return a client that connects, and comes back after every loss until it is closed.

    url: `https://host[:port]`, or the address of the WebSocket. token: an access token; or a
    function `token(fresh=...)`, plain or async; or a `PasswordSession` or `StoredSession`.
    pace: every duration is multiplied by it, for tests. tls: which certificates to trust.
    Raises ValueError where the address is none. To be called where an event loop runs.
    """
    client = Client(url, token=token, pace=pace, tls=tls)
    client.start()
    return client


class Client:
    """Use `connect`, and `async with`: it is closed at the end of the block."""

    def __init__(
        self,
        url: str,
        *,
        token: Token,
        pace: float = 1.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.address = Address.of(url)
        self._source = source_of(token)
        self._pace = pace
        self._tls = tls
        self.user: p.AuthSuccess | None = None
        """The user who is signed in, as the server says."""
        self.state = StateChange(State.IDLE)
        self._attempt = 0
        self._reached = False
        """There has been a BOS at this address."""
        self._stale = False
        """The token does not hold, or no longer: another is needed before the next AUTH."""
        self._refusals = 0
        """How many tokens the server has refused in a row."""
        self._no_place = False
        self._link: _Link | None = None
        self._run_task: asyncio.Task[None] | None = None
        self._retry = asyncio.Event()
        self._states: Listeners[StateChange] = Listeners()
        self._messages: Listeners[p.ServerMessage] = Listeners()
        self._unknowns: Listeners[wire.Unknown] = Listeners()
        self._problems: Listeners[ProtocolError] = Listeners()
        self._dropped: Listeners[Dropped] = Listeners()
        self._sessions: dict[str, Session] = {}
        self._joining: dict[str, asyncio.Task[None]] = {}
        self._requests = Requests(pace)
        self._rounds = Rounds(
            pace,
            send=self._ask,
            hand=self._hand,
            live=self._become_live,
            dropped=self._dropped.tell,
            abandon=lambda why: self._abandon(ConnectionLost(why)),
        )
        self._heartbeat = Heartbeat(
            pace,
            ask=lambda: self.tell(p.Ping()),
            doubt=self._become_unsure,
            give_up=lambda: self._abandon(ConnectionLost("The server does not answer.")),
        )

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Connect; does nothing the second time."""
        if self._run_task is None:
            self._run_task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Close the connection, and reject all that waits for an answer with ClosedError."""
        if self._run_task is not None:
            self._run_task.cancel()
            await asyncio.gather(self._run_task, return_exceptions=True)
        self._stop(None)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def live(self, *, patient: bool = True) -> None:
        """Wait until the client is live. Raises the error by which it has stopped; where one is
        not patient, that of the first attempt which has failed."""
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def hear(change: StateChange) -> None:
            if reached.done():
                return
            if change.state is State.LIVE:
                reached.set_result(None)
            elif change.state is State.STOPPED or (change.state is State.WAITING and not patient):
                reached.set_exception(change.error or ClosedError("The client is closed."))

        remove = self.on_state(hear)
        try:
            hear(self.state)
            await reached
        finally:
            remove()

    def retry_now(self) -> None:
        """Do not wait for the next attempt: there are signs that it will succeed."""
        self._retry.set()

    # ------------------------------------------------------------------ listening

    def on_state(self, listener: Listener[StateChange]) -> Remove:
        """Call it with each state; returns a function that ends this, as all of these do."""
        return self._states.add(listener)

    def on_message(self, listener: Listener[p.ServerMessage]) -> Remove:
        """Call it with every event once and in order, and with what else concerns the user."""
        return self._messages.add(listener)

    def on_unknown(self, listener: Listener[wire.Unknown]) -> Remove:
        """Call it with what only a newer client understands."""
        return self._unknowns.add(listener)

    def on_problem(self, listener: Listener[ProtocolError]) -> Remove:
        """Call it with what the server should not have sent; the connection goes on."""
        return self._problems.add(listener)

    def on_dropped(self, listener: Listener[Dropped]) -> Remove:
        """Call it with each channel that the server refuses, or no longer lets us follow."""
        return self._dropped.add(listener)

    async def messages(self) -> AsyncIterator[p.ServerMessage]:
        """Give what `on_message` hears, until the client stops. Raises the error by which it has.

        What is not taken waits in memory.
        """
        arrived: asyncio.Queue[p.ServerMessage | StateChange] = asyncio.Queue()
        removes = [self.on_message(arrived.put_nowait), self.on_state(arrived.put_nowait)]
        try:
            while self.state.state is not State.STOPPED or not arrived.empty():
                one = await arrived.get()
                if not isinstance(one, StateChange):
                    yield one
                elif one.state is State.STOPPED:
                    if one.error is not None:
                        raise one.error
                    return
        finally:
            for remove in removes:
                remove()

    # ------------------------------------------------------------------ channels

    @property
    def store(self) -> Store:
        """The entities that the followed channels show, live."""
        return self._rounds.store

    @property
    def sequence(self) -> int | None:
        """The cursor: everything up to this sequence has come."""
        return self._rounds.cursor

    @property
    def channels(self) -> list[str]:
        """The channels that are followed, or are to be."""
        return list(self._rounds.wanted)

    def follow(self, *channels: str) -> None:
        """Follow these from now on, also after every reconnect; `on_dropped` tells of refusals."""
        self._require_open()
        self._rounds.follow(channels)

    async def subscribe(self, *channels: str) -> None:
        """Follow these, and wait until the store has them. Raises RequestRefused for the first
        one that is refused."""
        self.follow(*channels)
        waiting = [self._rounds.followed(channel) for channel in channels]
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def unfollow(self, *channels: str) -> None:
        """Follow these no longer; what only they showed leaves the store."""
        self._rounds.unfollow(channels)

    async def history(self, *channels: str, after: int = 0) -> list[p.ServerMessage]:
        """Return what happened in these channels after a sequence, oldest first.

        Raises RequestRefused: `SYNC_HISTORY_EXPIRED` where it is no longer kept whole.
        """
        self._require_open()
        return await self._rounds.history(list(channels), after)

    # ------------------------------------------------------------------ requests

    async def request(self, request: Request[R], *, timeout: float | None = None) -> R:
        """Send a request, and return the payload of its answer.

        Offline it waits for the connection, and lost on the way it is sent again with the same
        requestId: it has one effect. timeout: in seconds; without one it is given up after five
        minutes. Raises RequestRefused, GivenUp, ClosedError, Timeout; TypeError, ValueError or
        OverflowError where it cannot be sent. Cancelled before it has left, it is not sent.
        """
        self._require_open()
        pending = self._requests.add(request)
        try:
            async with asyncio.timeout(None if timeout is None else timeout * self._pace):
                answer: R = await pending.answer
        except TimeoutError as error:
            if isinstance(error, BosError):
                raise
            how = "it may have been acted on" if pending.sent else "it was never sent"
            message = f"{request.TYPE} was not answered within {timeout:g} s: {how}."
            raise Timeout(message, sent=pending.sent) from None
        return answer

    def tell(self, signal: Signal | p.Ping) -> None:
        """Send what nothing answers; offline it is dropped."""
        if self._link is not None and self._link.signed_in:
            self._link.send(wire.encode(signal))

    def _ask(self, request: Request[Any], request_id: str) -> None:
        if self._link is not None:
            self._link.send(wire.encode(request, request_id))

    def _send(self, frame: bytes) -> None:
        if self._link is not None:
            self._link.send(frame)

    def _require_open(self) -> None:
        if self.state.state is State.STOPPED:
            raise self.state.error or ClosedError("The client is closed: nothing was sent.")

    # ------------------------------------------------------------------ sessions

    async def create_session(
        self,
        title: str,
        *,
        active_space: str = "dashboard",
        invite_user_ids: list[str] | None = None,
        max_participants: int | None = None,
    ) -> Session:
        """Start a session, and be its host."""
        created = await self.request(
            p.SessionCreate(
                title=title,
                active_space=active_space,
                invite_user_ids=UNSET if invite_user_ids is None else invite_user_ids,
                max_participants=UNSET if max_participants is None else max_participants,
            )
        )
        return await self.join_session(created.session_id)

    async def join_session(self, session_id: str) -> Session:
        """Take part in a session, now and after every reconnect, until `Session.leave`."""
        joined = await self.request(p.SessionJoin(session_id=session_id))
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = Session(self, joined, pace=self._pace)
        await self.subscribe(session.channel)
        return session

    def session(self, session_id: str) -> Session | None:
        """Return the session that the user takes part in, or None."""
        return self._sessions.get(session_id)

    def forget_session(self, session: Session) -> None:
        """Take part in it no longer, as far as this client is concerned."""
        self._sessions.pop(session.id, None)
        session.stop()
        self.unfollow(session.channel)

    def _join_again(self) -> None:
        for session in self._sessions.values():
            # A join under way is sent again by itself; after a leave under way it would undo it.
            if session.id not in self._joining and not session.leaving:
                join = self._requests.add(p.SessionJoin(session_id=session.id), ahead=True)
                task = asyncio.get_running_loop().create_task(self._joined(session, join.answer))
                self._joining[session.id] = task

    async def _joined(self, session: Session, answer: asyncio.Future[p.SessionJoined]) -> None:
        try:
            session.joined = await answer
        except RequestRefused as error:
            if session.id in self._sessions:
                self.forget_session(session)
                self._dropped.tell(Dropped(session.channel, error.code, error))
        except BosError:
            pass  # tried again after the next loss, if there is one
        finally:
            del self._joining[session.id]

    # ------------------------------------------------------------------ the connection

    async def _run(self) -> None:
        while True:
            try:
                loss = await self._connection()
            except _Final as final:
                self._stop(final.error)
                return
            except Exception as error:  # a fault of this client: said, instead of hanging
                self._stop(ProtocolError(f"The client has failed: {error!r}"))
                raise
            pause = self._pause(loss) * self._pace
            self._tell(State.WAITING, error=loss.error, retry_in=pause)
            self._retry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._retry.wait()

    def _pause(self, loss: _Loss) -> float:
        """Return how many seconds to wait: not everybody comes back at once."""
        self._attempt += 1
        more = JITTER * random.random()  # noqa: S311 -- no secret
        if loss.exact is not None:
            return loss.exact + more
        if self._attempt == 1:
            backoff = FIRST_RETRY * more / JITTER
        else:
            backoff = BACKOFF[min(self._attempt - 2, len(BACKOFF) - 1)] + 2 * more - JITTER
        return max(backoff, loss.least + more if loss.least else 0)

    async def _connection(self) -> _Loss:
        """Be connected, and return why this has ended. Raises _Final."""
        self._tell(State.CONNECTING)
        opened = await self._open()
        if isinstance(opened, _Loss):
            return opened
        link = self._link = _Link(opened)
        try:
            link.start(link.write())
            link.start(self._read(link))
            link.start(self._authenticate(link, fresh=self._stale))
            return await link.ended
        except asyncio.CancelledError:
            with contextlib.suppress(OSError, TimeoutError, ConnectionClosed):
                async with asyncio.timeout(1):
                    await opened.close(NORMAL)
            raise
        finally:
            self._link = None
            self._requests.lost()
            self._rounds.lost()
            await link.leave()

    async def _open(self) -> ClientConnection | _Loss:
        """Open a WebSocket. Raises _Final where no further attempt makes sense."""
        base = self.address.base
        try:
            return await open_socket(
                self.address.socket,
                subprotocols=[SUBPROTOCOL],
                ssl=(self._tls or True) if base.startswith("https") else None,
                compression=None,  # the server has none: events are packed once for all
                proxy=None if self.address.is_loopback else True,
                ping_interval=None,  # the protocol has a heartbeat of its own
                open_timeout=PATIENCE * max(self._pace, 0.1),
                max_size=None,
                user_agent_header="bos-client",
            )
        except ssl.SSLCertVerificationError as error:
            message = f"The certificate of {base} does not hold: {error.verify_message}"
            raise _Final(CertificateError(message)) from None
        except ssl.SSLError as error:
            return self._not_bos(NotBosError(f"{base} does not speak TLS: {error.reason}"))
        except InvalidStatus as refused:
            return self._refused(refused)
        except (InvalidProxy, ProxyError) as error:
            return _Loss(ConnectionLost(f"The proxy does not let us through to {base}: {error}"))
        except InvalidMessage as error:
            if isinstance(error.__cause__, EOFError):
                return _Loss(ConnectionLost(f"{base} has ended the connection."))
            return self._not_bos(NotBosError(f"{base} does not speak HTTP: {error}"))
        except InvalidHandshake as error:
            return self._not_bos(NotBosError(f"{base} is no BOS: {error}"))
        except (OSError, TimeoutError) as error:
            return _Loss(ConnectionLost(f"No connection with {base}: {_reason(error)}"))

    def _refused(self, refused: InvalidStatus) -> _Loss:
        """Tell a server that is busy from an address where there is no BOS."""
        status = refused.response.status_code
        if status == TOO_MANY_REQUESTS or status >= SERVER_ERRORS:
            wait = refused.response.headers.get("Retry-After", "")
            least = float(wait) if wait.isdecimal() else 0.0
            return _Loss(ConnectionLost(f"{self.address.base} answers {status}."), least=least)
        message = f"{self.address.socket} answers {status} instead of opening a WebSocket."
        return self._not_bos(NotBosError(message, status=status))

    def _not_bos(self, error: NotBosError) -> _Loss:
        """At the first attempt the address is wrong; later it may be a restart."""
        if not self._reached:
            raise _Final(error) from None
        return _Loss(error)

    async def _read(self, link: _Link) -> None:
        try:
            while not link.ended.done():
                self._receive(link, await link.socket.recv(decode=False))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else ABNORMAL
            link.end(self._loss_by(code, closed.rcvd.reason if closed.rcvd else ""))

    def _loss_by(self, code: int, reason: str) -> _Loss | BosError:
        """Return why the connection was lost; an error where the client must not come back."""
        text = reason or p.CLOSE_REASONS.get(code) or "The connection was lost."
        message = text if code == ABNORMAL else f"{text} ({code})"
        if code == WITHDRAWN:
            return SignInError(message, code="UNAUTHORIZED")
        if code in p.FINAL_CLOSES:
            return ProtocolError(message)
        lost = ConnectionLost(message)
        if code == AUTHENTICATION:
            self._stale = True
        if code == TOO_MANY:
            no_place, self._no_place = self._no_place, False
            return _Loss(lost, exact=NO_PLACE_WAIT) if no_place else _Loss(lost, TOO_MANY_WAIT)
        return _Loss(lost)

    def _abandon(self, error: BosError) -> None:
        if self._link is not None:
            self._link.end(_Loss(error))

    def _stop(self, error: BosError | None) -> None:
        if self.state.state is State.STOPPED:
            return
        closed = error or ClosedError("The client was closed.")
        self._requests.close()
        self._rounds.close(closed)
        for session in self._sessions.values():
            session.stop()
        self._tell(State.STOPPED, error=error)

    # ------------------------------------------------------------------ signing in

    async def _authenticate(self, link: _Link, *, fresh: bool, early: bool = False) -> None:
        """early: the old token is still good, so a failure costs nothing yet."""
        if not link.signed_in:
            self._tell(State.AUTHENTICATING)
        try:
            token = await self._source(fresh=fresh)
        except SignInError as error:
            link.end(error)
        except (NotBosError, CertificateError) as error:
            link.end(error if not self._reached else _Loss(error))
        except Exception as error:  # whatever a function of the application's raises
            lost = error if isinstance(error, ConnectionLost) else None
            if early:
                link.after("renew", RENEW_AGAIN * self._pace, lambda: self._renew(link))
            else:
                why = lost or ConnectionLost(f"No token: {error!r}")
                link.end(_Loss(why, least=(lost and lost.retry_after) or 0.0))
        else:
            link.send(wire.encode(p.Auth(token=token)))
            if not link.signed_in:
                message = f"{self.address.base} does not answer AUTH: no BOS is there."
                silent = _Loss(NotBosError(message))
                link.after("silence", PATIENCE * self._pace, lambda: link.end(silent))

    def _renew(self, link: _Link) -> None:
        link.start(self._authenticate(link, fresh=True, early=True))

    def _signed_in(self, link: _Link, message: p.AuthSuccessMessage) -> None:
        self._stale = self._no_place = False
        self._refusals, self._reached = 0, True
        link.cancel("silence")
        self.user = message.payload
        life = _seconds_between(message.timestamp, message.payload.expires_at)
        if life is not None and not isinstance(self._source, Fixed):
            link.after("renew", renew_after(life) * self._pace, lambda: self._renew(link))
        if link.signed_in:  # renewed in place: the connection goes on as it was
            self._requests.resume(self._send)
            self._rounds.ask_again()
            return
        link.signed_in = True
        link.start(self._heartbeat.beat())
        self._tell(State.SYNCING)
        self._join_again()
        self._requests.resume(self._send)
        self._rounds.begin()

    def _not_signed_in(self, link: _Link, payload: p.AuthFailed) -> None:
        if payload.error == "RATE_LIMIT_EXCEEDED":
            details = None if payload.details is UNSET else payload.details
            self._no_place = details is not None and details.scope == "connections"
            return  # 4429 follows
        self._stale = True
        self._refusals += 1
        if self._refusals > 1:
            link.end(SignInError(payload.message, code=payload.error))
            return
        link.start(self._authenticate(link, fresh=True))

    # ------------------------------------------------------------------ what the server says

    def _receive(self, link: _Link, frame: bytes) -> None:
        self._heartbeat.heard()
        if self.state.state is State.UNSURE:
            self._tell(State.LIVE)
        try:
            message = wire.decode(frame)
        except wire.Malformed as error:
            self._misunderstood(link, error)
            return
        if isinstance(message, wire.Unknown):
            if message.sequence is not None:
                self._rounds.skip(message.sequence)
            self._unknowns.tell(message)
            return
        self._take(link, message)

    def _misunderstood(self, link: _Link, error: wire.Malformed) -> None:
        if not link.signed_in:
            wrong = NotBosError(error.message)
            link.end(_Loss(wrong) if self._reached else wrong)
            return
        self._requests.malformed(error.request_id, error)
        self._problems.tell(error)

    def _take(self, link: _Link, message: p.ServerMessage) -> None:
        request_id = message.request_id or ""
        answered = self._requests.answer(message)
        match message:
            case p.ServerPingMessage():
                link.send(wire.encode(p.Pong()))
            case p.ServerPongMessage() | p.RateLimitMessage():
                pass  # a sign of life; and each refusal comes as an ERROR, too
            case p.AuthSuccessMessage():
                self._signed_in(link, message)
            case p.AuthFailedMessage(payload=failed):
                self._not_signed_in(link, failed)
            case p.TokenExpiredNoticeMessage():
                self._stale = True
                self._requests.pause()
                link.start(self._authenticate(link, fresh=True))
            case p.SubscribedMessage(payload=subscribed):
                self._rounds.subscribed(request_id, subscribed.channels)
            case p.UnsubscribedMessage(payload=ended):
                self._rounds.unsubscribed(request_id, ended.channels, ended.reason or "")
            case p.SyncStartMessage():
                self._rounds.started(request_id)
            case p.SyncCompleteMessage(payload=complete):
                self._rounds.synced(request_id, complete)
            case p.SyncErrorMessage(payload=sync_error):
                self._rounds.refused(request_id, sync_error)
            case p.ErrorMessage(payload=error):
                if not self._rounds.refused(request_id, error) and not answered:
                    self._messages.tell(message)
            case p.CursorMovedMessage(payload=moved):
                if session := self._sessions.get(moved.session_id):
                    session.cursors.take(moved)
                self._messages.tell(message)
            case _:
                sequence = getattr(message.payload, "sequence", None)  # of an answer alone: none
                if isinstance(sequence, int):
                    self._rounds.event(message, sequence)
                elif not answered:
                    self._messages.tell(message)

    def _hand(self, message: p.ServerMessage) -> None:
        match message:
            case p.SessionLeftMessage(payload=left) if left.session_id in self._sessions:
                self._sessions[left.session_id].cursors.gone(left.user_id)
            case p.SessionEndedMessage(payload=ended) if ended.session_id in self._sessions:
                self._sessions.pop(ended.session_id).stop()
        self._messages.tell(message)

    # ------------------------------------------------------------------ states

    def _become_live(self) -> None:
        self._attempt = 0
        if self.state.state is not State.LIVE:
            self._tell(State.LIVE)

    def _become_unsure(self) -> None:
        if self.state.state is State.LIVE:
            self._tell(State.UNSURE, error=ConnectionLost("The server does not answer."))

    def _tell(
        self, state: State, *, error: BosError | None = None, retry_in: float | None = None
    ) -> None:
        self.state = StateChange(state, error, self._attempt, retry_in)
        self._states.tell(self.state)


def _seconds_between(earlier: str, later: str) -> float | None:
    try:
        return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
    except (TypeError, ValueError):
        return None


def _reason(error: OSError) -> str:
    """Return it in words: asyncio's own name the call that has failed."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or "nothing answers"
