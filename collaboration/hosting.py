"""Requests of a session's host: to invite, to hand over, to end it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from collaboration.errors import SessionNotFound
from collaboration.messages import (
    SessionEnd,
    SessionEnded,
    SessionHandedOver,
    SessionHandOver,
    SessionInvite,
    SessionInvited,
)
from collaboration.services import hosting, sessions
from sync.gateway.dispatcher import Context, Reply
from sync.protocol.answers import Answer
from sync.protocol.errors import NotFound, Unauthorized
from sync.protocol.identity import Principal, acting
from sync.protocol.registry import Message, handles

M = TypeVar("M", bound=Message)


async def _replied(
    context: Context, session_id: str, effect: Callable[[Principal], M]
) -> Reply | None:
    """Have a change made in the session, and reply with what it returns.

    Its events are for everybody: none of them answers the request.
    """

    def change(principal: Principal) -> M:
        with acting(context.actor.besides()):
            return effect(principal)

    message = await context.change(
        change, rows=sessions.rows_of_session(session_id), reply=lambda message: message
    )
    return None if message is None else Reply(message)


def _of_invitations(request: SessionInvite) -> int:
    """1, and 4 for each user."""
    return 1 + 4 * len(request.user_ids)


@handles(
    SessionInvite,
    answers=[Answer.reply(SessionInvited)],
    errors=[SessionNotFound, Unauthorized],
    cost=_of_invitations,
)
async def session_invite(context: Context, request: SessionInvite) -> Reply | None:
    def invite(principal: Principal) -> SessionInvited:
        new = hosting.session_invite(principal, request.session_id, request.user_ids)
        return SessionInvited(request.session_id, new)

    return await _replied(context, request.session_id, invite)


@handles(
    SessionHandOver,
    answers=[Answer.reply(SessionHandedOver)],
    errors=[NotFound, SessionNotFound, Unauthorized],
)
async def session_hand_over(context: Context, request: SessionHandOver) -> Reply | None:
    def hand_over(principal: Principal) -> SessionHandedOver:
        hosting.session_hand_over(principal, request.session_id, request.new_host_id)
        return SessionHandedOver(request.session_id, request.new_host_id)

    return await _replied(context, request.session_id, hand_over)


@handles(
    SessionEnd,
    answers=[Answer.copy(SessionEnded)],
    errors=[NotFound, SessionNotFound, Unauthorized],
)
async def session_end(context: Context, request: SessionEnd) -> None:
    """The answer is the event, SESSION_ENDED, in its order."""
    await context.change(
        lambda principal: hosting.session_end_for_all(principal, request.session_id),
        rows=sessions.rows_of_session(request.session_id),
    )
