"""Sources of connectors: CSV, JSON, Prometheus, SQLite; and some that misbehave (decision D7)."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kpis.connectors.fetching import fetch
from kpis.connectors.source import MOST_BYTES, MOST_ROWS, Source, SourceFailed
from kpis.connectors.values import parsed
from kpis.ingest.values import Parsed
from kpis.models import ConnectorKind
from tests.support.connecting import source
from tests.support.services import free_port
from tests.support.sources import Sources, serving_sources

CSV, JSON = ConnectorKind.CSV, ConnectorKind.JSON
PROMETHEUS, SQL = ConnectorKind.PROMETHEUS, ConnectorKind.SQL
JANUARY = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
SECRET = "s3cret"


@pytest.fixture(scope="module")
def sources() -> Iterator[Sources]:
    with serving_sources() as running:
        yield running


@pytest.fixture(autouse=True)
def inside(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True


def rows(found: Parsed) -> list[tuple[str, Decimal, datetime | None]]:
    assert found.refused == []
    return [(row.kpi, row.value, row.at) for row in found.rows]


def refused(found: Parsed) -> list[tuple[int, str]]:
    return [(one.index, one.field) for one in found.refused]


def failure(asked: Source, **more: Any) -> str:
    with pytest.raises(SourceFailed) as failed:
        fetch(asked, **more)
    assert SECRET not in str(failed.value)
    return str(failed.value)


# ------------------------------------------------------------------ cells


@pytest.mark.parametrize(
    ("cell", "decimals", "value"),
    [
        (1, 4, "1"),
        (12.34567, 4, "12.3457"),
        (0.1 + 0.2, None, "0.3"),
        (Decimal("-2.00005"), 4, "-2"),
        ("12.5", 0, "12"),
        ("1e3", None, "1000"),
        (" 7 ", 4, "7"),
        ("1e-300", 4, "0"),
        ("99999999999.9999", 4, "99999999999.9999"),
    ],
)
def test_d7_a_number_is_rounded_where_that_is_wanted(
    cell: object, decimals: int | None, value: str
) -> None:
    asked = source(CSV, "", decimals=decimals)
    assert rows(parsed(asked, [("a", cell, None)])) == [("a", Decimal(value), None)]


@pytest.mark.parametrize(
    ("cell", "decimals"),
    [
        (12.34567, None),
        ("12.34567", None),
        (10**15, 4),
        (Decimal("1e400"), 4),
        ("1e999", 4),
        (float("nan"), 4),
        (float("-inf"), 4),
        ("NaN", 4),
        ("+Inf", 4),
        ("98 %", 4),
        ("1,5", 4),
        ("", 4),
        (None, 4),
        (True, 4),
        ([1], 4),
        ({"a": 1}, 4),
    ],
)
def test_d7_what_is_no_value_is_refused_by_its_row(cell: object, decimals: int | None) -> None:
    found = parsed(source(CSV, "", decimals=decimals), [("a", 1, None), ("a", cell, None)])
    assert (len(found.rows), found.count, refused(found)) == (1, 2, [(2, "value")])


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        (None, None),
        ("", None),
        ("2026-01-31T09:30:00+01:00", JANUARY),
        ("2026-01-31 08:30:00", JANUARY),
        ("2026-01-31 08:30:00+00", JANUARY),
        ("2026-01-31", JANUARY.replace(hour=0, minute=0)),
        ("20260131", JANUARY.replace(hour=0, minute=0)),
        (JANUARY.timestamp(), JANUARY),
        (int(JANUARY.timestamp()) * 1000, JANUARY),
        (Decimal(int(JANUARY.timestamp())), JANUARY),
        (str(int(JANUARY.timestamp())), JANUARY),
    ],
)
def test_d7_a_time_is_read_in_the_ways_in_which_systems_write_it(
    cell: object, at: datetime | None
) -> None:
    assert rows(parsed(source(CSV, ""), [("a", 1, cell)])) == [("a", Decimal(1), at)]


@pytest.mark.parametrize(
    "cell", ["yesterday", "31.01.2026", -1e30, 1e30, Decimal("1e400"), "1800-01-01", True, [], {}]
)
def test_d7_what_is_no_time_is_refused_by_its_row(cell: object) -> None:
    assert refused(parsed(source(CSV, ""), [("a", 1, cell)])) == [(1, "at")]


def test_d7_a_row_without_a_kpi_is_refused() -> None:
    found = parsed(source(CSV, ""), [(None, 1, None), ("", 1, None), ("  ", 1, None), (7, 1, None)])
    assert refused(found) == [(1, "kpi"), (2, "kpi"), (3, "kpi")]
    assert [row.kpi for row in found.rows] == ["7"]


# ------------------------------------------------------------------ CSV


def test_d7_csv_is_read_by_the_columns_that_are_named(sources: Sources) -> None:
    address = sources.answer(
        "Sales of today;;;\nName;Amount;Measured at;Other\nrevenue;1500;2026-01-31T08:30Z;x\n"
    )
    asked = source(
        CSV, address, kpi_field="name", value_field="Amount", at_field="Measured at", token=SECRET
    )
    assert rows(fetch(asked)) == [("revenue", Decimal(1500), JANUARY)]
    [seen] = sources.seen(address)
    assert seen["headers"]["Authorization"] == f"Bearer {SECRET}"


def test_d7_csv_of_one_kpi_needs_no_column_of_it(sources: Sources) -> None:
    id_ = str(uuid.uuid4())
    asked = source(CSV, sources.answer("value\n1.5\n"), kpi=id_, kpi_field="")
    assert rows(fetch(asked)) == [(id_, Decimal("1.5"), None)]


def test_d7_csv_without_rows_has_no_values_and_without_its_columns_it_fails(
    sources: Sources,
) -> None:
    assert fetch(source(CSV, sources.answer("kpi,value\n"))).count == 0
    assert "Columns are missing: kpi, value" in failure(source(CSV, sources.answer("a,b\n1,2\n")))
    assert "no rows" in failure(source(CSV, sources.answer("not found")))
    assert failure(source(CSV, sources.answer(""))) == "The file is empty."
    assert "UTF-8" in failure(source(CSV, sources.answer(b"kpi,value\n\xff,1\n")))


def test_d7_a_source_has_so_many_rows_and_no_more(sources: Sources) -> None:
    lines = "kpi,value\n" + "a,1\n" * MOST_ROWS
    assert fetch(source(CSV, sources.answer(lines))).count == MOST_ROWS
    assert "more than 10,000 rows" in failure(source(CSV, sources.answer(lines + "a,1\n")))
    listed = f"[{','.join(['{}'] * (MOST_ROWS + 1))}]"
    assert failure(source(JSON, sources.answer(listed))) == "There are more than 10,000 rows."


# ------------------------------------------------------------------ JSON


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        ([{"kpi": "a", "value": 1.5}], {}),
        ({"kpi": "a", "value": 1.5}, {}),
        ({"data": {"items": [{"kpi": "a", "value": 1.5}]}}, {"rows_path": "/data/items"}),
        ({"data": {"items": [{"kpi": "a", "value": 1.5}]}}, {"rows_path": "data.items"}),
        ({"a/b": [{"kpi": "a", "value": 1.5}]}, {"rows_path": "/a~1b"}),
        ([{"x": [{"k": "a"}], "v": {"n": 1.5}}], {"kpi_field": "x.0.k", "value_field": "/v/n"}),
        ([["a", 1.5]], {"kpi_field": "0", "value_field": "1"}),
        ([{"kpi": "a", "value": "1.5"}], {}),
    ],
)
def test_d7_json_is_read_by_paths(sources: Sources, answer: Any, fields: dict[str, str]) -> None:
    assert rows(fetch(source(JSON, sources.answer(answer), **fields))) == [
        ("a", Decimal("1.5"), None)
    ]


def test_d7_json_keeps_the_digits_that_were_sent(sources: Sources) -> None:
    address = sources.answer('[{"kpi":"a","value":99999999999.9999,"at":1769848200}]')
    found = rows(fetch(source(JSON, address, at_field="at")))
    assert found == [("a", Decimal("99999999999.9999"), JANUARY)]


@pytest.mark.parametrize(
    ("answer", "fields", "words"),
    [
        ({"data": 5}, {"rows_path": "data"}, "There is no list at “data”."),
        ([[1]], {"rows_path": "0.99999999999999999999"}, "There is no list"),
        (5, {}, "There is no list in the answer."),
        ("<html>", {}, "The answer is not JSON."),
        (b"\xff", {}, "The answer is not JSON."),
        ("[" * 100_000, {}, "The answer is not JSON."),
        ('[{"value":1e999999999999999999999}]', {}, "The answer is not JSON."),
    ],
)
def test_d7_json_that_cannot_be_read_says_why(
    sources: Sources, answer: Any, fields: dict[str, str], words: str
) -> None:
    assert words in failure(source(JSON, sources.answer(answer), **fields))


def test_d7_a_field_that_a_row_has_not_is_refused_by_its_row(sources: Sources) -> None:
    address = sources.answer([{"kpi": "a"}, {"value": 1}, 5, None])
    assert refused(fetch(source(JSON, address))) == [
        (1, "value"),
        (2, "kpi"),
        (3, "kpi"),
        (4, "kpi"),
    ]


# ------------------------------------------------------------------ Prometheus


def vector(*samples: tuple[dict[str, str], str]) -> dict[str, Any]:
    at = JANUARY.timestamp()
    result = [{"metric": labels, "value": [at, value]} for labels, value in samples]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def test_d7_prometheus_is_asked_and_its_label_names_the_kpi(sources: Sources) -> None:
    address = sources.answer(vector(({"kpi": "a"}, "1.23456"), ({"kpi": "b"}, "7")))
    query = 'sum by (kpi) (rate(sales{region="north & south"}[5m]))'
    asked = source(PROMETHEUS, address + "/", query=query, token=SECRET, decimals=4)
    expected = [("a", Decimal("1.2346"), JANUARY), ("b", Decimal(7), JANUARY)]
    assert rows(fetch(asked)) == expected
    [seen] = sources.seen(address)
    assert (seen["path"], seen["query"]) == ("/api/v1/query", {"query": [query]})
    assert seen["headers"]["Authorization"] == f"Bearer {SECRET}"


def test_d7_one_sample_of_prometheus_is_of_one_kpi(sources: Sources) -> None:
    id_ = str(uuid.uuid4())
    scalar = {"resultType": "scalar", "result": [JANUARY.timestamp(), "5"]}
    for answer in (vector(({}, "5")), {"status": "success", "data": scalar}):
        asked = source(PROMETHEUS, sources.answer(answer), query="up", kpi=id_, kpi_field="")
        assert rows(fetch(asked)) == [(id_, Decimal(5), JANUARY)]
    nothing = source(PROMETHEUS, sources.answer(vector()), query="up", kpi=id_, kpi_field="")
    assert fetch(nothing).count == 0
    two = sources.answer(vector(({}, "5"), ({"a": "b"}, "6")))
    many = source(PROMETHEUS, two, query="up", kpi=id_, kpi_field="")
    assert "2 samples for one KPI" in failure(many)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"status": "error", "error": "parse error: no"}, 400, "refuses the query: parse error"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, 200, "a range"),
        ({"status": "success", "data": {"resultType": "vector", "result": [5]}}, 200, "is none of"),
        ({"status": "success"}, 200, "is none of Prometheus"),
        ([], 200, "is none of Prometheus"),
        ("<html>", 200, "not JSON"),
        ("busy", 503, "status 503"),
    ],
)
def test_d7_prometheus_that_does_not_answer_the_query_says_why(
    sources: Sources, answer: Any, status: int, words: str
) -> None:
    assert words in failure(source(PROMETHEUS, sources.answer(answer, status), query="up"))


def test_d7_a_sample_that_is_no_number_is_refused_by_its_row(sources: Sources) -> None:
    address = sources.answer(vector(({"kpi": "a"}, "NaN"), ({"kpi": "b"}, "+Inf"), ({}, "1")))
    assert refused(fetch(source(PROMETHEUS, address, query="up"))) == [
        (1, "value"),
        (2, "value"),
        (3, "kpi"),
    ]


# ------------------------------------------------------------------ addresses that misbehave


def test_d7_a_status_that_is_no_answer_is_said(sources: Sources) -> None:
    assert failure(source(CSV, sources.answer("", 500))).endswith("status 500.")
    refuses = sources.answer("", 401)
    assert "refuses the token" in failure(source(CSV, refuses, token=SECRET))


def test_d7_a_token_goes_to_the_first_host_alone(sources: Sources) -> None:
    end = sources.answer("kpi,value\na,1\n")
    elsewhere = end.replace("127.0.0.1", "localhost")
    address = sources.answer("", 302, location=elsewhere)
    assert fetch(source(CSV, address, token=SECRET)).count == 1
    [seen] = sources.seen(end)
    assert "Authorization" not in seen["headers"]
    for _ in range(4):
        end = sources.answer("", 302, location=end)
    assert "redirected more than 3 times" in failure(source(CSV, end))


def test_d7_an_address_inside_the_network_is_refused_when_it_is_fetched(
    sources: Sources, settings: Any
) -> None:
    settings.OUTBOUND_INSIDE = False
    address = sources.answer("kpi,value\na,1\n")
    for kind in (CSV, JSON, PROMETHEUS):
        assert "inside the server's own network" in failure(source(kind, address, query="up"))
    assert sources.seen(address) == []


def test_d7_an_answer_has_so_many_bytes_and_no_more(sources: Sources) -> None:
    full = f"[{' ' * (MOST_BYTES - 2)}]"
    assert fetch(source(JSON, sources.answer(full))).count == 0
    assert "longer than 2,097,152 bytes" in failure(source(JSON, sources.answer(full + " ")))


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_d7_a_source_that_never_answers_is_given_up(sources: Sources, how: str) -> None:
    address = sources.answer("", **{how: True})
    assert failure(source(CSV, address), seconds=1) == "It did not answer within 1 seconds."


def test_d7_a_source_that_is_away_is_said() -> None:
    address = f"http://127.0.0.1:{free_port()}/{SECRET}"
    assert "cannot be reached" in failure(source(CSV, address, token=SECRET))


# ------------------------------------------------------------------ SQLite


@pytest.fixture
def sales(tmp_path: Path, settings: Any) -> Path:
    settings.CONNECTOR_FILES = str(tmp_path)
    own = tmp_path / str(uuid.uuid4())
    own.mkdir()
    database = sqlite3.connect(own / "sales.db")
    with database:
        database.execute("CREATE TABLE sales (name TEXT, amount REAL, day TEXT)")
        lines = [("a", 12.34567, "2026-01-31T08:30Z"), ("b", 2, "2026-01-31 08:30")]
        database.executemany("INSERT INTO sales VALUES (?, ?, ?)", lines)
    database.close()
    return own / "sales.db"


def of_file(file: Path, query: str, **fields: Any) -> Source:
    usual: dict[str, Any] = {"value_field": "amount", "kpi_field": "name"}
    address, id_ = f"sqlite:///{file.name}", file.parent.name
    return source(SQL, address, query=query, organization_id=id_, **usual | fields)


def test_d7_a_query_reads_a_file_of_the_organization(sales: Path) -> None:
    asked = of_file(
        sales, "SELECT name, amount, day FROM sales ORDER BY 1 -- all", at_field="DAY", decimals=4
    )
    assert rows(fetch(asked)) == [("a", Decimal("12.3457"), JANUARY), ("b", Decimal(2), JANUARY)]


def test_d7_a_column_that_the_query_has_not_is_said_with_those_that_it_has(sales: Path) -> None:
    asked = of_file(sales, "SELECT name, amount FROM sales", value_field="value")
    assert failure(asked) == "The query has no column “value”. It has: name, amount."


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM sales",
        "SELECT 'a' AS name, 1 AS amount) AS x; DELETE FROM sales; --",
        "SELECT 'a' AS name, 1 AS amount; DELETE FROM sales",
        "SELECT name, cid AS amount FROM pragma_table_info('sales')",
        "SELECT load_extension('x') AS name, 1 AS amount",
        "ATTACH 'other.db' AS other",
        "PRAGMA journal_mode = WAL",
        "SELECT 'a' AS name, nonsense AS amount",
        "nonsense",
        "",
    ],
)
def test_d7_a_query_that_does_more_than_read_is_refused_by_sqlite(sales: Path, query: str) -> None:
    before = sales.read_bytes()
    assert failure(of_file(sales, query)).startswith(("SQLite refuses", "The database has refused"))
    assert sales.read_bytes() == before
    assert [file.name for file in sales.parent.iterdir()] == ["sales.db"]


def test_d7_a_query_without_an_end_is_ended(sales: Path, settings: Any) -> None:
    settings.IMPORT_SECONDS = 1
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT 'a' AS name, max(i) AS amount FROM n"
    )
    assert failure(of_file(sales, endless)) == "It takes too much memory or time to read."


def test_d7_a_query_finds_so_many_rows_and_no_more(sales: Path) -> None:
    of = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {})"
        " SELECT 'a' AS name, i AS amount FROM n"
    )
    assert fetch(of_file(sales, of.format(MOST_ROWS))).count == MOST_ROWS
    assert "more than 10,000 rows" in failure(of_file(sales, of.format(MOST_ROWS + 1)))


def test_d7_what_is_no_database_is_said(sales: Path) -> None:
    sales.write_bytes(json.dumps(["no database"]).encode() * 100)
    assert "no SQLite database" in failure(of_file(sales, "SELECT name, amount FROM sales"))
    sales.unlink()
    assert "no such file" in failure(of_file(sales, "SELECT name, amount FROM sales"))
