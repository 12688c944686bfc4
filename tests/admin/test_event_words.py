"""The log and the histories in words: 'Mia set Revenue to 280 EUR by WebSocket'."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bos.adminsite.phrases import SOURCES
from bos.adminsite.words import newest_events, tell, tell_together, wordings
from bos.models import Department, Employee, Notification, Role, User
from bos.service.keys import key_revoke
from collaboration.models import Session
from kpis.archive.services import kpi_erase, kpi_restore, kpis_archive
from kpis.insights.asked import ANSWER
from kpis.models import Alert, Insight, InsightKind, Kpi, KpiValue, Severity, Visibility
from sync.eventlog import capture
from sync.models import Event
from sync.protocol.identity import Actor, acting
from tests.support import doors
from tests.support.cast import Cast
from tests.support.figures import figures_of
from tests.support.importing import import_file
from tests.support.machines import make_machine

pytestmark = pytest.mark.once("sqlite")

LOG = "/admin/sync/event/"


def last(cast: Cast, count: int = 1) -> list[str]:
    """The newest events in words, the newest first."""
    events = newest_events(cast.home.id, most=count)
    return [told.text for told in tell(events, cast.home.organization)]


def by(cast: Cast, source: str = "websocket") -> Any:
    return acting(Actor(cast.mia.id, source))


# ------------------------------------------------------------------ what is said


def test_m3_a_value_is_told_with_its_author_unit_and_way(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    with by(cast):
        Kpi.objects.filter(pk=kpi.pk).update(value=Decimal("280.5"))
    assert last(cast) == ["Mia set Revenue to 280.5 EUR by WebSocket"]
    doors.admin_change(admin, kpi, value="99999999999.9999")
    assert last(cast) == ["Alice set Revenue to 99999999999.9999 EUR in the admin"]
    doors.admin_change(admin, kpi, target="5")
    assert last(cast) == ["Alice changed Revenue in the admin"]


def test_v6_archived_restored_and_erased_are_told_apart(cast: Cast) -> None:
    kpi = cast.home.revenue
    long_ago = timezone.now() - timedelta(hours=1)
    Kpi.history.filter(id=kpi.pk).update(history_date=long_ago)
    with by(cast, "admin"):
        kpis_archive([kpi])
        assert last(cast) == ["Mia archived Revenue in the admin"]
        kpi_restore(kpi)
        assert last(cast) == ["Mia restored Revenue in the admin"]
        kpis_archive([kpi])
        kpi_erase(Kpi.everything.get(pk=kpi.pk))
        assert last(cast, 2) == [
            "Mia erased Revenue in the admin",
            "Mia archived Revenue in the admin",
        ]
        Kpi.objects.create(organization=cast.home.organization, name="New")
        assert last(cast) == ["Mia added New in the admin"]


def test_a_kpi_that_some_do_not_see_any_more_is_not_said_to_be_archived(cast: Cast) -> None:
    with by(cast, "admin"):
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(visibility=Visibility.DEPARTMENT)
    assert last(cast, 2) == [
        "Mia changed Revenue in the admin",
        "Mia took Revenue out of some people's sight in the admin",
    ]


def test_m3_an_import_is_named_by_its_file(cast: Cast, admin: Browser) -> None:
    rows = "\n".join(f"Revenue,2026-01-{day:02},{day}" for day in range(1, 21))
    rows += "\n" + "\n".join(f"Margin,2026-01-{day:02},{day}" for day in range(1, 21))
    KpiValue.objects.filter(kpi__organization=cast.home.organization).delete()
    before = newest_events(cast.home.id, most=1)[0].sequence
    import_file(admin, "values", f"kpi,time,value\n{rows}\n", "q3.csv")
    events = [e for e in newest_events(cast.home.id, most=20) if e.sequence > before]
    [told] = tell_together([e for e in events if e.source == "import"], cast.home.organization)
    assert told.text == "Import “q3.csv” set 40 values"
    single = tell(events, cast.home.organization)
    assert "Import “q3.csv” set Revenue to 20 EUR" in [line.text for line in single]
    # Of another organization's import nothing is said but that it is one.
    texts = [line.text for line in tell(events, cast.other.organization)]
    assert not any("q3.csv" in text for text in texts)


def test_d1_a_machine_is_named_with_its_key(cast: Cast) -> None:
    machine = make_machine(cast.home.organization)
    with acting(Actor(machine.id, "rest")):
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=5)
    assert last(cast) == [f"{machine.user.name.capitalize()} set Revenue to 5 EUR by REST key"]
    with acting(Actor(cast.mia.id, "rest")):
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=6)
    assert last(cast) == ["Mia set Revenue to 6 EUR by REST"]
    with by(cast, "admin"):
        key_revoke(machine.key)
    assert last(cast) == ["Mia revoked a key of a service account in the admin"]


@pytest.mark.parametrize("source", [*SOURCES, "something else"])
def test_m3_each_way_is_named(cast: Cast, source: str) -> None:
    with acting(Actor(cast.mia.id, source)):
        Department.objects.filter(pk=cast.home.sales.pk).update(name="Trade")
    end = SOURCES.get(source, f"by {source}")
    assert last(cast) == [f"Mia changed the department Trade {end}".rstrip()]


def test_what_is_done_in_a_shell_says_so(cast: Cast) -> None:
    code = (
        "from bos.models import Department; "
        f"Department.objects.filter(pk='{cast.home.sales.pk}').update(name='Shelled')"
    )
    call_command("shell", command=code, verbosity=0)
    assert last(cast) == ["The system changed the department Shelled in a shell"]


def test_people_departments_sessions_and_what_is_made_of_kpis_are_told(cast: Cast) -> None:
    home = cast.home
    employee = Employee.objects.get(user=cast.bob.user)
    with by(cast):
        employee.title = "Captain"
        employee.save()
        assert last(cast) == ["Mia changed the employee Bob by WebSocket"]
        User.objects.filter(pk=cast.bob.user.pk).update(role=Role.MANAGER)
        assert last(cast) == ["Mia changed what Bob may do by WebSocket"]
        with acting(Actor(cast.bob.id, "account")):
            User.objects.filter(pk=cast.bob.user.pk).update(password="x")
        assert last(cast) == ["Bob changed how they sign in on a page of their own account"]
        Notification.objects.create(
            organization=home.organization, user=cast.bob.user, category="x", title="Look"
        )
        assert last(cast) == ["Mia notified Bob: “Look” by WebSocket"]
    alert = Alert.objects.create(
        organization=home.organization,
        kpi=home.revenue,
        severity=Severity.INFO,
        message="Revenue is low",
        raised_at=timezone.now(),
    )
    assert last(cast) == ["The system raised the alert “Revenue is low”"]
    with by(cast):
        alert.acknowledged_at, alert.acknowledged_by = timezone.now(), cast.mia.user
        alert.save()
    assert last(cast) == ["Mia acknowledged the alert “Revenue is low” by WebSocket"]
    Alert.objects.filter(pk=alert.pk).update(resolved_at=timezone.now())
    assert last(cast) == ["The system resolved the alert “Revenue is low”"]
    Insight.objects.create(
        organization=home.organization,
        kpi=home.revenue,
        kind=InsightKind.ANOMALY,
        figures=figures_of(InsightKind.ANOMALY),
        created_at=timezone.now(),
    )
    assert last(cast) == ["The system found an anomaly in Revenue"]
    session = a_session(cast)
    assert last(cast) == ["The system opened the session “Harbour view”"]
    session.title = "Other view"
    session.save()
    assert last(cast) == ["The system changed the session “Other view”"]
    doors.dissolve(home.support)
    assert last(cast) == ["The system deleted the department Support"]


def a_session(cast: Cast) -> Any:
    return Session.objects.create(
        organization=cast.home.organization,
        host=cast.mia.user,
        title="Harbour view",
        active_space="dashboard",
    )


# ------------------------------------------------------------------ whatever is stored


def test_m3_every_entity_of_the_log_has_words(cast: Cast) -> None:
    there = {synced.entity_type for synced in capture.registered().values()}
    there |= {ANSWER, "connection", "sign_in", "service_key"}
    assert there <= set(wordings())


@pytest.mark.parametrize("stored", ["", "{}", "[]", "nonsense", '{"value": "x", "entity": {}}'])
def test_m3_no_event_is_without_a_sentence_however_old_it_is(stored: str) -> None:
    events = [
        Event(
            pk=n,
            organization_id="gone",
            sequence=n,
            at_us=n,
            entity_type=entity_type,
            entity_id="11111111-2222-3333-4444-555555555555",
            change_type=change_type,
            data=stored,
            live=stored,
            actor_id="nobody",
            source="x",
        )
        for n, (entity_type, change_type) in enumerate(
            (entity_type, change_type)
            for entity_type in (*wordings(), "unheard_of", "")
            for change_type in ("created", "updated", "deleted", "snapshot")
        )
    ]
    for told in (*tell(events, None), *tell_together(events, None)):
        assert told.text.startswith("A deleted user ")
        assert told.text.endswith(" by x")
    unknown = next(e for e in events if e.entity_type == "unheard_of")
    assert tell([unknown], None)[0].text == "A deleted user added the unheard of 11111111 by x"


# ------------------------------------------------------------------ the pages


def test_the_list_and_an_events_page_say_it_and_the_json_is_folded_away(
    cast: Cast, admin: Browser
) -> None:
    with by(cast):
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=280)
    event = newest_events(cast.home.id, most=1)[0]
    listed = admin.get(LOG).content.decode()
    assert "Mia set Revenue to 280 EUR by WebSocket" in listed
    assert "visibility" not in listed
    page = admin.get(f"{LOG}{event.pk}/change/").content.decode()
    assert "Mia set Revenue to 280 EUR by WebSocket" in page
    folded = page[page.index("<details>") : page.index("</details>")]
    assert "KPI_UPDATED" in folded
    assert "&quot;visibility&quot;: &quot;organization&quot;" in folded
    assert "visibility" not in page.replace(folded, "")


def test_s2_the_log_of_another_organization_is_not_to_be_read(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    event = newest_events(cast.home.id, most=1)[0]
    assert stranger.get(f"{LOG}{event.pk}/change/").status_code == 302
    listed = stranger.get(LOG, {"q": event.entity_id})
    assert listed.context["cl"].result_count == 0


def test_m3_an_author_of_another_organization_has_no_name_here(cast: Cast) -> None:
    with acting(Actor(cast.charlie.id, "admin")):
        Department.objects.filter(pk=cast.home.sales.pk).update(name="Odd")
    assert last(cast) == [
        "Somebody outside of the organization changed the department Odd in the admin"
    ]


def test_the_log_is_filtered_by_what_there_can_be(cast: Cast, admin: Browser) -> None:
    with by(cast):
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=280)
    page = admin.get(LOG, {"entity_type": "kpi", "source": "websocket", "change_type": "updated"})
    assert [event.told for event in page.context["cl"].result_list] == [
        "Mia set Revenue to 280 EUR by WebSocket"
    ]
    assert admin.get(LOG, {"entity_type": "nonsense"}).context["cl"].result_count == 0


def test_m3_a_page_of_the_log_takes_as_many_queries_for_fifty_events_as_for_one(
    cast: Cast, admin: Browser
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(LOG, {"source": "connector"}).status_code == 200
        return len(captured)

    home = cast.home
    with acting(Actor(cast.mia.id, "connector")):
        Kpi.objects.filter(pk=home.revenue.pk).update(value=1)
        doors.dissolve(home.support)
    queries()
    few = queries()
    for n, person in enumerate([cast.alice, cast.mia, cast.bob, cast.vera] * 12):
        with acting(Actor(person.id, "connector")):
            row = Department.objects.create(organization=home.organization, name=f"D {n}")
            Kpi.objects.filter(pk=home.revenue.pk).update(value=n)
            row.delete()
    assert queries() <= few + 1  # of rows that have been added, their histories are read


def test_the_history_of_a_row_is_told(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    doors.admin_change(admin, kpi, target="1234.5")
    doors.admin_change(admin, kpi, unit="USD", direction="lower")
    kpis_archive([kpi])
    page = admin.get(f"/admin/kpis/kpi/{kpi.pk}/history/")
    assert [entry.text for entry in page.context["entries"]] == [
        "The system archived Revenue",
        "Alice changed unit, direction in the admin",
        "Alice changed target from 120 to 1234.5 in the admin",
        "The system added Revenue",
    ]
    assert f"{LOG}?q={kpi.pk}" in page.content.decode()


def test_an_insight_that_is_gone_is_told_with_its_kpi(cast: Cast) -> None:
    insight = Insight.objects.create(
        organization=cast.home.organization,
        kpi=cast.home.revenue,
        kind=InsightKind.ANOMALY,
        figures=figures_of(InsightKind.ANOMALY),
        created_at=timezone.now(),
    )
    insight.delete()
    assert last(cast) == ["The system withdrew an insight into Revenue"]
