"""Plug in the kernel's own messages, and topics of the two things that it knows."""

from __future__ import annotations

from collections.abc import Collection

from sync.eventlog import commits, idempotency, retention
from sync.feature import Feature
from sync.gateway import handlers, roster
from sync.protocol import messages
from sync.protocol.identity import Principal
from sync.protocol.topics import TopicKind


def _own_organization(principal: Principal, ids: Collection[str]) -> set[str]:
    return {principal.organization_id} & set(ids)


def _oneself(principal: Principal, ids: Collection[str]) -> set[str]:
    return {principal.user_id} & set(ids)


feature = Feature(
    messages=[
        messages.Auth,
        messages.Ping,
        messages.Pong,
        messages.Subscribe,
        messages.Unsubscribe,
        messages.SyncRequest,
        messages.AuthSuccess,
        messages.AuthFailed,
        messages.TokenExpiredNotice,
        messages.ServerPing,
        messages.ServerPong,
        messages.Subscribed,
        messages.Unsubscribed,
        messages.SyncStart,
        messages.SyncUpdate,
        messages.SyncDelete,
        messages.SyncComplete,
        messages.SyncError,
        messages.Error,
        messages.RateLimit,
    ],
    handlers=[
        handlers.auth,
        handlers.ping,
        handlers.pong,
        handlers.subscribe,
        handlers.unsubscribe,
        handlers.sync_request,
    ],
    topics=[
        TopicKind("organization", column=1, authorize=_own_organization),
        TopicKind("user", column=2, authorize=_oneself),
    ],
    on_disconnect=[roster.take_off],
    on_renewal=[roster.renew],
    companions=[roster.tell_newcomers],
    retention={
        "events": retention.prune_history,
        "requests": idempotency.prune,
        "marks": commits.prune,
    },
)
