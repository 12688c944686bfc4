"""Webhooks in the admin: set up, tried, resumed, replayed (decision D5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser
from django.urls import reverse
from standardwebhooks import WebhookVerificationError

from bos.models import ServiceAccount, Webhook, WebhookState
from bos.webhooks import endpoints
from bos.webhooks.endpoints import MOST_ENDPOINTS
from sync.eventlog import log
from tests.support import doors
from tests.support.cast import Cast
from tests.support.machines import make_machine
from tests.support.receiver import Endpoint, Receiver, answers, make_endpoint

ADD = "admin:bos_webhook_add"
SECRET = re.compile(r"whsec_[0-9A-Za-z+/=]+")


@pytest.fixture
def receiver(database: None, settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_INSIDE = True
    with Receiver() as made:
        yield made
    Webhook.objects.all().delete()


@pytest.fixture
def endpoint(cast: Cast, receiver: Receiver) -> Endpoint:
    return make_endpoint(cast.home, receiver)


def page(endpoint: Endpoint, name: str = "change") -> str:
    return reverse(f"admin:bos_webhook_{name}", args=[endpoint.webhook.pk])


def errors(answer: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


def test_d5_an_admin_adds_a_webhook_and_its_secret_is_shown_once(
    cast: Cast, admin: Browser, receiver: Receiver
) -> None:
    machine = make_machine(cast.home.organization)
    shown = admin.get(reverse(ADD)).content.decode()
    for choice in ("kpi", "KPI_UPDATED", str(machine.user.pk)):
        assert f'value="{choice}"' in shown
    fields = {
        "name": " Till  1 ",
        "address": receiver.address,
        "account": str(machine.user.pk),
        "entity_types": ["alert", "kpi"],
        "live_types": ["ALERT"],
    }
    added = admin.post(reverse(ADD), fields)
    assert added.status_code == 200
    assert "no-store" in added["Cache-Control"]
    [secret] = SECRET.findall(added.content.decode())
    webhook = Webhook.objects.get(organization=cast.home.organization)
    assert (webhook.name, webhook.created_by) == ("Till 1", cast.alice.user)
    assert webhook.event_types == ["ALERT", "alert", "kpi"]
    assert webhook.position == log.head(cast.home.id).sequence
    for address in (
        reverse("admin:bos_webhook_changelist"),
        reverse("admin:bos_webhook_change", args=[webhook.pk]),
    ):
        text = admin.get(address).content.decode()
        assert "Till 1" in text
        assert not SECRET.search(text)
    again = admin.post(reverse(ADD), fields)
    assert errors(again) == {"name": ["Another webhook has this name."]}
    assert admin.post(reverse("admin:bos_webhook_test", args=[webhook.pk])).status_code == 302
    receiver.received[0].verified(secret)


def test_d5_an_address_inside_the_network_is_refused_and_nothing_is_saved(
    cast: Cast, admin: Browser, endpoint: Endpoint, settings: Any
) -> None:
    settings.OUTBOUND_INSIDE = False
    machine = make_machine(cast.home.organization)
    for address, words in {
        "http://127.0.0.1/x": "inside the server&#x27;s own network",
        "http://10.0.0.1/": "inside the server&#x27;s own network",
        "ftp://example.com/": "begins with https://",
        "": "required",
    }.items():
        fields = {"name": "inside", "address": address, "account": str(machine.user.pk)}
        answer = admin.post(reverse(ADD), fields)
        assert answer.status_code == 200
        assert list(errors(answer)) == ["address"]
        assert words in answer.content.decode()
    assert not Webhook.objects.of(cast.home.id).filter(name="inside").exists()
    before = endpoint.now().address
    fields = {"name": "Till", "address": "http://[::1]/", "account": str(machine.user.pk)}
    assert list(errors(admin.post(page(endpoint), fields))) == ["address"]
    assert endpoint.now().address == before


def test_d5_a_form_that_is_wrong_says_so_beside_its_field(
    cast: Cast, admin: Browser, root: Browser, receiver: Receiver
) -> None:
    foreign, own = make_machine(cast.other.organization), make_machine(cast.home.organization)
    fields = {"name": "x", "address": receiver.address, "account": str(own.user.pk)}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"account": str(foreign.user.pk)}, "account"),
        ({"account": ""}, "account"),
        ({"account": "x"}, "account"),
        ({"name": "\u200b"}, "name"),
        ({"entity_types": ["nothing"]}, "entity_types"),
        ({"live_types": ["PING"]}, "live_types"),
    ]
    for changed, field in wrong:
        assert list(errors(admin.post(reverse(ADD), fields | changed))) == [field], changed
    of_another = fields | {"organization": cast.other.id}
    assert list(errors(root.post(reverse(ADD), of_another))) == ["account"]
    assert list(errors(root.post(reverse(ADD), fields))) == ["organization"]
    assert not Webhook.objects.filter(name="x").exists()
    assert root.post(reverse(ADD), fields | {"organization": cast.home.id}).status_code == 200
    assert Webhook.objects.of(cast.home.id).filter(name="x").exists()


def test_d5_the_21st_webhook_is_refused(cast: Cast, admin: Browser, receiver: Receiver) -> None:
    account = ServiceAccount.objects.get(pk=make_machine(cast.home.organization).user.pk)
    fields = {"address": receiver.address, "account": str(account.pk)}
    for n in range(MOST_ENDPOINTS - 1):
        endpoints.webhook_create(
            cast.home.organization.pk, name=f"{n}", address=receiver.address, account=account
        )
    assert SECRET.search(admin.post(reverse(ADD), fields | {"name": "20"}).content.decode())
    refused = admin.post(reverse(ADD), fields | {"name": "21"})
    assert errors(refused) == {"__all__": ["An organization has at most 20 webhooks."]}
    assert Webhook.objects.of(cast.home.id).count() == MOST_ENDPOINTS


def test_d5_a_form_leaves_alone_how_far_a_worker_has_come(
    cast: Cast, admin: Browser, endpoint: Endpoint
) -> None:
    shown = admin.get(page(endpoint))
    endpoint.set(position=7, failures=3)
    answer = admin.post(page(endpoint), doors.form(shown, name="Renamed", entity_types=["kpi"]))
    assert answer.status_code == 302
    row = endpoint.now()
    assert (row.name, row.event_types, row.position, row.failures) == ("Renamed", ["kpi"], 7, 3)


def test_d5_an_admin_sees_and_does_what_is_to_be_done(
    cast: Cast, admin: Browser, receiver: Receiver, endpoint: Endpoint
) -> None:
    cast.home.revenue.value = 5
    cast.home.revenue.save()
    receiver.will(answers(500))
    endpoint.deliver()
    shown = admin.get(page(endpoint)).content.decode()
    for words in ("failing, tried again", "The receiver answered 500.", "1 behind", "Try now"):
        assert words in shown
    assert admin.post(page(endpoint, "state"), {"act": "resume"}).status_code == 302
    assert endpoint.now().failures == 0
    endpoint.deliver()
    assert "nothing waits" in admin.get(page(endpoint)).content.decode()
    admin.post(page(endpoint, "state"), {"act": "off"})
    assert endpoint.now().state == WebhookState.OFF
    action = {"action": "resume_webhooks", "_selected_action": [endpoint.webhook.pk]}
    assert admin.post(reverse("admin:bos_webhook_changelist"), action).status_code == 302
    assert endpoint.now().state == WebhookState.ACTIVE
    receiver.will(answers(503))
    told = admin.post(page(endpoint, "test"), follow=True).content.decode()
    assert "The test was not taken. The receiver answered 503." in told
    assert "a test" in told
    assert LogEntry.objects.filter(object_id=str(endpoint.webhook.pk)).count() == 3


def test_d5_an_admin_has_events_sent_again_and_the_secret_renewed(
    cast: Cast, admin: Browser, receiver: Receiver, endpoint: Endpoint
) -> None:
    cast.home.revenue.value = 5
    cast.home.revenue.save()
    position = endpoint.deliver().position
    assert f"up to event {position}" in admin.get(page(endpoint, "replay")).content.decode()
    for nonsense in ("", "x", "0", str(position + 2)):
        refused = admin.post(page(endpoint, "replay"), {"from_sequence": nonsense})
        assert refused.status_code == 200
        assert endpoint.now().position == position
    assert "are kept" in refused.content.decode()
    again = {"from_sequence": str(position)}
    assert admin.post(page(endpoint, "replay"), again).status_code == 302
    endpoint.deliver()
    assert receiver.sequences == [position, position]
    assert admin.get(page(endpoint, "rotate")).status_code == 200
    made = admin.post(page(endpoint, "rotate"))
    assert "no-store" in made["Cache-Control"]
    [secret] = SECRET.findall(made.content.decode())
    admin.post(page(endpoint, "test"))
    receiver.received[-1].verified(secret)
    receiver.received[-1].verified(endpoint.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.received[0].verified(secret)
    assert "The one before signs, too" in admin.get(page(endpoint)).content.decode()


def test_d5_another_organizations_admin_learns_nothing_of_a_webhook(
    cast: Cast, stranger: Browser, receiver: Receiver, endpoint: Endpoint
) -> None:
    before = endpoint.now()
    text = stranger.get(reverse("admin:bos_webhook_changelist")).content.decode()
    assert str(endpoint.webhook.pk) not in text
    for name in ("test", "state", "replay", "rotate"):
        address = page(endpoint, name)
        assert stranger.post(address, {"act": "off", "from_sequence": "1"}).status_code == 404
    assert stranger.get(page(endpoint)).status_code == 302
    after = endpoint.now()
    assert (after.secret, after.state, after.position) == (
        before.secret,
        before.state,
        before.position,
    )
    assert receiver.received == []


def test_d5_a_deleted_webhook_is_sent_nothing_and_its_account_may_go(
    cast: Cast, admin: Browser, receiver: Receiver, endpoint: Endpoint
) -> None:
    account = reverse("admin:bos_serviceaccount_delete", args=[endpoint.machine.user.pk])
    assert admin.get(account).status_code == 403
    delete = page(endpoint, "delete")
    assert admin.get(delete).status_code == 200
    assert admin.post(delete, {"post": "yes"}).status_code == 302
    assert not Webhook.objects.of(cast.home.id).exists()
    assert admin.get(account).status_code == 200
