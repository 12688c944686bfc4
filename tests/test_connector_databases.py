"""Connectors that ask PostgreSQL: they only read, and nothing of it gets out (decision D7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from kpis.connectors.fetching import fetch
from kpis.connectors.source import MOST_ROWS, Source, SourceFailed
from kpis.models import ConnectorKind
from tests.support.connecting import source
from tests.support.services import free_port

SECRET = "s3cret/word"
JANUARY = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def inside(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True


@pytest.fixture
def address(database: None) -> str:
    """Of the tests' own PostgreSQL, as the user whom everything is allowed."""
    its = connection.settings_dict
    password = quote(its["PASSWORD"] or SECRET, safe="")  # any, where it asks for none
    return f"postgresql://{its['USER']}:{password}@{its['HOST']}:{its['PORT']}/{its['NAME']}"


@pytest.fixture
def table(database: None) -> Iterator[str]:
    """A table, a function that writes to it, and a sequence."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TABLE connector_sales (kpi text, value numeric);
            INSERT INTO connector_sales VALUES ('a', 1);
            CREATE FUNCTION connector_write() RETURNS text LANGUAGE sql AS
              'INSERT INTO connector_sales VALUES (''b'', 2) RETURNING kpi';
            CREATE SEQUENCE connector_numbers;
            """
        )
    yield "connector_sales"
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP FUNCTION connector_write; DROP TABLE connector_sales;"
            "DROP SEQUENCE connector_numbers"
        )


def asked(address: str, query: str, **fields: Any) -> Source:
    return source(ConnectorKind.SQL, address, query=query, **fields)


def failure(of: Source) -> str:
    with pytest.raises(SourceFailed) as failed:
        fetch(of)
    assert "s3cret" not in str(failed.value)
    return str(failed.value)


pytestmark = pytest.mark.once("postgres")


def test_d7_a_query_brings_values_of_every_type(address: str) -> None:
    query = """
        WITH given(kpi, value, at) AS (VALUES
          ('a', 99999999999.9999::numeric, timestamptz '2026-01-31 09:30+01'),
          ('b', 0.1::float8 + 0.2::float8, '2026-01-31 08:30'::timestamp),
          ('%s', 1.5, '2026-01-31'::date))
        SELECT * FROM given ORDER BY kpi DESC -- what there is
    """
    found = fetch(asked(address, query, at_field="AT", decimals=4))
    assert found.refused == []
    assert [(row.kpi, row.value, row.at) for row in found.rows] == [
        ("b", Decimal("0.3"), JANUARY),
        ("a", Decimal("99999999999.9999"), JANUARY),
        ("%s", Decimal("1.5"), JANUARY.replace(hour=0, minute=0)),
    ]


def test_d7_what_is_no_number_and_no_time_is_refused_by_its_row(address: str) -> None:
    query = "SELECT 'a' AS kpi, 'NaN'::float8 AS value, now() AS at"
    query += " UNION ALL SELECT 'b', 1, 'infinity' UNION ALL SELECT NULL, 1, NULL"
    found = fetch(asked(address, query, at_field="at"))
    assert {(one.index, one.field) for one in found.refused} == {
        (1, "value"),
        (2, "at"),
        (3, "kpi"),
    }


@pytest.mark.parametrize(
    "query",
    [
        "SELECT connector_write() AS kpi, 1 AS value",
        "SELECT 'a' AS kpi, nextval('connector_numbers') AS value",
        "SELECT kpi, value FROM connector_sales FOR UPDATE",
        "SELECT set_config('transaction_read_only', 'off', false) AS kpi, 1 AS value"
        " UNION ALL SELECT connector_write(), 1",
    ],
)
def test_d7_a_query_that_writes_is_refused_by_the_database(
    address: str, table: str, query: str
) -> None:
    found = failure(asked(address, query))
    assert found.startswith(("The database has refused it", "The database refuses the query"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), (SELECT is_called FROM connector_numbers) FROM " + table)
        assert cursor.fetchone() == (1, False)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM connector_sales RETURNING kpi, value",
        "WITH gone AS (DELETE FROM connector_sales RETURNING *) SELECT * FROM gone",
        "SELECT kpi, value FROM connector_sales; DELETE FROM connector_sales",
        "SELECT 'a' AS kpi, 1 AS value) AS x; DELETE FROM connector_sales; --",
        "SELECT kpi, value INTO connector_more FROM connector_sales",
        "COPY connector_sales TO PROGRAM 'true'",
        "nonsense",
        "",
    ],
)
def test_d7_what_is_not_one_query_is_refused(address: str, table: str, query: str) -> None:
    assert failure(asked(address, query)).startswith("The database refuses the query")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() == (1,)


def test_d7_a_transaction_of_a_connector_only_reads_and_has_an_end(address: str) -> None:
    names = ("transaction_read_only", "default_transaction_read_only", "statement_timeout")
    query = " UNION ALL ".join(
        f"SELECT current_setting('{name}') AS kpi, {place} AS value"
        for place, name in enumerate(names)
    )
    found = fetch(asked(address, query))
    assert [row.kpi for row in found.rows] == ["on", "on", "30s"]


def test_d7_a_query_finds_so_many_rows_and_no_more(address: str) -> None:
    query = "SELECT 'a' AS kpi, n AS value FROM generate_series(1, {}) AS n;"
    assert fetch(asked(address, query.format(MOST_ROWS))).count == MOST_ROWS
    assert "more than 10,000 rows" in failure(asked(address, query.format(MOST_ROWS + 1)))


def test_d7_a_cell_that_is_too_long_for_anything_is_cut(address: str) -> None:
    query = "SELECT repeat('x', 50000000) AS kpi, 1 AS value FROM generate_series(1, 20)"
    found = fetch(asked(address, query))
    assert [len(row.kpi) for row in found.rows] == [200] * 20


def test_d7_a_column_that_the_query_has_not_is_said_with_those_that_it_has(address: str) -> None:
    found = failure(asked(address, 'SELECT 1 AS "Kpi", 2 AS "Amount"', value_field="value"))
    assert found == "The query has no column “value”. It has: Kpi, Amount."


def test_d7_the_database_says_what_is_wrong_with_a_query(address: str) -> None:
    found = failure(asked(address, "SELECT kpi, value FROM nowhere"))
    assert found == 'The database refuses the query: relation "nowhere" does not exist.'


def test_d7_a_database_that_is_away_is_said_without_its_address(address: str) -> None:
    """A driver's own text has host, port and user."""
    its = connection.settings_dict
    away = f"postgresql://reader:s3cret@127.0.0.1:{free_port()}/shop"
    nowhere = f"postgresql://nobody:s3cret@{its['HOST']}:{its['PORT']}/no_such_shop"
    for wrong in (away, nowhere):
        found = failure(asked(wrong, "SELECT 1"))
        assert found.startswith("The database cannot be reached, or refuses")


def test_d7_a_database_inside_the_network_is_refused_when_it_is_fetched_from(
    address: str, settings: Any
) -> None:
    settings.OUTBOUND_INSIDE = False
    assert "inside the server's own network" in failure(asked(address, "SELECT 1"))
