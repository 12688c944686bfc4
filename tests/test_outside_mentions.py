"""A person whom a note mentions is told outside, too (B7, C8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from bos.entities import NotificationSubject
from bos.models import DeliveryState, Employee, Notification, User
from bos.notifying import notify
from bos.outside.sending import send_due
from bos.permissions import principal_of
from bos.webhooks import delivery as webhooks
from collaboration.models import Annotation
from collaboration.services.notes import annotation_create, annotation_update
from collaboration.services.sessions import session_create
from kpis.archive.services import kpis_archive
from kpis.models import Kpi
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.mailbox import Mailbox, mail_into_a_box, text_of
from tests.support.outside import at_once, deliveries, make, work
from tests.wire.test_notes_on_things import UNKNOWN, pin


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with mail_into_a_box(settings) as box:
        yield box


def mention_bob(cast: Cast) -> Annotation:
    return pin(cast.mia, cast.home.margin, "Secret: why?", mentions=[cast.bob.id])


def test_c8_a_mention_is_mailed_at_once_without_what_the_note_says(
    cast: Cast, mailbox: Mailbox
) -> None:
    mention_bob(cast)
    work(cast)
    [mail] = mailbox.received
    assert mail["To"].endswith(f"<{cast.bob.email}>")
    assert mail["Subject"] == "Mia mentions you"
    assert "In a note on the KPI “Margin”." in text_of(mail)
    assert "You get this because a note mentions you." in text_of(mail)
    assert "Secret" not in text_of(mail)


def loses_the_kpi(cast: Cast, note: Annotation) -> None:
    Employee.objects.filter(user=cast.bob.user).delete()


def the_note_goes(cast: Cast, note: Annotation) -> None:
    note.delete()


def mentioned_no_more(cast: Cast, note: Annotation) -> None:
    with transaction.atomic():
        annotation_update(principal_of(cast.mia.user), str(note.pk), None, {"mentions": []})


def moves_away(cast: Cast, note: Annotation) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(organization=cast.other.organization)


def the_kpi_moves_away(cast: Cast, note: Annotation) -> None:
    Kpi.objects.filter(pk=cast.home.margin.pk).update(
        organization=cast.other.organization, department=None, visibility="organization"
    )


LOSSES = [loses_the_kpi, the_note_goes, mentioned_no_more, moves_away, the_kpi_moves_away]


@pytest.mark.parametrize("loses", LOSSES, ids=lambda loses: loses.__name__)
def test_c8_a_mention_that_holds_no_more_is_not_mailed(
    cast: Cast, mailbox: Mailbox, loses: Callable[[Cast, Annotation], None]
) -> None:
    note = mention_bob(cast)
    make()
    [waiting] = deliveries(cast, user=cast.bob.user)
    loses(cast, note)
    send_due(cast.home.id)
    assert mailbox.received == []
    waiting.refresh_from_db()
    assert waiting.state == DeliveryState.DROPPED
    assert waiting.error


def test_c8_a_note_of_an_archived_kpi_still_mentions(cast: Cast, mailbox: Mailbox) -> None:
    mention_bob(cast)
    kpis_archive([cast.home.margin])
    work(cast)
    assert [mail["Subject"] for mail in mailbox.received] == ["Mia mentions you"]


def test_c7_a_mention_in_a_session_is_mailed_to_those_who_may_follow_it(
    cast: Cast, mailbox: Mailbox
) -> None:
    mia = principal_of(cast.mia.user)
    invited = [cast.bob.id, cast.vera.id]
    with transaction.atomic():
        session = session_create(
            mia, title="Plan", active_space="x", max_participants=9, invite_user_ids=invited
        )
        annotation_create(
            mia,
            str(session.pk),
            position=(0, 0, 0),
            content="?",
            content_type="text",
            entity=None,
            parent_id=None,
            mentions=invited,
        )
    Notification.objects.exclude(category="mention").delete()
    make()
    session.invitations.filter(user=cast.vera.user).delete()
    send_due(cast.home.id)
    assert [mail["To"].addresses[0].addr_spec for mail in mailbox.received] == [cast.bob.email]


def test_d5_a_webhook_that_has_failed_is_told_as_other_failures_and_leads_to_its_page(
    cast: Cast, mailbox: Mailbox
) -> None:
    at_once(cast.alice)
    about = NotificationSubject(webhook_id=UNKNOWN)
    notify(
        [cast.alice.user],
        cast.home.organization.pk,
        category=webhooks.CATEGORY,
        title="The webhook “Copy” is paused",
        message="It has failed for a day.",
        about=about,
    )
    work(cast)
    [mail] = mailbox.received
    assert f"/admin/bos/webhook/{UNKNOWN}/change/" in text_of(mail)
