"""Rows of a database by a query that only reads, for a child process (`bos.imports.apart`).

The query is put into one of ours, which takes the named columns and bounds each cell: so it is one
statement that selects, however it is written, and what comes back has few bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from urllib.parse import quote

import psycopg

from bos.outbound.http import outside_address
from bos.texts import cut
from kpis.connectors.addresses import is_sqlite, parse_postgres, sqlite_file
from kpis.connectors.source import MOST_ROWS, SECONDS, Source, SourceFailed

CONNECT_SECONDS = 10
LONGEST_CELL = 200
"""Longer than any key, id, number or time."""
TOO_MANY_ROWS = f"The query finds more than {MOST_ROWS:,} rows: narrow it down."
TOO_LONG = f"The query took longer than {SECONDS} seconds."
ONLY_READS = "The database has refused it: a connector only reads."

Cells = tuple[object, object, object]
"""Name of the KPI, value, and time of the measurement; None for what is not asked for."""


def read_database(source: Source) -> list[Cells]:
    """Raises SourceFailed, AddressRefused."""
    if is_sqlite(source.address):
        return _read_sqlite(source)
    return _read_postgres(source)


def _inner(source: Source) -> str:
    """Return the query as what others select from; a comment at its end ends with its line."""
    return f"(\n{source.query.strip().rstrip(';').rstrip()}\n) AS bos_rows"


def _columns(source: Source, there: Sequence[str]) -> list[str | None]:
    """Return the columns of KPI, value and time as the query calls them; None: not asked for.

    Raises SourceFailed. SQLite would take the name of a column that is not there for a text.
    """
    return [
        _column(name, there) if name else None
        for name in ("" if source.kpi else source.kpi_field, source.value_field, source.at_field)
    ]


def _column(name: str, there: Sequence[str]) -> str:
    if name in there:
        return name
    alike = [column for column in there if column.lower() == name.lower()]
    if len(alike) != 1:
        listed = cut(", ".join(there), 200)
        raise SourceFailed(f"The query has no column “{name}”. It has: {listed}.")
    return alike[0]


def _quoted(column: str) -> str:
    return '"{}"'.format(column.replace('"', '""'))


def _cells(columns: Sequence[str | None], row: Sequence[object]) -> Cells:
    found = iter(row)
    kpi, value, at = (None if column is None else next(found) for column in columns)
    return kpi, value, at


# ------------------------------------------------------------------ PostgreSQL

_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": f"{SECONDS}s",
    "lock_timeout": "5s",
    "timezone": "UTC",
    "datestyle": "ISO",
}
"""Of the transaction: a pooler in between takes none for a session."""


def _read_postgres(source: Source) -> list[Cells]:
    try:
        with _connected(source) as connection:
            try:
                return _select(connection, source)
            except psycopg.Error as error:
                raise _refused(error) from None
    except psycopg.Error:  # its text may hold the address
        raise SourceFailed(
            "The database cannot be reached, or refuses this user, password or database name."
        ) from None


def _connected(source: Source) -> psycopg.Connection[tuple[object, ...]]:
    """Connect to the address that was looked at, by what is in it and nothing of this machine's."""
    database = parse_postgres(source.address)
    connection = psycopg.connect(
        host=database.host,
        hostaddr=outside_address(database.host, database.port),
        port=database.port,
        user=database.user,
        password=database.password,
        dbname=database.database,
        sslmode=database.tls,
        sslrootcert="system" if database.tls == "verify-full" else None,
        sslcertmode="disable",
        gssencmode="disable",
        require_auth="scram-sha-256,md5,password,none",
        client_encoding="UTF8",
        application_name="BOS",
        connect_timeout=CONNECT_SECONDS,
    )
    connection.read_only = True
    return connection


def _select(connection: psycopg.Connection[tuple[object, ...]], source: Source) -> list[Cells]:
    connection.execute("; ".join(f"SET LOCAL {n} = '{v}'" for n, v in _SETTINGS.items()).encode())
    inner = _inner(source)
    # A server-side cursor is declared by the extended protocol, which takes one statement.
    with connection.cursor("bos_columns") as looking:
        looking.execute(f"SELECT * FROM {inner} LIMIT 0".encode())  # noqa: S608 -- is the query
        columns = _columns(source, [column.name for column in looking.description or ()])
    wanted = ", ".join(
        f"left({_quoted(c)}::text, {LONGEST_CELL})" for c in columns if c is not None
    )
    with connection.cursor("bos_rows") as reading:
        reading.execute(f"SELECT {wanted} FROM {inner}".encode())  # noqa: S608 -- is the query
        # At once: a statement's time is one for all rows, and the query cannot set it to another.
        rows = reading.fetchmany(MOST_ROWS + 1)
    if len(rows) > MOST_ROWS:
        raise SourceFailed(TOO_MANY_ROWS)
    return [_cells(columns, row) for row in rows]


def _refused(error: psycopg.Error) -> SourceFailed:
    match error.sqlstate:
        case "25006":
            return SourceFailed(ONLY_READS)
        case "57014":
            return SourceFailed(TOO_LONG)
        case None:
            return SourceFailed("The connection to the database was lost.")
    told = cut(error.diag.message_primary or "", 200).rstrip(".")
    return SourceFailed(f"The database refuses the query: {told}.")


# ------------------------------------------------------------------ SQLite

_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
LONGEST_VALUE = 2**20


def _read_sqlite(source: Source) -> list[Cells]:
    """A query without end is ended with the process that it runs in."""
    path = sqlite_file(source.address, source.organization_id)
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5, isolation_level=None
        )
    except sqlite3.Error:
        raise SourceFailed("The file cannot be opened.") from None
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        connection.set_authorizer(_allow)
        return _select_of_sqlite(connection, source)
    except (sqlite3.Error, sqlite3.Warning) as error:  # a Warning is of several statements
        raise _refused_by_sqlite(error) from None
    finally:
        connection.close()


def _allow(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    is_allowed = action in _ALLOWED and second != "load_extension"
    return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY


def _select_of_sqlite(connection: sqlite3.Connection, source: Source) -> list[Cells]:
    inner = _inner(source)
    looking = connection.execute(f"SELECT * FROM {inner} LIMIT 0")  # noqa: S608 -- is the query
    columns = _columns(source, [column[0] for column in looking.description])
    wanted = ", ".join(
        f"substr(CAST({_quoted(c)} AS TEXT), 1, {LONGEST_CELL})" for c in columns if c is not None
    )
    reading = connection.execute(f"SELECT {wanted} FROM {inner}")  # noqa: S608 -- is the query
    rows = reading.fetchmany(MOST_ROWS + 1)
    if len(rows) > MOST_ROWS:
        raise SourceFailed(TOO_MANY_ROWS)
    return [_cells(columns, row) for row in rows]


def _refused_by_sqlite(error: Exception) -> SourceFailed:
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY):
        return SourceFailed(ONLY_READS)
    if code & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT):
        return SourceFailed("The file cannot be opened, or is no SQLite database.")
    told = cut(str(error), 200).rstrip(".")
    return SourceFailed(f"SQLite refuses the query: {told}.")
