"""Web push: browsers that take a person's messages, and what is sent to them.

pywebpush encrypts and py_vapid signs; what they make is sent by `bos.outbound.http`, because the
address of a browser's push service comes from the browser.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from email.utils import parseaddr
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bos.models import Delivery, PushSubscription, User
from bos.outbound.http import AddressRefused, OutboundError, request, require_outside
from bos.outside.outcomes import Later, Refused
from bos.outside.sources import Withheld
from bos.outside.writing import Words
from bos.sealed import CannotOpen, seal, unseal
from bos.texts import cut, one_form
from bos.web.turns import turns

MOST_BROWSERS = 10
"""Of a person; one more takes the place of the oldest."""
SECONDS, ROUND_SECONDS = 5.0, 20.0
"""Patience with one push service, and with all of a person's."""
LIFE_SECONDS = 86_400
"""How long a push service keeps a message for a browser that is off."""
TITLE_LENGTH, BODY_LENGTH = 120, 300
"""4 kB are what every push service takes, encrypted."""
GONE = (404, 410)
PUBLIC_KEY_BYTES, AUTH_BYTES = 65, 16


class SubscriptionRefused(ValueError):
    """The subscription cannot be sent to; `field` names what is wrong, its text says why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class Endpoint(msgspec.Struct):
    """Where and with which keys a browser is sent to: what is sealed of a subscription."""

    endpoint: str
    p256dh: str
    auth: str


# ------------------------------------------------------------------ our own key


def is_on() -> bool:
    return bool(settings.VAPID_PRIVATE_KEY)


@lru_cache(maxsize=2)
def public_key_of(private_key: str) -> str:
    """Return the key that a page hands to the browser. private_key: as the setting has it."""
    number = int.from_bytes(_bytes(private_key))
    public = ec.derive_private_key(number, ec.SECP256R1()).public_key()
    return _text(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def new_private_key() -> str:
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _text(number.to_bytes(32))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises ValueError."""
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


# ------------------------------------------------------------------ browsers


def subscribe(user: User, endpoint: Endpoint, label: str) -> PushSubscription:
    """Let this browser take the user's messages. Raises SubscriptionRefused.

    A browser takes one person's: who else has used it gets no more there.
    """
    with turns.given_back():  # a name server may take its time
        _require_valid(endpoint)
    hash_ = _hash(endpoint.endpoint)
    with transaction.atomic():
        row, _ = PushSubscription.objects.update_or_create(
            endpoint_hash=hash_,
            defaults={
                "user": user,
                "sealed": seal(msgspec.json.encode(endpoint).decode()),
                "label": cut(one_form(label), 100) or "A browser",
            },
        )
        own = PushSubscription.objects.filter(user=user).order_by("-created_at", "pk")
        beyond = list(own.exclude(pk=row.pk).values_list("pk", flat=True)[MOST_BROWSERS - 1 :])
        PushSubscription.objects.filter(pk__in=beyond).delete()
    return row


def unsubscribe(user: User, endpoint: str) -> None:
    PushSubscription.objects.filter(user=user, endpoint_hash=_hash(endpoint)).delete()


def _hash(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()


def _require_valid(subscription: Endpoint) -> None:
    scheme = _scheme_of(subscription.endpoint)
    if scheme != "https" and not (settings.OUTBOUND_INSIDE and scheme == "http"):
        raise SubscriptionRefused("endpoint", "An address begins with https:// and names a host.")
    try:
        require_outside(subscription.endpoint)
    except AddressRefused as error:
        raise SubscriptionRefused("endpoint", str(error)) from error
    try:
        raw = _bytes(subscription.p256dh)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        raw = b""
    if len(raw) != PUBLIC_KEY_BYTES:  # a compressed point is one, too, but not for pywebpush
        raise SubscriptionRefused("keys.p256dh", "This is no public key of P-256.")
    try:
        secret = _bytes(subscription.auth)
    except ValueError:
        secret = b""
    if len(secret) != AUTH_BYTES:
        raise SubscriptionRefused("keys.auth", f"{AUTH_BYTES} bytes in base64url are needed.")


def _scheme_of(address: str) -> str:
    """Return how the address begins; nothing where it is none."""
    try:
        return urlsplit(address).scheme if address.isascii() and address.isprintable() else ""
    except ValueError:
        return ""


# ------------------------------------------------------------------ sending


def send(delivery: Delivery, user: User, words: Words) -> None:
    """Send to all browsers of the person; one that takes it is enough. Raises Later, Refused, and
    Withheld where there is no browser."""
    if not is_on():
        raise Refused("Push is off: BOS_VAPID_PRIVATE_KEY is not set.")
    ends_at = time.monotonic() + ROUND_SECONDS
    payload = _payload(delivery, words)
    taken, problems = 0, list[Later | Refused]()
    for subscription in PushSubscription.objects.filter(user=user).order_by("-created_at"):
        if time.monotonic() > ends_at:
            problems.append(Later("The push services take too long."))
            break
        try:
            taken += _send_one(delivery, subscription, payload, words.severity)
        except (Later, Refused) as problem:
            problems.append(problem)
    if taken:
        return
    if not problems:
        raise Withheld("No browser of this person takes messages any more.")
    raise next((each for each in problems if isinstance(each, Later)), problems[0])


def _payload(delivery: Delivery, words: Words) -> bytes:
    """Return what `bos/static/bos/push_worker.js` reads."""
    [first, *others] = words.letters
    text = first.text if not others else "; ".join(letter.title for letter in words.letters)
    told = {
        "title": cut(words.subject, TITLE_LENGTH),
        "body": cut(text, BODY_LENGTH),
        "url": "/" if others else first.path,
        "tag": str(delivery.pk),
    }
    return json.dumps(told).encode()


def _send_one(
    delivery: Delivery, subscription: PushSubscription, payload: bytes, severity: str
) -> bool:
    """Whether the browser's push service has taken it; one that knows the browser no more has it
    forgotten. Raises Later, Refused."""
    try:
        opened = unseal(subscription.sealed)
        endpoint = msgspec.json.decode(opened, type=Endpoint)
    except CannotOpen as error:
        problem = "The browser's address was sealed with another SECRET_KEY: subscribe again."
        raise Refused(problem) from error
    headers = {
        **_signed(endpoint.endpoint),
        "TTL": str(LIFE_SECONDS),
        "Urgency": "high" if severity == "critical" else "normal",
        # The same message once more takes the place of the first, if that still waits.
        "Topic": delivery.pk.hex,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
    }
    body = _encrypted(endpoint, payload)
    try:
        answer = request("POST", endpoint.endpoint, headers=headers, body=body, seconds=SECONDS)
    except AddressRefused as error:
        raise Refused(str(error)) from error
    except OutboundError as error:
        raise Later(f"The push service: {error}") from error
    return _took(subscription, answer.status)


def _took(subscription: PushSubscription, status: int) -> bool:
    if status in GONE:
        PushSubscription.objects.filter(pk=subscription.pk).delete()
        return False
    if 200 <= status < 300:
        rows = PushSubscription.objects.filter(pk=subscription.pk)
        rows.update(used_at=timezone.now())
        return True
    words = f"The push service answers with the status {status}."
    if status == 429 or status >= 500:
        raise Later(words)
    if status in (401, 403):
        words += " Was BOS_VAPID_PRIVATE_KEY changed? Browsers subscribe anew then."
    raise Refused(words)


def _signed(endpoint: str) -> Mapping[str, str]:
    from py_vapid import Vapid02

    parts = urlsplit(endpoint)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "sub": _contact()}
    signer: Any = Vapid02.from_raw(settings.VAPID_PRIVATE_KEY.encode())
    headers: Mapping[str, str] = signer.sign(claims)
    return headers


def _contact() -> str:
    """Return how a push service reaches those who run this server."""
    if settings.PUBLIC_URL.startswith("https://"):
        return str(settings.PUBLIC_URL)
    address = parseaddr(settings.MAIL_FROM)[1]
    return f"mailto:{address or 'bos@localhost'}"


def _encrypted(endpoint: Endpoint, payload: bytes) -> bytes:
    from pywebpush import WebPusher

    keys = {"p256dh": endpoint.p256dh, "auth": endpoint.auth}
    pusher = WebPusher({"endpoint": endpoint.endpoint, "keys": keys})
    encrypted: bytes = pusher.encode(payload)["body"]
    return encrypted
