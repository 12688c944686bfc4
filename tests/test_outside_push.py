"""Browsers take a person's pushes: over REST, encrypted, signed, forgotten when gone (B7)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command
from django.test import Client as Browser
from py_vapid import Vapid02

from bos.models import DeliveryState, Medium, PushSubscription
from bos.outside.api import PER_MINUTE
from bos.outside.browsers import browser_of
from bos.outside.push import MOST_BROWSERS, new_private_key, public_key_of
from bos.outside.sending import send_due
from bos.service.keys import Scope
from tests.support import doors
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast, Person
from tests.support.listener import Heard, Listener, listening
from tests.support.machines import make_machine
from tests.support.outside import at_once, delivery, make_due, tell, work

KEY, SUBSCRIPTIONS = "/api/v1/push-key", "/api/v1/push-subscriptions"
OUR_KEY = new_private_key()


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


@pytest.fixture(autouse=True)
def push_is_on(settings: Any) -> None:
    settings.VAPID_PRIVATE_KEY = OUR_KEY
    settings.OUTBOUND_INSIDE = True
    settings.PUBLIC_URL = "https://board.example"


@pytest.fixture
def service() -> Iterator[Listener]:
    """A push service."""
    with listening() as listener:
        yield listener


def text_of(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(slots=True)
class Device:
    """A browser, as far as a push service and a server know it."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    secret: bytes = b"0123456789abcdef"

    def subscription(self, **other: str) -> dict[str, Any]:
        public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": text_of(public), "auth": text_of(self.secret)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys | other}

    def read(self, heard: Heard) -> dict[str, str]:
        text = http_ece.decrypt(
            heard.body, private_key=self.key, auth_secret=self.secret, version="aes128gcm"
        )
        told: dict[str, str] = json.loads(text)
        return told


def ask(method: str, body: Any, token: str, agent: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}", "User-Agent": agent}
    answer = getattr(Browser(), method)(
        SUBSCRIPTIONS, json.dumps(body), content_type="application/json", headers=headers
    )
    return answer.status_code, answer.json() if answer.content else None


def subscribed(person: Person, service: Listener, path: str = "/one") -> Device:
    device = Device(service.url + path)
    assert ask("post", device.subscription(), person.token)[0] == 201
    return device


# ------------------------------------------------------------------ REST


def test_b7_a_browser_is_given_the_servers_key(cast: Cast, settings: Any) -> None:
    headers = {"Authorization": f"Bearer {cast.vera.token}"}
    told = Browser().get(KEY, headers=headers).json()
    assert told == {"key": public_key_of(OUR_KEY)}
    assert len(told["key"]) == 87
    settings.VAPID_PRIVATE_KEY = ""
    for answer in (
        Browser().get(KEY, headers=headers),
        Browser().post(SUBSCRIPTIONS, "{}", content_type="application/json", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "PUSH_IS_OFF")
    assert Browser().get(KEY).status_code == 401


def test_b7_no_key_of_a_machine_subscribes(cast: Cast) -> None:
    machine = make_machine(cast.home.organization, scopes=list(Scope))
    for method in ("post", "delete"):
        status, told = ask(method, Device("http://127.0.0.1/x").subscription(), machine.token)
        assert (status, told["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"endpoint": "http://push.example/x"}, "endpoint", "begins with https://"),
        ({"endpoint": "https://127.0.0.1/x"}, "endpoint", "inside the server's own network"),
        ({"endpoint": "https://[::1/x"}, "endpoint", "begins with https://"),
        ({"endpoint": "x" * 2_001}, "endpoint", "no more than 2000"),
        ({"p256dh": "AAAA"}, "keys", "no public key"),
        ({"p256dh": "é"}, "keys", "no public key"),
        ({"auth": text_of(b"x" * 15)}, "keys", "16 bytes"),
        ({"auth": "a" * 101}, "keys", "no more than 100"),
    ],
)
def test_b7_a_subscription_that_cannot_be_sent_to_is_refused_by_its_field(
    cast: Cast, settings: Any, wrong: dict[str, str], field: str, words: str
) -> None:
    settings.OUTBOUND_INSIDE = False
    device = Device(wrong.pop("endpoint", "https://1.1.1.1/x"))
    status, told = ask("post", device.subscription(**wrong), cast.bob.token)
    assert (status, told["code"]) == (400, "INVALID_REQUEST")
    assert words in json.dumps(told["details"][field])
    assert not PushSubscription.objects.filter(user=cast.bob.user).exists()


def test_b7_the_eleventh_browser_takes_the_place_of_the_first(
    cast: Cast, service: Listener
) -> None:
    for n in range(MOST_BROWSERS):
        subscribed(cast.bob, service, f"/{n}")
    first = PushSubscription.objects.filter(user=cast.bob.user).earliest("created_at")
    subscribed(cast.bob, service, "/0")
    rows = PushSubscription.objects.filter(user=cast.bob.user)
    assert rows.count() == MOST_BROWSERS
    subscribed(cast.bob, service, "/one more")
    assert rows.count() == MOST_BROWSERS
    assert not rows.filter(pk=first.pk).exists()


def test_b7_a_browser_takes_the_messages_of_one_person(cast: Cast, service: Listener) -> None:
    device = subscribed(cast.bob, service)
    assert ask("post", device.subscription(), cast.charlie.token)[0] == 201
    assert not PushSubscription.objects.filter(user=cast.bob.user).exists()
    assert ask("delete", {"endpoint": device.endpoint}, cast.bob.token) == (204, None)
    assert PushSubscription.objects.filter(user=cast.charlie.user).exists()
    assert ask("delete", {"endpoint": device.endpoint}, cast.charlie.token) == (204, None)
    assert not PushSubscription.objects.filter(user=cast.charlie.user).exists()
    assert ask("delete", {}, cast.bob.token)[0] == 400


def test_b7_a_page_of_a_session_subscribes_with_its_csrf_token_and_removes(
    cast: Cast, service: Listener
) -> None:
    session = doors.browser(cast.bob)
    browser = Browser(enforce_csrf_checks=True)
    browser.cookies = session.cookies
    browser.get("/account/messages/")
    told = json.dumps(Device(service.url + "/x").subscription())
    refused = browser.post(SUBSCRIPTIONS, told, content_type="application/json")
    assert refused.status_code == 403
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    taken = browser.post(
        SUBSCRIPTIONS, told, content_type="application/json", headers=token | agent
    )
    assert (taken.status_code, taken.json()["label"]) == (201, "Firefox on Linux")
    row = PushSubscription.objects.get(user=cast.bob.user)
    assert service.url not in str(PushSubscription.objects.filter(pk=row.pk).values().get())
    remove = f"/account/messages/browsers/{row.pk}/remove/"
    assert doors.browser(cast.vera).post(remove).status_code == 302
    assert PushSubscription.objects.filter(pk=row.pk).exists()
    assert session.post(remove).status_code == 302
    assert not PushSubscription.objects.filter(pk=row.pk).exists()


@pytest.mark.once("sqlite")
@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537.36 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8", "A browser"),
        ("", "A browser"),
    ],
)
def test_b7_a_browser_is_called_by_its_kind(agent: str, name: str) -> None:
    assert browser_of(agent) == name


# ------------------------------------------------------------------ sending


def test_b7_a_push_is_encrypted_for_its_browser_and_signed_by_this_server(
    cast: Cast, service: Listener
) -> None:
    device = subscribed(cast.bob, service)
    tell(cast.bob, "Your import failed", "Row 3 has no value.")
    work(cast)
    [heard] = service.heard
    sent = delivery(cast, state="sent")
    assert device.read(heard) == {
        "title": "Your import failed",
        "body": "Row 3 has no value.",
        "url": "/admin/bos/import/6f0c1a52-8a53-4d0b-9f5d-3f1f4f7c2b6e/change/",
        "tag": str(sent.pk),
    }
    assert b"import" not in heard.body
    assert Vapid02.verify(heard.headers["authorization"])
    assert heard.headers["content-encoding"] == "aes128gcm"
    assert (heard.headers["ttl"], heard.headers["urgency"]) == ("86400", "normal")
    assert heard.headers["topic"] == sent.pk.hex
    row = PushSubscription.objects.get(user=cast.bob.user)
    assert row.used_at is not None


@pytest.mark.parametrize("gone", [404, 410])
def test_b7_a_browser_that_is_gone_is_forgotten(cast: Cast, service: Listener, gone: int) -> None:
    subscribed(cast.bob, service, "/gone")
    device = subscribed(cast.bob, service, "/here")
    service.by_path["/gone"] = gone
    tell(cast.bob)
    work(cast)
    assert delivery(cast).state == DeliveryState.SENT
    assert len(service.heard) == 2
    [left] = PushSubscription.objects.filter(user=cast.bob.user)
    assert ask("delete", {"endpoint": device.endpoint}, cast.bob.token)[0] == 204
    assert not PushSubscription.objects.filter(pk=left.pk).exists()
    service.by_path["/"] = gone
    subscribed(cast.bob, service, "/gone")
    tell(cast.bob)
    work(cast)
    assert not PushSubscription.objects.filter(user=cast.bob.user).exists()
    assert delivery(cast, state="dropped").error.startswith("No browser of this person")


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (429, DeliveryState.WAITING, "status 429"),
        (503, DeliveryState.WAITING, "status 503"),
        (302, DeliveryState.FAILED, "status 302"),
        (403, DeliveryState.FAILED, "BOS_VAPID_PRIVATE_KEY changed"),
    ],
)
def test_b7_a_push_service_that_does_not_take_it_is_asked_again_or_has_refused(
    cast: Cast, service: Listener, status: int, state: str, words: str
) -> None:
    subscribed(cast.bob, service)
    service.status = status
    tell(cast.bob)
    work(cast)
    row = delivery(cast, user=cast.bob.user)
    assert row.state == state
    assert words in row.error
    service.status = 201
    make_due(cast)
    send_due(cast.home.id)
    assert len(service.heard) == (2 if state == DeliveryState.WAITING else 1)


def test_b7_an_address_that_leads_inside_is_not_sent_to_whatever_was_saved(
    cast: Cast, service: Listener, settings: Any
) -> None:
    subscribed(cast.bob, service)
    settings.OUTBOUND_INSIDE = False
    tell(cast.bob)
    work(cast)
    assert service.heard == []
    row = delivery(cast, user=cast.bob.user)
    assert (row.state, row.error) == (
        DeliveryState.FAILED,
        "This address is inside the server's own network.",
    )


def test_b7_a_person_who_wants_no_pushes_gets_none(cast: Cast, service: Listener) -> None:
    subscribed(cast.bob, service)
    browser = doors.browser(cast.bob)
    form = browser.get("/account/messages/").context["form"]
    chosen = {name: form[name].initial for name in form.fields}
    browser.post("/account/messages/", chosen | {"failure-push": "never"})
    tell(cast.bob)
    work(cast)
    assert service.heard == []
    at_once(cast.bob, medium=Medium.PUSH)
    tell(cast.bob)
    work(cast)
    assert len(service.heard) == 1


def test_b7_a_test_push_shows_whether_pushes_arrive(cast: Cast, service: Listener) -> None:
    browser = doors.browser(cast.bob)
    test = "/account/messages/test/push/"
    browser.post(test)
    assert "None of your browsers" in browser.get("/account/messages/").content.decode()
    device = subscribed(cast.bob, service)
    browser.post(test)
    send_due(cast.home.id)
    assert device.read(service.heard[0])["title"] == "A test from BOS"


@pytest.mark.once("sqlite")
def test_b7_the_command_makes_a_key_that_the_setting_takes(capsys: Any) -> None:
    call_command("vapid_keys")
    name, _, key = capsys.readouterr().out.strip().partition("=")
    assert name == "BOS_VAPID_PRIVATE_KEY"
    assert len(key) == 43
    assert len(public_key_of(key)) == 87


def test_b7_a_person_subscribes_so_often_a_minute(cast: Cast, service: Listener) -> None:
    """Each time a name is looked up."""
    device = Device(service.url + "/x")
    answers = [ask("post", device.subscription(), cast.bob.token) for _ in range(PER_MINUTE + 1)]
    assert [status for status, _ in answers] == [201] * PER_MINUTE + [429]
    assert answers[-1][1]["code"] == "THROTTLED"
    assert ask("post", device.subscription(), cast.vera.token)[0] == 201
