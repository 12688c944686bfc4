"""Alert rules by REST: who reads, makes, changes, removes and tries them, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser
from django.utils import timezone

from bos.models import Notification, Role
from bos.service.keys import Scope
from kpis.archive.services import kpis_archive
from kpis.models import Alert, AlertRule, Kpi, KpiValue
from kpis.models import alerts as models_of_alerts
from sync.models import Event
from tests.support.cast import Cast, Person
from tests.support.machines import make_machine
from tests.test_reading import UNKNOWN, ids, items, paged

RULES = "/api/v1/alert-rules"
TRY = f"{RULES}/try"


def ask(method: str, path: str, person: Person, body: Any = None) -> tuple[int, Any]:
    sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    headers = {"Authorization": f"Bearer {person.token}"}
    answer = getattr(Browser(), method)(path, headers=headers, **sent)
    return answer.status_code, json.loads(answer.content) if answer.content else None


def above(kpi: Kpi, threshold: float = 200, **more: Any) -> dict[str, Any]:
    return {"kpiId": str(kpi.pk), "kind": "above", "threshold": threshold} | more


def made(person: Person, kpi: Kpi, **more: Any) -> str:
    status, rule = ask("post", RULES, person, above(kpi, **more))
    assert status == 201, rule
    return str(rule["id"])


def one(id_: str) -> str:
    return f"{RULES}/{id_}"


# ------------------------------------------------------------------ made, changed, removed


def test_b2_a_manager_makes_a_rule_that_alerts_changes_it_and_removes_it(cast: Cast) -> None:
    revenue = cast.home.revenue  # at 100
    body = above(revenue, notify=[cast.bob.id], severity="critical")
    status, rule = ask("post", RULES, cast.mia, body)
    assert status == 201
    defaults = {"hours": None, "forMinutes": 0, "hysteresis": 0, "notifyOwner": True}
    assert body.items() <= rule.items()
    assert defaults.items() <= rule.items()
    assert (rule["isActive"], rule["isBeyond"], rule["warnings"]) == (True, False, [])

    status, changed = ask("patch", one(rule["id"]), cast.mia, {"threshold": 99.5})
    assert (status, changed["threshold"], changed["isBeyond"]) == (200, 99.5, True)
    told = "Revenue is 100 EUR, above 99.5 EUR."
    assert changed["warnings"] == [
        f"{told} The rule has alerted at once: its KPI is beyond already."
    ]
    assert Notification.objects.filter(user=cast.bob.user, title=told).count() == 1
    event = Event.objects.filter(organization_id=cast.home.id, entity_type="alert").latest("pk")
    assert (event.actor_id, event.source) == (cast.mia.id, "rest")

    assert ask("delete", one(rule["id"]), cast.mia) == (204, None)
    assert ask("delete", one(rule["id"]), cast.mia)[0] == 404
    [alert] = Alert.objects.filter(kpi=revenue)
    assert alert.state == "resolved"
    log = LogEntry.objects.filter(object_id=rule["id"]).order_by("pk")
    assert [(str(entry.user_id), entry.change_message) for entry in log] == [
        (cast.mia.id, "By the REST API.")
    ] * 3


def test_b5_a_rule_that_notifies_nobody_says_so_and_who_will_not_be_notified(cast: Cast) -> None:
    status, rule = ask("post", RULES, cast.mia, above(cast.home.margin, notify=[cast.vera.id]))
    assert status == 201
    nobody, vera = rule["warnings"]
    assert nobody.startswith("It notifies nobody: choose users, or give the KPI an owner.")
    assert vera == "Vera will not be notified: this user may not see the KPI."
    assert ask("patch", one(rule["id"]), cast.mia, {"notify": [cast.bob.id]})[1]["warnings"] == []
    assert ask("patch", one(rule["id"]), cast.mia, {"isActive": False})[1]["notify"] == [
        cast.bob.id
    ]


# ------------------------------------------------------------------ what is refused

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"threshold": None}, "threshold", "At which value?"),
    ({"threshold": "many"}, "threshold", "A valid number is required."),
    ({"threshold": 0.12345}, "threshold", "no more than 4 decimal places"),
    ({"kind": "beside"}, "kind", "is not a valid choice"),
    ({"kind": "change"}, "hours", "Within or for how many hours?"),
    ({"kind": "change", "hours": 24, "threshold": 0}, "threshold", "More than 0."),
    ({"kind": "missing", "hours": 24}, "threshold", "A missing value has no threshold"),
    ({"hours": 24}, "hours", "A threshold knows no time"),
    ({"kind": "missing", "threshold": None, "hours": 10**9}, "hours", "At most 8784 hours"),
    ({"hysteresis": 100}, "hysteresis", "From 0 to less than 100 percent."),
    ({"forMinutes": 10_081}, "forMinutes", "At most 10080 minutes"),
    ({"severity": "grave"}, "severity", "is not a valid choice"),
    ({"notify": [UNKNOWN]}, "notify", "There is no such user in your organization."),
    ({"kpiId": UNKNOWN}, "kpiId", "There is no such KPI that you may see."),
    ({"kpiId": "revenue"}, "kpiId", "Must be a valid UUID."),
    ({"treshold": 5}, "treshold", "There is no such field."),
]


@pytest.mark.parametrize(("wrong", "field", "reason"), REFUSED)
def test_b5_what_is_wrong_is_said_by_field_as_the_admin_says_it_and_nothing_is_made(
    cast: Cast, wrong: dict[str, Any], field: str, reason: str
) -> None:
    revenue = cast.home.revenue
    for path in (TRY, RULES):
        status, refusal = ask("post", path, cast.mia, above(revenue) | wrong)
        assert (status, refusal["code"]) == (400, "INVALID_REQUEST")
        assert list(refusal["details"]) == [field]
        assert reason in refusal["details"][field][0]
    assert not AlertRule.objects.filter(kpi=revenue).exists()
    if "kpiId" not in wrong:
        id_ = made(cast.mia, revenue)
        assert ask("patch", one(id_), cast.mia, wrong)[1] == refusal
        assert AlertRule.objects.get(pk=id_).threshold == 200


def test_b5_a_kpi_has_so_many_rules_and_no_more(cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr(models_of_alerts, "MAX_RULES", 1)
    own, other = made(cast.mia, cast.home.revenue), made(cast.mia, cast.home.margin)
    refused = (400, {"kpiId": ["A KPI has at most 1 rules."]})
    status, refusal = ask("post", RULES, cast.mia, above(cast.home.revenue))
    assert (status, refusal["details"]) == refused
    to_revenue = {"kpiId": str(cast.home.revenue.pk)}
    status, refusal = ask("patch", one(other), cast.mia, to_revenue)
    assert (status, refusal["details"]) == refused
    assert ask("patch", one(own), cast.mia, to_revenue | {"threshold": 5})[0] == 200


# ------------------------------------------------------------------ who may


def test_s3_everybody_who_sees_the_kpi_reads_its_rules_and_managers_write_them(cast: Cast) -> None:
    open_, restricted = made(cast.mia, cast.home.revenue), made(cast.alice, cast.home.margin)
    assert ids(RULES, cast.vera) == {open_}
    for person in (cast.bob, cast.mia, cast.alice):
        assert ids(RULES, person) == {open_, restricted}
        assert ids(f"{RULES}?kpi=revenue", person) == {open_}
        assert ask("get", one(restricted), person)[1] == items(f"{RULES}?kpi=margin", person)[0]
    assert ids(f"{RULES}?notifies={cast.bob.id}", cast.bob) == set()
    unknown = ask("get", one(UNKNOWN), cast.vera)
    assert unknown[0] == 404
    assert ask("get", one(restricted), cast.vera) == unknown

    body = above(cast.home.revenue)
    for person in (cast.bob, cast.vera):
        for asked in (
            ask("post", RULES, person, body),
            ask("post", TRY, person, body),
            ask("patch", one(open_), person, {"threshold": 1}),
            ask("delete", one(open_), person),
            ask("delete", one(UNKNOWN), person),
        ):
            assert (asked[0], asked[1]["code"]) == (403, "FORBIDDEN")
    assert AlertRule.objects.filter(kpi=cast.home.revenue).count() == 1


def test_s3_another_organizations_rules_are_as_those_that_are_not_there(cast: Cast) -> None:
    id_ = made(cast.mia, cast.home.revenue)
    charlie = cast.charlie
    assert ids(RULES, charlie) == set()
    for method, body in (("get", None), ("patch", {"threshold": 1}), ("delete", None)):
        assert ask(method, one(id_), charlie, body) == ask(method, one(UNKNOWN), charlie, body)
    of_home = above(cast.home.revenue)
    assert ask("post", RULES, charlie, of_home) == ask(
        "post", RULES, charlie, of_home | {"kpiId": UNKNOWN}
    )
    assert ask("post", TRY, charlie, {"id": id_}) == ask("post", TRY, charlie, {"id": UNKNOWN})
    own = above(cast.other.revenue, notify=[cast.bob.id])
    assert "notify" in ask("post", RULES, charlie, own)[1]["details"]


def test_d1_a_key_reads_by_its_scope_read_and_writes_by_write(cast: Cast) -> None:
    house = cast.home.organization
    id_ = made(cast.mia, cast.home.revenue)
    reader = make_machine(house, scopes=set(Scope) - {Scope.WRITE})
    writer = make_machine(house, scopes=[Scope.WRITE])
    assert ids(RULES, reader) == {id_}
    assert ask("get", RULES, writer)[1]["details"] == {"scope": "read"}
    for method, path in (("post", RULES), ("post", TRY), ("patch", one(id_)), ("delete", one(id_))):
        refused = ask(method, path, reader, {})
        assert (refused[0], refused[1]["details"]) == (403, {"scope": "write"})
    member = make_machine(house, Role.MEMBER, [Scope.WRITE])
    assert ask("delete", one(id_), member)[1]["code"] == "FORBIDDEN"
    assert made(writer, cast.home.revenue) in ids(RULES, reader)


def test_d3_rules_come_in_pages_the_latest_first_and_those_of_an_archived_kpi_rest(
    cast: Cast,
) -> None:
    known = [made(cast.mia, cast.home.revenue, threshold=200 + n) for n in range(3)]
    pages = list(paged(f"{RULES}?limit=2", cast.vera))
    assert [[rule["id"] for rule in page] for page in pages] == [known[:0:-1], known[:1]]
    kpis_archive([cast.home.revenue])
    assert ids(RULES, cast.alice) == set()
    assert ask("patch", one(known[0]), cast.alice, {"threshold": 1})[0] == 404


# ------------------------------------------------------------------ tried


def test_b5_a_rule_is_tried_on_the_last_90_days_and_nothing_is_stored(cast: Cast) -> None:
    revenue, now = cast.home.revenue, timezone.now()
    KpiValue.objects.filter(kpi=revenue).delete()
    series = ((95, 100), (9, 300), (8, 100), (5, 260), (4, 100), (0, 300))
    KpiValue.objects.bulk_create(
        KpiValue(kpi=revenue, value=value, at=now - timedelta(days=ago), actor_id="")
        for ago, value in series
    )
    status, told = ask("post", TRY, cast.mia, above(revenue, 250))
    assert (status, told["count"]) == (200, 3)
    assert told["text"] == "It would have alerted 3 times in the last 90 days."
    days = [(now - timedelta(days=ago)).date().isoformat() for ago in (9, 5, 0)]
    assert told["days"] == [{"day": day, "count": 1} for day in days]
    assert "It notifies nobody" in told["notes"][-1]
    assert not AlertRule.objects.filter(kpi=revenue).exists()

    # One that is there is tried with what is changed; it does not tell again what it has told.
    id_ = made(cast.mia, revenue, threshold=90)
    assert ask("post", TRY, cast.mia, {"id": id_, "threshold": 280})[1]["count"] == 2
    assert ask("post", TRY, cast.mia, above(revenue, 90))[1]["notes"][0].endswith(
        "So it alerts as soon as it is saved."
    )
    assert not any("saved" in note for note in ask("post", TRY, cast.mia, {"id": id_})[1]["notes"])
    assert AlertRule.objects.get(pk=id_).threshold == 90
