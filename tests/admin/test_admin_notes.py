"""Notes in the admin: what they are about, resolve, reply, delete (decision C8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from collaboration.models import Annotation, NotedThing
from kpis.archive.services import kpis_archive
from sync.models import Event
from tests.support import doors
from tests.support.cast import Cast
from tests.test_caps import pin as pin_in_session
from tests.test_caps import start
from tests.wire.test_notes_on_things import pin

LIST = "/admin/collaboration/annotation/"


def page(row: Any, name: str) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[row.pk])


def listed(browser: Browser, query: str = "") -> set[str]:
    shown = browser.get(LIST + query)
    assert shown.status_code == 200
    return {note.content for note in shown.context["cl"].result_list}


def test_c8_the_pages_of_kpis_and_departments_link_to_their_notes_with_a_count(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    for thing, content in ((home.revenue, "one"), (home.revenue, "two"), (home.sales, "three")):
        pin(cast.bob, thing, content)
    for thing, contents in (
        (home.revenue, {"one", "two"}),
        (home.margin, set[str]()),
        (home.sales, {"three"}),
    ):
        shown = admin.get(page(thing, "change"))
        [(label, count, address)] = shown.context["attached"]
        assert (label, count) == ("notes", len(contents))
        assert f"Notes ({count})" in shown.content.decode()
        if contents:
            assert listed(admin, address.removeprefix(LIST)) == contents


def test_c8_notes_are_filtered_by_thing_and_state(cast: Cast, admin: Browser) -> None:
    open_ = pin(cast.bob, cast.home.revenue, "open")
    done = pin(cast.bob, cast.home.revenue, "done")
    pin(cast.bob, cast.home.margin, "of margin")
    pin_in_session(cast.bob, start(cast.bob), "of a session")
    doors.admin_action(admin, "resolve_notes", [done])
    assert listed(admin, "?state=resolved") == {"done"}
    assert listed(admin, "?state=open") == {"open", "of margin", "of a session"}
    thing = f"?thing__id__exact={open_.thing_id}"
    assert listed(admin, thing) == {"open", "done"}
    assert listed(admin, f"{thing}&state=open") == {"open"}
    assert listed(admin, "?q=margin") == {"of margin"}
    html = admin.get(LIST).content.decode()
    assert "The KPI “Revenue”" in html
    assert "The session “t”" in html


def test_c8_an_admin_resolves_reopens_and_replies_and_each_is_an_event(
    cast: Cast, admin: Browser
) -> None:
    note = pin(cast.bob, cast.home.revenue, mentions=[cast.mia.id])
    shown = admin.get(page(note, "change")).content.decode()
    assert "Resolve" in shown
    assert "Mia" in shown
    for act, resolved in (("resolve", True), ("resolve", True), ("reopen", False)):
        assert admin.post(page(note, "resolve"), {"act": act}).status_code == 302
        note.refresh_from_db()
        assert (note.resolved_at is not None) == resolved
        assert note.resolved_by_id == (cast.alice.user.pk if resolved else None)
    assert note.revision == 3
    assert admin.get(page(note, "reply")).status_code == 200
    empty = admin.post(page(note, "reply"), {"content": " "})
    assert list(empty.context["question"].form.errors) == ["content"]
    long = admin.post(page(note, "reply"), {"content": "x" * 10_001})
    assert list(long.context["question"].form.errors) == ["content"]
    answer = admin.post(page(note, "reply"), {"content": "Because\r\nof March"})
    assert answer.status_code == 302
    [reply] = note.replies.all()
    assert (reply.content, reply.author, reply.thing) == (
        "Because\nof March",
        cast.alice.user,
        note.thing,
    )
    told = Event.objects.filter(organization_id=cast.home.id, entity_type="annotation")
    types = list(told.order_by("sequence").values_list("live_type", "actor_id"))
    assert [type_ for type_, _ in types] == [
        "ANNOTATION_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATION_UPDATED",
        "ANNOTATION_CREATED",
    ]
    assert {actor for _, actor in types[1:]} == {cast.alice.id}


def test_c8_a_reply_is_refused_in_words_where_there_are_too_many_or_the_thing_is_archived(
    cast: Cast, admin: Browser, settings: Any
) -> None:
    note = pin(cast.bob, cast.home.revenue)
    settings.THING_NOTES = 1
    full = admin.post(page(note, "reply"), {"content": "x"})
    assert "as many notes" in str(full.context["question"].form.errors)
    kpis_archive([cast.home.revenue])
    gone = admin.post(page(note, "reply"), {"content": "x"})
    assert "archived" in str(gone.context["question"].form.errors)
    assert "of something archived" in admin.get(page(note, "change")).content.decode()
    assert not note.replies.exists()


def test_c7_an_admin_replies_to_a_note_of_a_session_that_has_ended(
    cast: Cast, admin: Browser
) -> None:
    session = start(cast.bob)
    note = pin_in_session(cast.bob, session, "in the end")
    session.end_reason, session.ended_at = "admin", session.created_at
    session.save()
    assert admin.post(page(note, "reply"), {"content": "yes"}).status_code == 302
    assert note.replies.get().session == session


def test_c8_an_erased_kpi_names_its_notes(cast: Cast, admin: Browser) -> None:
    pin(cast.bob, cast.home.revenue)
    for name in ("archive", "erase"):
        shown = admin.get(page(cast.home.revenue, name))
        assert dict(shown.context["sections"][0].items)["notes"] == 1
        kpis_archive([cast.home.revenue])
    assert admin.post(page(cast.home.revenue, "erase"), {"typed": "Revenue"}).status_code == 302
    assert not Annotation.objects.of(cast.home.id).exists()


@pytest.mark.parametrize("name", ["change", "reply", "resolve", "delete"])
def test_c8_nobody_else_opens_a_note_or_changes_it(
    cast: Cast, stranger: Browser, name: str
) -> None:
    note = pin(cast.bob, cast.home.revenue, "ours")
    answers = {"content": "x", "act": "resolve", "post": "yes"}
    for answer in (stranger.get(page(note, name)), stranger.post(page(note, name), answers)):
        assert answer.status_code in (302, 403, 404, 405)
    for other in (doors.browser(cast.mia), Browser()):
        assert "/login/" in other.post(page(note, name), answers)["Location"]
    assert listed(stranger) == set()
    assert listed(stranger, f"?thing__id__exact={note.thing_id}") == set()
    stored = Annotation.objects.get(pk=note.pk)
    assert (stored.resolved_at, stored.replies.count()) == (None, 0)
    found = stranger.get(
        "/admin/autocomplete/?app_label=collaboration&model_name=annotation&field_name=thing"
    )
    assert found.json()["results"] == []


def test_c8_a_superuser_without_an_organization_resolves_and_does_not_reply(
    cast: Cast, root: Browser
) -> None:
    note = pin(cast.bob, cast.home.revenue, "ours")
    assert "ours" in listed(root)
    assert root.get(page(note, "reply")).status_code == 403
    assert root.post(page(note, "resolve"), {"act": "resolve"}).status_code == 302
    assert Annotation.objects.get(pk=note.pk).resolved_at is not None


def test_c8_things_with_notes_are_listed_and_found_and_cannot_be_deleted(
    cast: Cast, admin: Browser
) -> None:
    pin(cast.bob, cast.home.revenue)
    thing = NotedThing.objects.get(entity_id=cast.home.revenue.pk)
    html = admin.get("/admin/collaboration/notedthing/").content.decode()
    assert f"thing__id__exact={thing.pk}" in html
    assert admin.post(page(thing, "delete"), {"post": "yes"}).status_code == 403
    found = admin.get(
        "/admin/autocomplete/?app_label=collaboration&model_name=annotation&field_name=thing"
        "&term=reve"
    )
    assert [one["text"] for one in found.json()["results"]] == ["Revenue"]
