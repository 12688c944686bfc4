"""Connectors in the admin: set up, tried without writing, run, and never a secret (decision D7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from bos.jobs.queue import due_jobs
from bos.models import Role
from bos.sealed import unseal
from kpis.connectors import running, trials
from kpis.ingest.services import UNKNOWN
from kpis.models import MOST_CONNECTORS, Connector, ConnectorKind, ConnectorTrial, Kpi
from tests.support import doors
from tests.support.cast import Cast, Tenant
from tests.support.connecting import make_connector, run_once
from tests.support.importing import head
from tests.support.machines import make_machine
from tests.support.sources import Sources, serving_sources

ADD = "/admin/kpis/connector/add/"
TRY = "/admin/kpis/connector/try/"
SECRET = "s3cret"
DATABASE = f"postgresql://reader:{SECRET}@127.0.0.1/shop"


@pytest.fixture(scope="module")
def sources() -> Iterator[Sources]:
    with serving_sources() as found:
        yield found


@pytest.fixture(autouse=True)
def inside(settings: Any, database: None) -> Iterator[None]:
    settings.OUTBOUND_INSIDE = True
    OrmQ.objects.all().delete()
    yield
    OrmQ.objects.all().delete()
    Connector.objects.update(is_active=False)


def account(tenant: Tenant, role: Role = Role.MANAGER) -> str:
    return make_machine(tenant.organization, role).id


def filled(browser: Browser, cast: Cast, page: str = ADD, /, **fields: Any) -> dict[str, Any]:
    """Return what would be posted of the form; as new, of a CSV address."""
    usual: dict[str, Any] = {}
    if page == ADD:
        usual = {
            "name": "Sales",
            "kind": "csv",
            "address": "http://127.0.0.1/sales.csv",
            "kpi_field": "kpi",
            "account": fields.get("account") or account(cast.home),
        }
    return doors.form(browser.get(page), **usual | fields)


def save(browser: Browser, cast: Cast, page: str = ADD, /, **fields: Any) -> Connector:
    answer = browser.post(page, filled(browser, cast, page, **fields))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    id_ = str(LogEntry.objects.filter(user=cast.alice.user).latest("pk").object_id)
    found: Connector = Connector.objects.get(pk=id_)
    return found


def errors(browser: Browser, cast: Cast, page: str = ADD, /, **fields: Any) -> dict[str, list[str]]:
    answer = browser.post(page, filled(browser, cast, page, **fields))
    assert answer.status_code == 200
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


def page_of(connector: Connector) -> str:
    return reverse("admin:kpis_connector_change", args=(connector.pk,))


# ------------------------------------------------------------------ set up

KINDS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {"kind": "csv", "address": f"http://127.0.0.1/x.csv?key={SECRET}", "token": SECRET},
        "http://127.0.0.1",
        {"query": "", "rows_path": "", "value_field": "value"},
    ),
    (
        {"kind": "json", "address": f"http://127.0.0.1/{SECRET}", "rows_path": "data"},
        "http://127.0.0.1",
        {"rows_path": "data", "value_field": "value"},
    ),
    (
        {"kind": "prometheus", "address": "http://127.0.0.1:9090", "query": "up", "token": SECRET},
        "http://127.0.0.1:9090",
        {"query": "up", "value_field": "", "at_field": ""},
    ),
    (
        {"kind": "sql", "address": DATABASE, "query": "SELECT"},
        "postgresql://127.0.0.1:5432",
        {"query": "SELECT", "rows_path": ""},
    ),
]


@pytest.mark.parametrize(("fields", "leads_to", "stored"), KINDS, ids=[k[0]["kind"] for k in KINDS])
def test_d7_a_connector_is_set_up_and_its_secrets_are_never_shown_again(
    cast: Cast, admin: Browser, fields: dict[str, Any], leads_to: str, stored: dict[str, Any]
) -> None:
    # What another kind has is posted, too, and does not stay.
    connector = save(admin, cast, **{"rows_path": "x", "query": "x", "at_field": "at"} | fields)
    assert (connector.leads_to, unseal(connector.sealed_address)) == (leads_to, fields["address"])
    token = unseal(connector.sealed_token) if connector.sealed_token else ""
    assert token == fields.get("token", "")
    assert {name: getattr(connector, name) for name in stored} == stored
    assert connector.next_run_at is not None
    assert connector.next_run_at <= timezone.now(), "it runs at once"
    pages = (page_of(connector), "/admin/kpis/connector/", f"{page_of(connector)[:-7]}history/")
    for page in pages:
        shown = admin.get(page, follow=True).content.decode()
        assert leads_to in shown or "history" in page
        assert SECRET not in shown
        assert connector.sealed_address not in shown
    assert SECRET not in str(list(LogEntry.objects.values_list("change_message", "object_repr")))


def test_d7_a_secret_that_was_entered_is_not_shown_where_the_form_is_refused(
    cast: Cast, admin: Browser
) -> None:
    posted = filled(admin, cast, name="", address=f"http://127.0.0.1/{SECRET}", token=SECRET)
    shown = admin.post(ADD, posted).content.decode()
    assert "This field is required" in shown
    assert SECRET not in shown


def test_d7_what_is_left_empty_stays_and_a_new_address_takes_the_old_token_away(
    cast: Cast, admin: Browser
) -> None:
    made = save(admin, cast, token=SECRET)
    Connector.objects.filter(pk=made.pk).update(failures=3, next_run_at=None)
    renamed = save(admin, cast, page_of(made), name="Renamed")
    kept = (renamed.sealed_address, renamed.sealed_token, renamed.failures, renamed.version)
    assert kept == (made.sealed_address, made.sealed_token, 3, made.version)
    changed = save(admin, cast, page_of(made), minutes=30)
    assert (changed.sealed_token, changed.failures) == (made.sealed_token, 0)
    assert changed.next_run_at is not None
    assert changed.version == made.version + 1
    elsewhere = save(admin, cast, page_of(made), address="http://localhost/mine")
    assert (elsewhere.leads_to, elsewhere.sealed_token) == ("http://localhost", "")
    both = save(admin, cast, page_of(made), address="http://localhost/mine", token="another")
    assert unseal(both.sealed_token) == "another"


def test_d7_of_another_kind_it_needs_another_address(cast: Cast, admin: Browser) -> None:
    made = save(admin, cast)
    found = errors(admin, cast, page_of(made), kind="json")
    assert found == {"address": ["Of another kind it has another address: enter it."]}


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"address": ""}, "address", "Where are the values?"),
    ({"address": "nonsense"}, "address", "An address begins with https://"),
    ({"address": f"http://a:{SECRET}@127.0.0.1/"}, "address", "use a bearer token"),
    ({"address": DATABASE}, "address", "An address begins with https://"),
    ({"address": f"http://{'a' * 300}/"}, "address", "too long"),
    ({"kind": "sql", "address": f"sqlite:///{'a' * 300}"}, "address", "too long"),
    ({"kpi": "x", "account": "x"}, "account", "valid"),
    ({"kind": "sql", "query": "SELECT 1"}, "address", "Expected postgresql://"),
    ({"kind": "sql", "address": "sqlite:///x.db"}, "address", "the operator has named none"),
    ({"kind": "sql", "address": DATABASE, "token": "x"}, "token", "A database takes none"),
    ({"kind": "sql", "query": " "}, "query", "What is asked for?"),
    ({"kind": "prometheus"}, "query", "What is asked for?"),
    ({"kind": "nonsense"}, "kind", "Select a valid choice"),
    ({"token": "two words"}, "token", "signs of ASCII only"),
    ({"token": "tökén"}, "token", "signs of ASCII only"),
    ({"value_field": ""}, "value_field", "Which column or field"),
    ({"kpi_field": ""}, "kpi_field", "Choose a KPI, or say"),
    ({"minutes": 4}, "minutes", "From 5 to 10,080"),
    ({"minutes": 10_081}, "minutes", "From 5 to 10,080"),
    ({"minutes": ""}, "minutes", "Every how many minutes?"),
    ({"rhythm": "daily"}, "daily_at", "At what time?"),
    ({"rhythm": "daily", "daily_at": "25:00"}, "daily_at", "valid time"),
    ({"decimals": 5}, "decimals", "At most 4"),
    ({"name": " "}, "name", "required"),
]


@pytest.mark.parametrize(("fields", "wrong", "words"), BAD, ids=range(len(BAD)))
def test_d7_what_could_never_write_anything_is_refused_beside_its_field(
    cast: Cast, admin: Browser, fields: dict[str, Any], wrong: str, words: str
) -> None:
    found = errors(admin, cast, **fields)
    assert wrong in found, found
    assert words in " ".join(found[wrong])
    assert not Connector.objects.of(cast.home.id).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"minutes": 5},
        {"minutes": 10_080},
        {"decimals": 0},
        {"decimals": ""},
        {"rhythm": "daily", "daily_at": "06:30", "minutes": 3},
    ],
)
def test_d7_bounds_of_a_connector_are_as_its_form_says(
    cast: Cast, admin: Browser, fields: dict[str, Any]
) -> None:
    connector = save(admin, cast, **fields)
    if "daily_at" in fields:
        assert (str(connector.daily_at), connector.minutes) == ("06:30:00", None)
        assert connector.next_run_at is not None
        assert timezone.now() < connector.next_run_at <= timezone.now() + timedelta(days=1)


def test_d7_an_account_that_may_set_no_kpi_or_is_anothers_is_refused(
    cast: Cast, admin: Browser, root: Browser
) -> None:
    found = errors(admin, cast, account=account(cast.home, Role.MEMBER))
    assert found["account"] == ["A member may set no KPI: give it the role manager."]
    assert "account" in errors(admin, cast, account=account(cast.other))
    assert "kpi" in errors(admin, cast, kpi=cast.other.revenue.pk, kpi_field="")
    # A superuser chooses the organization, too.
    of_home = {"organization": cast.home.id}
    found = errors(root, cast, **of_home, account=account(cast.other))
    assert found["account"] == ["The service account is of another organization."]
    found = errors(root, cast, **of_home, kpi=cast.other.revenue.pk, kpi_field="")
    assert found["kpi"] == ["The KPI is of another organization."]
    answer = root.post(ADD, filled(root, cast, **of_home))
    assert answer.status_code == 302
    assert Connector.objects.of(cast.home.id).count() == 1


def test_d7_an_address_inside_the_network_is_refused_when_it_is_saved(
    cast: Cast, admin: Browser, settings: Any
) -> None:
    settings.OUTBOUND_INSIDE = False
    inside = "This address is inside the server's own network."
    for fields in (
        {},
        {"kind": "sql", "query": "SELECT 1", "address": "postgresql://a:b@127.0.0.1/x"},
        {"kind": "prometheus", "query": "up", "address": "http://10.0.0.5:9090"},
    ):
        assert errors(admin, cast, **fields) == {"address": [inside]}
        assert tried(admin, filled(admin, cast, **fields)) == {"problem": f"Address: {inside}"}
    assert not ConnectorTrial.objects.filter(organization_id=cast.home.id).exists()


def test_d7_an_organization_has_so_many_connectors_and_no_more(cast: Cast, admin: Browser) -> None:
    first = save(admin, cast)
    Connector.objects.bulk_create(
        Connector(
            organization=first.organization,
            name=f"{number}",
            kind="csv",
            account=first.account,
            sealed_address=first.sealed_address,
            is_active=False,
        )
        for number in range(MOST_CONNECTORS - 2)
    )
    save(admin, cast)
    [problem] = errors(admin, cast)["__all__"]
    assert problem == "Your organization has 50 connectors: delete one first."
    assert Connector.objects.of(cast.home.id).count() == MOST_CONNECTORS
    save(admin, cast, page_of(first), minutes=30)


def test_d7_another_organizations_admin_learns_nothing_of_a_connector(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    connector = save(admin, cast)
    run = reverse("admin:kpis_connector_run", args=(connector.pk,))
    assert "Sales" not in stranger.get("/admin/kpis/connector/").content.decode()
    assert stranger.get(page_of(connector)).status_code == 302
    assert stranger.post(run).status_code == 404
    posted = filled(admin, cast, page_of(connector), connector=connector.pk)
    as_new = tried(stranger, posted | {"account": account(cast.other)})
    assert as_new == {"problem": "Address: Where are the values?"}
    theirs = posted | {"account": account(cast.other), "connector": "nonsense"}
    assert tried(stranger, theirs) == as_new
    trial = tried(admin, posted)["address"]
    assert admin.get(trial).json() == {"waiting": True, "hint": ""}
    assert stranger.get(trial).status_code == 404
    assert Browser().get(trial).status_code == 302
    assert Browser().post(TRY).status_code == 302
    assert admin.get(TRY).status_code == 405
    assert admin.get(run).status_code == 405


# ------------------------------------------------------------------ tried


def tried(browser: Browser, posted: dict[str, Any]) -> dict[str, Any]:
    answer = browser.post(TRY, posted)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def outcome(browser: Browser, posted: dict[str, Any]) -> dict[str, Any]:
    """Have it tried, as a worker does it; what the page shows then."""
    address = tried(browser, posted)["address"]
    [job] = due_jobs()
    trials.make(*job.task["args"])
    trials.make(*job.task["args"])
    OrmQ.objects.all().delete()
    found: dict[str, Any] = json.loads(browser.get(address).content)
    return found


def test_d7_a_connector_is_tried_as_it_stands_in_the_form_and_nothing_is_written(
    cast: Cast, admin: Browser, sources: Sources
) -> None:
    lines = "revenue,125.55555,2026-01-31T08:30:00Z\nrevenue,126,\nnonsense,1,\nmargin,x,\n"
    address = sources.answer("kpi,value,at\n" + lines)
    posted = filled(admin, cast, address=address, at_field="at", token=SECRET)
    before = head(cast)
    assert outcome(admin, posted) == {
        "text": "2 values would be written, 2 rows would be refused.",
        "rows": [
            {"row": 1, "kpi": "Revenue", "value": "125.5556 EUR", "at": "2026-01-31 08:30:00 UTC"},
            {"row": 2, "kpi": "Revenue", "value": "126 EUR", "at": "when it is fetched"},
            {
                "row": 3,
                "kpi": "nonsense",
                "value": "1",
                "at": "when it is fetched",
                "field": "kpi",
                "problem": UNKNOWN,
            },
            {
                "row": 4,
                "field": "value",
                "problem": "“x” is not a number. Write it like 1234.5",
            },
        ],
    }
    assert not Connector.objects.of(cast.home.id).exists()
    assert Kpi.objects.get(pk=cast.home.revenue.pk).value == 100
    assert head(cast) == before
    [trial] = ConnectorTrial.objects.filter(organization_id=cast.home.id)
    assert trial.sealed_source == "", "its secrets are gone as soon as it is made"


def test_d7_a_stored_connector_is_tried_with_its_secrets_and_stays_as_it_is(
    cast: Cast, admin: Browser, sources: Sources
) -> None:
    address = sources.answer([{"name": "revenue", "value": 7}])
    connector = save(admin, cast, kind="json", address=address, token=SECRET)
    posted = filled(admin, cast, page_of(connector), connector=connector.pk, kpi_field="name")
    found = outcome(admin, posted)
    assert (found["text"], found["is_good"]) == ("1 value would be written.", True)
    [seen] = sources.seen(address)
    assert seen["headers"]["Authorization"] == f"Bearer {SECRET}"
    connector.refresh_from_db()
    assert (connector.kpi_field, connector.version) == ("kpi", 1)
    # Somebody else's address does not get the stored token.
    mine = sources.answer([])
    assert outcome(admin, posted | {"address": mine})["text"].startswith("The source has no rows")
    [seen] = sources.seen(mine)
    assert "Authorization" not in seen["headers"]


def test_d7_the_first_rows_are_shown_and_those_that_would_be_refused(
    cast: Cast, admin: Browser, sources: Sources
) -> None:
    lines = [f"revenue,{n},2026-01-01T{n // 60:02}:{n % 60:02}Z" for n in range(60)]
    lines[50] = "nonsense,1,"
    address = sources.answer("kpi,value,at\n" + "\n".join(lines))
    found = outcome(admin, filled(admin, cast, address=address, at_field="at"))
    assert found["text"] == "59 values would be written, 1 row would be refused."
    assert [row["row"] for row in found["rows"]] == [*range(1, 21), 51]


def test_d7_what_cannot_be_tried_says_why(
    cast: Cast, admin: Browser, sources: Sources, settings: Any
) -> None:
    assert tried(admin, filled(admin, cast, name="")) == {
        "problem": "Name: This field is required."
    }
    gone = filled(admin, cast, address=sources.answer("", 404))
    assert outcome(admin, gone) == {"problem": "The source answers with status 404."}
    machine = make_machine(cast.home.organization)
    off = filled(admin, cast, address=sources.answer("kpi,value\n"), account=machine.id)
    machine.user.is_active = False
    machine.user.save()
    assert outcome(admin, off) == {"problem": running.SWITCHED_OFF}
    settings.USER_WAITING_JOBS = 1
    assert "address" in tried(admin, gone)
    assert "Wait until" in tried(admin, gone)["problem"]
    [job] = due_jobs()
    trials.given_up(*job.task["args"], reason="It took too long.")
    trial = ConnectorTrial.objects.filter(organization_id=cast.home.id).latest("created_at")
    assert json.loads(trial.outcome) == {"problem": "It could not be tried. It took too long."}


def test_d7_a_trial_that_takes_long_says_so(cast: Cast, admin: Browser) -> None:
    address = tried(admin, filled(admin, cast))["address"]
    long_ago = timezone.now() - trials.LONG
    ConnectorTrial.objects.filter(organization_id=cast.home.id).update(created_at=long_ago)
    assert admin.get(address).json() == {"waiting": True, "hint": trials.STANDSTILL}


# ------------------------------------------------------------------ run


def test_d7_run_now_has_it_run_once(cast: Cast, admin: Browser, sources: Sources) -> None:
    address = sources.answer("kpi,value\nrevenue,125\n")
    connector = save(admin, cast, address=address)
    run = reverse("admin:kpis_connector_run", args=(connector.pk,))
    told = []
    for _ in range(2):
        answer = admin.post(run)
        assert answer.headers["Location"] == page_of(connector)
        told += [str(message) for message in get_messages(answer.wsgi_request)]
    assert told[-2:] == ["It runs as soon as a worker is free.", "It is being run already."]
    assert "being run" in admin.get(page_of(connector)).content.decode()
    [job] = due_jobs()
    running.run(*job.task["args"])
    assert Kpi.objects.get(pk=cast.home.revenue.pk).value == 125
    assert "works" in admin.get("/admin/kpis/connector/").content.decode()


def test_d7_the_page_says_how_a_connector_is_doing(
    cast: Cast, admin: Browser, sources: Sources
) -> None:
    address = sources.answer("kpi,value\nnonsense,1\n")
    connector = make_connector(cast, ConnectorKind.CSV, address)
    assert "has not run yet" in admin.get(page_of(connector)).content.decode()
    run_once(connector, cast.alice.user)
    shown = admin.get(page_of(connector)).content.decode()
    for words in ("failing, 1 time", "One row is refused", "Failing since", UNKNOWN):
        assert words in shown, words
    assert "failing, 1 time" in admin.get("/admin/kpis/connector/").content.decode()


def test_d7_accounts_and_kpis_of_ones_own_organization_are_found(
    cast: Cast, admin: Browser
) -> None:
    own, foreign = make_machine(cast.home.organization), make_machine(cast.other.organization)
    of_field = {"app_label": "kpis", "model_name": "connector", "field_name": "account"}
    found = admin.get("/admin/autocomplete/", of_field | {"term": "machine"}).json()
    ids = {one["id"] for one in found["results"]}
    assert own.id in ids
    assert foreign.id not in ids
    of_kpi = of_field | {"field_name": "kpi", "term": "Revenue"}
    found = admin.get("/admin/autocomplete/", of_kpi).json()
    assert [one["id"] for one in found["results"]] == [str(cast.home.revenue.pk)]
