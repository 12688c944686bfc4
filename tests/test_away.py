"""People are told what has happened since they looked last (SEEN, AWAY)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bos.away import summaries, telling
from bos.away.seeing import last_seen, see
from bos.away.telling import bounds_of, tell
from bos.leaving.people import user_erase
from bos.messages import Away
from bos.models import LastSeen, Organization, Role
from bos.people.exporting import export
from bos.permissions import principal_of
from bos.service.keys import Scope
from collaboration.services.sessions import session_end
from kpis.archive.services import kpis_archive
from kpis.models import Alert, Kpi, Visibility
from sync.eventlog import log, retention
from sync.models import Event
from sync.protocol.identity import Actor, acting
from tests.support.cast import Cast, Person, make_person
from tests.support.client import Client, error_of, refused
from tests.support.furnished import make_alert, make_note, make_report, make_session
from tests.support.machines import make_machine
from tests.support.server import Server
from tests.wire.test_notes_on_things import pin


def end_of(cast: Cast) -> int:
    return log.head(cast.home.id).sequence


def look(cast: Cast, *people: Person) -> None:
    """Have them see all that there is."""
    for person in people:
        see(principal_of(person.user), end_of(cast))


def away(person: Person, **most: Any) -> Away:
    principal = principal_of(person.user)
    return tell(principal, bounds_of(principal), **most)


def set_to(kpi: Kpi, *values: float, by: Person | None = None) -> None:
    with acting(Actor(by.id if by else "system", "system")):
        for value in values:
            kpi.value = value
            kpi.save()


def changes_in(told: Away) -> dict[str, tuple[float | None, float | None, int]]:
    lines = told.kpis.lines if told.kpis else []
    return {line.name: (line.from_, line.to, line.changes) for line in lines}


# ------------------------------------------------------------------ what is told


def test_nobody_is_told_of_what_they_saw_or_of_a_time_before_they_first_looked(cast: Cast) -> None:
    set_to(cast.home.revenue, 101)
    told = away(cast.bob)
    assert (told.since, told.since_at, told.from_, told.complete) == (None, None, None, True)
    assert told.sequence == end_of(cast)
    assert changes_in(told) == {}
    look(cast, cast.bob)
    told = away(cast.bob)
    assert (told.since, told.from_, told.complete) == (end_of(cast), end_of(cast), True)
    assert changes_in(told) == {}


def test_each_kpi_is_told_of_once_from_what_to_what_and_to_those_who_see_it(cast: Cast) -> None:
    look(cast, cast.bob, cast.vera, cast.charlie)
    set_to(cast.home.revenue, 101, 90, 95)
    set_to(cast.home.margin, 6.5)
    assert changes_in(away(cast.bob)) == {"Revenue": (100, 95, 3), "Margin": (7, 6.5, 1)}
    assert changes_in(away(cast.vera)) == {"Revenue": (100, 95, 3)}
    look_of_charlie = away(cast.charlie)
    assert changes_in(look_of_charlie) == {}


def test_a_kpi_is_told_of_no_more_once_it_is_hidden_or_archived(cast: Cast) -> None:
    look(cast, cast.bob, cast.vera)
    for kpi in (cast.home.revenue, cast.home.margin):
        set_to(kpi, 50)
    cast.home.revenue.visibility = Visibility.DEPARTMENT
    cast.home.revenue.save()
    assert changes_in(away(cast.vera)) == {}
    assert changes_in(away(cast.bob)).keys() == {"Revenue", "Margin"}
    kpis_archive([cast.home.margin])
    assert changes_in(away(cast.bob)).keys() == {"Revenue"}


def test_a_new_kpi_had_no_value_before_and_a_hidden_one_s_former_value_is_as_it_was(
    cast: Cast,
) -> None:
    look(cast, cast.bob)
    made = Kpi.objects.create(organization=cast.home.organization, name="Visits", value=3)
    set_to(made, 4)
    assert changes_in(away(cast.bob)) == {"Visits": (None, 4, 2)}


def test_what_one_has_done_oneself_is_no_news_but_counts_in_what_others_went_on_with(
    cast: Cast,
) -> None:
    look(cast, cast.mia, cast.bob)
    set_to(cast.home.revenue, 99, by=cast.mia)
    with acting(Actor(cast.mia.id, "websocket")):
        pin_of_mia = pin(cast.mia, cast.home.revenue)
    assert changes_in(away(cast.mia)) == {}
    assert not away(cast.mia).notes
    set_to(cast.home.revenue, 98)
    assert changes_in(away(cast.mia)) == {"Revenue": (100, 98, 2)}
    notes = away(cast.bob).notes
    assert notes
    assert [line.annotation_id for line in notes.lines] == [str(pin_of_mia.pk)]


def test_an_alert_is_told_of_with_what_has_become_of_it(cast: Cast) -> None:
    look(cast, cast.bob, cast.vera)
    over, still = make_alert(cast.home.revenue), make_alert(cast.home.margin)
    over.resolved_at = timezone.now()
    over.save()
    still.acknowledged_at = timezone.now()
    still.save()
    told = away(cast.bob).alerts
    assert told
    assert (told.count, told.resolved) == (2, 1)
    assert {(line.alert_id, line.state) for line in told.lines} == {
        (str(over.pk), "resolved"),
        (str(still.pk), "acknowledged"),
    }
    of_vera = away(cast.vera).alerts
    assert of_vera
    assert [(line.alert_id, line.state) for line in of_vera.lines] == [(str(over.pk), "resolved")]
    look(cast, cast.bob)
    Alert.objects.filter(pk=still.pk).update(snoozed_until=timezone.now())
    assert not away(cast.bob).alerts, "it was neither raised nor resolved"
    kpis_archive([cast.home.margin])
    assert not away(cast.bob).alerts, "it went with its KPI"


def test_c8_notes_of_others_are_told_of_as_they_are_now_and_deleted_ones_not(cast: Cast) -> None:
    look(cast, cast.bob, cast.vera, cast.mia)
    on_kpi = pin(cast.alice, cast.home.margin, "Look\nat " + 200 * "March ")
    gone = pin(cast.alice, cast.home.revenue)
    gone.delete()
    mentioning = pin(cast.alice, cast.home.revenue, "@Vera", mentions=[cast.vera.id])
    session = make_session(cast.mia)
    in_session = make_note(session, cast.alice)
    told = away(cast.bob).notes
    assert told
    assert [(line.annotation_id, line.mentions_me) for line in told.lines] == [
        (str(mentioning.pk), False),
        (str(on_kpi.pk), False),
    ]
    assert told.lines[1].content.startswith("Look at March")
    assert len(told.lines[1].content) < 200
    assert (told.lines[1].entity_type, told.lines[1].entity_id) == ("kpi", str(cast.home.margin.pk))
    assert (told.lines[1].author_name, told.lines[1].session_id) == ("Alice", None)
    of_vera, of_mia = away(cast.vera).notes, away(cast.mia).notes
    assert of_vera
    assert of_mia
    assert [(n.annotation_id, n.mentions_me) for n in of_vera.lines] == [(str(mentioning.pk), True)]
    assert (of_mia.count, of_mia.lines[0].annotation_id) == (3, str(in_session.pk))


def test_sessions_and_reports_are_told_of_to_those_who_may_follow_them(cast: Cast) -> None:
    look(cast, cast.bob, cast.vera)
    open_, private = make_session(cast.mia), make_session(cast.mia, cast.bob)
    reports = [make_report(cast, None), make_report(cast, cast.home.sales)]
    told = away(cast.bob)
    assert told.sessions
    assert told.reports
    assert {line.session_id for line in told.sessions.lines} == {str(open_.pk), str(private.pk)}
    assert {line.ended_at for line in told.sessions.lines} == {None}
    assert {line.report_id for line in told.reports.lines} == {str(r.pk) for r in reports}
    of_vera = away(cast.vera)
    assert of_vera.sessions
    assert of_vera.reports
    assert [line.session_id for line in of_vera.sessions.lines] == [str(open_.pk)]
    assert [line.department_id for line in of_vera.reports.lines] == [None]
    look(cast, cast.bob, cast.vera)
    for session in (open_, private):
        with transaction.atomic():
            session_end(session, reason="host_left")
    for person, count in ((cast.bob, 2), (cast.vera, 1)):
        ended = away(person).sessions
        assert ended
        assert ended.count == count
        assert {line.title for line in ended.lines} == {"Planning"}, "though its end says none"
        assert None not in {line.ended_at for line in ended.lines}


# ------------------------------------------------------------------ of how much


def test_v5_of_a_pruned_log_what_is_left_is_told_and_that_it_is_not_all(cast: Cast) -> None:
    look(cast, cast.bob)
    set_to(cast.home.margin, 8)
    set_to(cast.home.revenue, 101)
    last = log.find(cast.home.id, end_of(cast))
    assert last
    retention.prune_events_of(cast.home.id, last.at_us)
    told = away(cast.bob)
    assert not told.complete
    assert told.from_ == last.sequence - 1
    assert told.since is not None
    assert told.since < told.from_
    assert changes_in(told) == {"Revenue": (100, 101, 1)}, "of the history, as the log has it not"


@pytest.mark.parametrize("more", [0, 1])
def test_of_more_events_than_are_looked_at_the_newest_are_told_of(cast: Cast, more: int) -> None:
    look(cast, cast.bob)
    set_to(cast.home.margin, *range(10, 10 + more))
    set_to(cast.home.revenue, 1, 2, 3)
    principal = principal_of(cast.bob.user)
    told = tell(principal, bounds_of(principal, most=3))
    assert told.complete == (not more)
    assert changes_in(told) == {"Revenue": (100, 3, 3)}


@pytest.mark.parametrize("more", [0, 1])
def test_of_more_entities_than_are_looked_at_the_newest_are_told_of(cast: Cast, more: int) -> None:
    look(cast, cast.bob)
    before = end_of(cast)
    for kpi in (cast.home.margin, cast.home.revenue)[1 - more :]:
        set_to(kpi, 50)
    told = away(cast.bob, most=1)
    assert (told.complete, told.from_) == (not more, before + more)
    assert changes_in(told).keys() == {"Revenue"}


@pytest.mark.parametrize("more", [0, 1])
def test_the_newest_lines_stand_for_as_many_as_are_counted_in_as_many_queries(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    monkeypatch.setattr("kpis.away.MOST_LINES", 3)
    look(cast, cast.bob)
    with CaptureQueriesContext(connection) as of_none:
        away(cast.bob)
    made = Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=f"KPI {n}", key=f"kpi-{n}", value=n)
        for n in range(3 + more)
    )
    look(cast, cast.bob)
    for kpi in made:
        set_to(kpi, 50)
    with CaptureQueriesContext(connection) as of_some:
        told = away(cast.bob)
    assert told.kpis
    assert told.kpis.count == 3 + more
    assert [line.name for line in told.kpis.lines] == [f"KPI {n}" for n in range(3 + more)][:-4:-1]
    assert len(of_some) - len(of_none) <= 6


def test_events_of_an_older_version_are_left_out(cast: Cast) -> None:
    look(cast, cast.bob)
    pin(cast.alice, cast.home.revenue)
    assert summaries.decoded('{"content": "Why?"}', Away) is None
    Event.objects.filter(organization_id=cast.home.id, entity_type="annotation").update(data="{}")
    told = away(cast.bob).notes
    assert told
    assert (told.count, told.lines) == (1, [])


# ------------------------------------------------------------------ how far one has seen


def test_what_was_seen_never_goes_back_nor_beyond_the_end(cast: Cast) -> None:
    bob = principal_of(cast.bob.user)
    set_to(cast.home.revenue, 1, 2, 3)
    end = end_of(cast)
    assert see(bob, end - 1) == end - 1
    assert see(bob, end - 3) == end - 1, "of a device that is behind"
    assert see(bob, 2**53) == end
    assert LastSeen.objects.get(user=cast.bob.user).sequence == end
    assert last_seen(principal_of(cast.mia.user)) is None


def test_in_another_organization_nothing_was_seen_before(cast: Cast) -> None:
    other = Organization.objects.create(name="Elsewhere")
    LastSeen.objects.create(
        user=cast.bob.user, organization=other, sequence=2**53, at=timezone.now()
    )
    bob = principal_of(cast.bob.user)
    assert away(cast.bob).since is None
    assert see(bob, 1) == 1
    assert away(cast.bob).since == 1


def test_d6_how_far_somebody_has_seen_is_theirs_to_read_and_goes_with_them(cast: Cast) -> None:
    person = make_person(cast.home.organization, "Lea", Role.MEMBER, None)
    look(cast, person)
    file = msgspec.json.decode(b"".join(export(person.user)))
    assert [row["sequence"] for row in file["lastSeen"]] == [end_of(cast)]
    user_erase(person.user)
    assert not LastSeen.objects.filter(user=person.user).exists()


# ------------------------------------------------------------------ over the wire


async def test_the_server_keeps_for_all_devices_what_was_seen(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as one,
        await Client.connect(server, cast.bob) as other,
        await Client.connect(server, cast.mia) as mia,
    ):
        first = await one.ask("AWAY_REQUEST", {})
        assert first["payload"]["since"] is None
        assert "kpis" not in first["payload"]
        end = first["payload"]["sequence"]
        assert (await one.ask("SEEN", {"sequence": end}))["payload"] == {"sequence": end}
        assert (await other.ask("SEEN", {"sequence": 0}))["payload"] == {"sequence": end}
        await mia.set_value(cast.home.revenue, 101.5)
        told = (await other.ask("AWAY_REQUEST", {}))["payload"]
        assert (told["since"], told["from"], told["complete"]) == (end, end, True)
        [line] = told["kpis"]["lines"]
        assert line.items() >= {"from": 100, "to": 101.5, "unit": "EUR", "changes": 1}.items()
        assert refused(await one.ask("SEEN", {"sequence": -1}))[0] == "payload.sequence"


async def test_c2_a_machine_that_only_reads_asks_and_notes_nothing(
    server: Server, cast: Cast
) -> None:
    machine = make_machine(cast.home.organization, scopes=[Scope.EVENTS])
    async with await Client.connect(server, machine) as client:
        assert (await client.ask("AWAY_REQUEST", {}))["type"] == "AWAY"
        assert error_of(await client.ask("SEEN", {"sequence": 1}))[0] == "UNAUTHORIZED"


@pytest.mark.once("sqlite")
def test_the_bounds_fit_a_working_day_of_a_thousand_kpis() -> None:
    assert telling.MOST_LOOKED_AT >= 1_000 * 8 * 12
