"""An anomaly is pinned into the sessions that look at its KPI (decisions B3, C5)."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from collaboration.models import Annotation
from kpis.models import Insight, InsightKind, Kpi
from tests.support.cast import Cast
from tests.support.client import Client, Message
from tests.support.figures import figures_of
from tests.support.server import Server

POSITION = {"x": 1.0, "y": 2.0, "z": -0.5}


def anomaly(kpi: Kpi) -> Insight:
    return Insight.objects.create(
        organization=kpi.organization,
        kpi=kpi,
        kind=InsightKind.ANOMALY,
        figures=figures_of(InsightKind.ANOMALY),
        created_at=timezone.now(),
    )


async def meet(host: Client, *guests: Client) -> str:
    room = {"title": "Numbers", "activeSpace": "board"}
    created = await host.ask("SESSION_CREATE", room)
    session_id: str = created["payload"]["sessionId"]
    for guest in guests:
        joined = await guest.ask("SESSION_JOIN", {"sessionId": session_id})
        assert joined["type"] == "SESSION_JOINED"
    return session_id


async def look_at(client: Client, session_id: str, entity: Any, *others: Client) -> None:
    """Focus on this; done once the others have seen it."""
    moved = {"sessionId": session_id, "position": POSITION, "focusedEntity": entity}
    await client.send("CURSOR_MOVE", moved)
    for other in others:
        await other.until("CURSOR_MOVE")


async def notes(client: Client) -> list[Message]:
    return [m for m in await client.settle() if m["type"] == "ANNOTATION_CREATED"]


async def test_b3_an_anomaly_is_pinned_once_where_somebody_is_focused_on_its_kpi(
    server: Server, cast: Cast
) -> None:
    kpi = cast.home.revenue
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.bob) as bob,
    ):
        session_id = await meet(mia, bob)
        await look_at(bob, session_id, {"type": "kpi", "id": str(kpi.pk)}, mia)
        await look_at(mia, session_id, {"type": "kpi", "id": str(kpi.pk)}, bob)
        found = anomaly(kpi)
        note = (await mia.until("ANNOTATION_CREATED"))["payload"]
        assert (await bob.until("ANNOTATION_CREATED"))["payload"] == note
        assert note["authorId"] == "system"
        assert note["entity"] == {"type": "kpi", "id": str(kpi.pk)}
        assert note["position"] == POSITION
        assert "12" in note["content"]
        assert "between 90 and 110" in note["content"]
        found.figures = figures_of(InsightKind.ANOMALY, severity="low")
        found.save()
        assert await notes(mia) == []
        # It is a note like any other: the host may remove it, a guest may not.
        own = {"sessionId": session_id, "annotationId": note["annotationId"]}
        assert (await bob.ask("ANNOTATION_DELETE", own))["payload"]["code"] == "UNAUTHORIZED"
        assert (await mia.ask("ANNOTATION_DELETE", own))["type"] == "ANNOTATION_DELETED"


@pytest.mark.parametrize("focus", ["another KPI", "nothing"])
async def test_b3_a_session_that_looks_elsewhere_is_left_alone(
    server: Server, cast: Cast, focus: str
) -> None:
    kpi = cast.home.revenue
    entity = {"type": "kpi", "id": str(cast.home.margin.pk)} if focus == "another KPI" else None
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.bob) as bob,
    ):
        await mia.subscribe(cast.home.topic)
        session_id = await meet(mia, bob)
        await look_at(bob, session_id, {"type": "kpi", "id": str(kpi.pk)}, mia)
        await look_at(bob, session_id, entity, mia)
        anomaly(kpi)
        await mia.until("ANOMALY_DETECTED")
        assert await notes(mia) == []
    assert not Annotation.objects.filter(session_id=session_id).exists()


async def test_s4_an_anomaly_of_a_departments_kpi_is_pinned_nowhere(
    server: Server, cast: Cast
) -> None:
    """Not everybody in the session may see it."""
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.bob) as bob,
    ):
        await mia.subscribe(f"department:{cast.home.sales.pk}")
        session_id = await meet(mia, bob)
        await look_at(bob, session_id, {"type": "kpi", "id": str(cast.home.margin.pk)}, mia)
        anomaly(cast.home.margin)
        await mia.until("ANOMALY_DETECTED")
        assert await notes(mia) == []


async def test_s2_another_organizations_session_that_names_the_kpi_gets_no_note(
    server: Server, cast: Cast
) -> None:
    kpi = cast.home.revenue
    async with (
        await Client.connect(server, cast.charlie) as charlie,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = await meet(charlie)
        await look_at(charlie, session_id, {"type": "kpi", "id": str(kpi.pk)})
        await charlie.settle()
        await mia.subscribe(cast.home.topic)
        anomaly(kpi)
        await mia.until("ANOMALY_DETECTED")
        assert await notes(charlie) == []
    assert not Annotation.objects.filter(session_id=session_id).exists()
