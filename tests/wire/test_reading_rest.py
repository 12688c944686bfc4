"""REST shows what the socket shows: the same structs, by the same rights (decision D3)."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client as Browser

from kpis.models import Kpi
from sync.eventlog import log
from tests.support.cast import Cast, Person
from tests.support.client import Client
from tests.support.furnished import NAMES, Furnished, furnish
from tests.support.http import fetch
from tests.support.mirror import snapshot
from tests.support.rest import rest
from tests.support.server import Server


def topics_of(cast: Cast, house: Furnished, who: str) -> list[str]:
    """All topics that somebody may follow of what is there."""
    of_kpis = [f"kpi:{id_}" for id_ in house.seen_by(who)["kpis"]]
    departments = (cast.home.support,) if who == "vera" else (cast.home.sales, cast.home.support)
    of_departments = [f"department:{department.pk}" for department in departments]
    of_sessions = [f"session:{house.private_session.pk}"] if who == "mia" else []
    own = f"user:{house.callers[who].id}"
    return [cast.home.topic, own, *of_departments, *of_kpis, *of_sessions]


def read_all(person: Person, path: str) -> list[Any]:
    """Follow the pages to their end, without the server: it reads the same database."""
    found: list[Any] = []
    address: str | None = path
    while address is not None:
        headers = {"Authorization": f"Bearer {person.token}"}
        answer = Browser().get(address, headers=headers).json()
        found += answer["items"]
        address = answer["next"]
    return found


async def test_d3_the_kpis_paged_to_their_end_are_those_of_a_fresh_snapshot(
    server: Server, cast: Cast
) -> None:
    """For a viewer and a manager; and whatever else a snapshot shows is read alike."""
    house = furnish(cast)
    for who in ("vera", "mia"):
        person = house.callers[who]
        async with await Client.connect(server, person) as client:
            shown, _ = await snapshot(client, *topics_of(cast, house, who))
        kpis = read_all(person, "/api/v1/kpis?limit=1")
        assert {("kpi", kpi["id"]): kpi for kpi in kpis} == {
            key: data for key, data in shown.items() if key[0] == "kpi"
        }
        for name in NAMES:
            type_ = name.removesuffix("s")
            read = {item["id"]: item for item in read_all(person, f"/api/v1/{name}?limit=3")}
            of_type = {id_: data for (kind, id_), data in shown.items() if kind == type_}
            assert of_type or name == "annotations", name
            assert {id_: read[id_] for id_ in of_type} == of_type, name


async def test_d3_events_are_the_messages_that_a_sync_sends(server: Server, cast: Cast) -> None:
    start = log.head(cast.home.id).sequence
    house = furnish(cast)
    Kpi.objects.filter(pk=cast.home.margin.pk).update(value=8)
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=9)
    for who in ("vera", "mia"):
        person = house.callers[who]
        async with await Client.connect(server, person) as client:
            topics = topics_of(cast, house, who)
            _, *missed, _ = await client.sync(*topics, lastSequence=start)
        path = f"/api/v1/events?after={start}&limit=1000"
        answer = await fetch(server, path, headers={"Authorization": f"Bearer {person.token}"})
        assert answer.status == 200
        assert [json.loads(line) for line in answer.body.splitlines()] == missed
        assert missed


async def test_d3_a_head_has_the_headers_and_no_body_and_304_neither(
    server: Server, cast: Cast
) -> None:
    token = {"Authorization": f"Bearer {cast.vera.token}"}
    last = (await fetch(server, "/api/v1/kpis", headers=token)).headers["last-sequence"]
    cast.home.revenue.name = "Turnover"
    cast.home.revenue.save()
    for path in ("/api/v1/kpis", "/api/v1/kpis/revenue", f"/api/v1/events?after={last}"):
        whole = await fetch(server, path, headers=token)
        assert (whole.status, bool(whole.body)) == (200, True)
        head = await fetch(server, path, method="HEAD", headers=token)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["etag"] == whole.headers["etag"]
        assert head.headers["content-length"] == str(len(whole.body))
        known = token | {"If-None-Match": whole.headers["etag"]}
        again = await fetch(server, path, headers=known)
        assert (again.status, again.body) == (304, b"")
        assert "private" in again.headers["cache-control"]


async def test_d3_a_value_that_was_sent_is_read_at_once(server: Server, cast: Cast) -> None:
    sent = {"values": [{"kpi": "revenue", "value": 3, "at": "2026-01-05T12:00:00Z"}]}
    posted, _ = await rest(server, "POST", "/api/v1/values", body=sent, token=cast.mia.token)
    assert posted == 200
    path = "/api/v1/kpis/revenue/values?to=2026-01-05"
    raw, each = await rest(server, "GET", path, token=cast.mia.token)
    stepped, days = await rest(server, "GET", f"{path}&step=day", token=cast.mia.token)
    assert (raw, stepped) == (200, 200)
    assert each["items"] == [{"at": "2026-01-05T12:00:00Z", "value": 3, "setBy": cast.mia.id}]
    assert days["items"] == [{"at": "2026-01-05T00:00:00Z", "value": 3, "count": 1}]
