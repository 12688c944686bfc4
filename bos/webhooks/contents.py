"""The requests that endpoints are sent, signed as Standard Webhooks say."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
from django.utils import timezone
from standardwebhooks import Webhook as Signer

from bos.models import Webhook
from bos.sealed import unseal
from sync.delivery import encodings
from sync.eventlog import capture
from sync.eventlog.log import LoggedEvent
from sync.protocol import registry
from sync.protocol.times import wire_now, wire_time_us

SECRET_BYTES = 32
"""Standard Webhooks allow 24 to 64."""
TEST = "webhook.test"


class Body(msgspec.Struct):
    """The body of a request. data: the payload of the message that a socket is sent."""

    type: str
    timestamp: str
    data: msgspec.Raw


class Trial(msgspec.Struct, rename="camel"):
    """`data` of a test."""

    webhook_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Content:
    """A request without its signature. id: the same each time that it is tried."""

    id: str
    body: bytes


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


# ------------------------------------------------------------------ types


def entity_types() -> list[str]:
    """Return the types of entities that endpoints may be sent."""
    return sorted(
        synced.entity_type for synced in capture.registered().values() if synced.shape is not None
    )


def live_types() -> list[str]:
    """Return the types of messages that tell of a change to an entity."""
    return sorted(registry.subjects)


def type_of(event: LoggedEvent, chosen: Collection[str]) -> str | None:
    """Return the type of the message that an endpoint is sent for the event; None: no message.

    chosen: types of entities and of live messages; none: all. An event is sent once: under its own
    type where that was chosen, else as a sync would send it.
    """
    if event.live_type and (not chosen or event.live_type in chosen):
        return event.live_type
    if not chosen or event.entity_type in chosen:
        return encodings.sync_type(event)
    return None


# ------------------------------------------------------------------ contents


def of_event(event: LoggedEvent, type_: str) -> Content:
    """type_: what `type_of` has returned."""
    is_live = type_ == event.live_type
    payload = encodings.live_payload(event) if is_live else encodings.sync_payload(event)
    body = Body(type_, wire_time_us(event.at_us), msgspec.Raw(payload))
    return Content(f"{event.organization_id}:{event.sequence}", msgspec.json.encode(body))


def of_test(webhook: Webhook) -> Content:
    data = Trial(str(webhook.pk), "A test. It is no event, and has no sequence.")
    body = Body(TEST, wire_now(), msgspec.Raw(msgspec.json.encode(data)))
    return Content(f"{webhook.log_id}:test-{uuid4().hex}", msgspec.json.encode(body))


def headers_of(webhook: Webhook, content: Content) -> Mapping[str, str]:
    """Return the headers of a request that is sent now. Raises CannotOpen."""
    now, text = datetime.now(UTC), content.body.decode()
    signatures = (Signer(secret).sign(content.id, now, text) for secret in _secrets_of(webhook))
    return {
        "content-type": "application/json",
        "webhook-id": content.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _secrets_of(webhook: Webhook) -> list[str]:
    """Return the secret and, for a day after a rotation, the one before."""
    sealed = [webhook.secret]
    if webhook.former_until is not None and webhook.former_until > timezone.now():
        sealed.append(webhook.former_secret)
    return [unseal(each) for each in sealed]
