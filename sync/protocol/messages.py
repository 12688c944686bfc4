"""The kernel's own messages: connection, subscription, sync, errors."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.protocol.errors import ErrorCode, ErrorDetails, SyncErrorCode
from sync.protocol.registry import Message, Request, message

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
# A string, of which the codes of all features are: they are known when the process has started.
Code = Annotated[str, Meta(extra_json_schema={"$ref": "#/components/schemas/ErrorCode"})]
NotYet = Annotated[Time | None, Meta(examples=[None])]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
UserName = Annotated[str, Meta(examples=["Mia Park"])]
Email = Annotated[str, Meta(examples=["mia.park@harbor.example"])]
LimitScope = Literal["connection", "bytes", "user", "organization"]
Cursor = Annotated[
    str,
    Meta(description="Hand it back as it is.", examples=["2026-01-20T10:30:00.123456Z"]),
]
Role = Annotated[str, Meta(examples=["manager"])]
Channels = Annotated[list[str], Meta(min_length=1, description="The first 100 of them are served.")]
AUTH_ERRORS = (ErrorCode.INVALID_TOKEN, ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.TOKEN_EXPIRED)
"""The codes of an AUTH_FAILED."""


# ------------------------------------------------------------------ from a client


@message("AUTH")
class Auth(Request):
    """Sign in on this connection, or renew the token that is about to expire."""

    token: Annotated[str, Meta(examples=["eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl"])]


@message("PING")
class Ping(Request):
    """Ask for a PONG with the same requestId and timestamp."""


@message("PONG")
class Pong(Request):
    """Answer to the server's PING."""


@message("SUBSCRIBE")
class Subscribe(Request):
    """Follow these channels from now on."""

    channels: Channels


@message("UNSUBSCRIBE")
class Unsubscribe(Request):
    """Follow these channels no longer."""

    channels: Channels


@message("SYNC_REQUEST")
class SyncRequest(Request):
    """Send what changed in these channels after a cursor; without one, all that they show."""

    channels: Annotated[list[str], Meta(min_length=1, max_length=500)]
    last_sync_timestamp: str | None = None
    last_sequence: Annotated[int, Meta(ge=0)] | None = None


# ------------------------------------------------------------------ from the server


@message("AUTH_SUCCESS")
class AuthSuccess(Message):
    """Signed in. `sessionId` names this connection, not a collaboration session.

    role: what the user may do in the organization; when it changes, the connection is closed.
    """

    user_id: str
    organization_id: str
    session_id: str
    expires_at: Time
    role: Role
    user_name: UserName


@message("AUTH_FAILED")
class AuthFailed(Message):
    """Not signed in; the third failure closes the connection with 4401."""

    error: Annotated[ErrorCode, Meta(extra_json_schema={"enum": list(AUTH_ERRORS)})]
    message: Annotated[str, Meta(examples=["Authentication token is invalid or expired"])]
    details: ErrorDetails | UnsetType = UNSET


@message("TOKEN_EXPIRED")
class TokenExpiredNotice(Message):
    """The token has expired: events wait until a new AUTH, for a while."""

    message: Annotated[
        str, Meta(examples=["Authentication token has expired. Please reauthenticate."])
    ]


@message("PING")
class ServerPing(Message):
    """Send any frame within ten seconds, at best a PONG."""


@message("PONG")
class ServerPong(Message):
    """Answer to a client's PING."""


@message("SUBSCRIBED")
class Subscribed(Message):
    """These channels are followed: events after `sequence` come live."""

    channels: list[str]
    sequence: int


@message("UNSUBSCRIBED")
class Unsubscribed(Message):
    """These channels are followed no longer; `reason` where the server ended it."""

    channels: list[str]
    reason: Literal["access_revoked"] | UnsetType = UNSET


@message("SYNC_START")
class SyncStart(Message):
    """`updateCount` messages follow, then SYNC_COMPLETE; live events wait until then."""

    update_count: Annotated[int, Meta(examples=[3])]
    from_timestamp: Time


@message("SYNC_UPDATE")
class SyncUpdate(Message):
    """An entity was created or updated, or is shown by a snapshot."""

    entity_type: str
    entity_id: str
    change_type: Literal["created", "updated", "snapshot"]
    data: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
    updated_by: str
    sequence: int


@message("SYNC_DELETE")
class SyncDelete(Message):
    """An entity is gone, or no longer concerns the channels that are followed."""

    entity_type: str
    entity_id: str
    deleted_by: str
    deleted_at: Time
    sequence: int


class Deletion(Message):
    """The part of a SYNC_DELETE that the log keeps of an entity that is gone."""

    deleted_by: str
    deleted_at: Time


@message("SYNC_COMPLETE")
class SyncComplete(Message):
    """The sync is complete; either cursor resumes exactly after it."""

    updates_sent: Annotated[int, Meta(examples=[3])]
    last_sync_timestamp: Cursor
    last_sequence: Annotated[int, Meta(examples=[45])]


@message("SYNC_ERROR")
class SyncError(Message):
    """The sync cannot be served, not even in part."""

    code: SyncErrorCode
    message: Annotated[str, Meta(examples=["The channel name is not of the form kind:id."])]
    details: ErrorDetails | UnsetType = UNSET


@message("ERROR")
class Error(Message):
    """A request was refused; nothing was changed."""

    code: Code
    message: Annotated[str, Meta(examples=["Send AUTH first."])]
    details: ErrorDetails | UnsetType = UNSET


@message("RATE_LIMIT")
class RateLimit(Message):
    """The first refusal by a limit in this window; each refusal also gets an ERROR.

    scope: whose limit it is; `bytes` of the connection's messages of 1 kB and more.
    """

    limit: Annotated[int, Meta(examples=[100])]
    window: Annotated[str, Meta(examples=["60s"])]
    retry_after: Annotated[int, Meta(examples=[12])]
    message: Annotated[
        str, Meta(examples=["You are sending messages too quickly. Please slow down."])
    ]
    scope: LimitScope | UnsetType = UNSET
