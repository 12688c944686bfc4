"""Statements that go to the database together: on PostgreSQL in one round trip, however many.

One statement inserts or updates as many rows as there are. Psycopg's pipeline mode sends a message
and plans a statement for each row (34 us a row of the log, of which 13 us are this process's; one
statement of many rows: 20 and 6 us), so it is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

# What a round trip sends at most, but for one row that is longer. A group of 64 has 100,000; one
# transaction may bring thousands of events, and several copies of the text are in memory.
MOST_CHARACTERS = 2**20

Row = Sequence[Any]
"""Values as the database's driver takes them."""


@dataclass(frozen=True, slots=True, eq=False)
class Insert:
    """Rows of values for these columns. All names are quoted."""

    table: str
    columns: tuple[str, ...]

    @property
    def head(self) -> str:
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES "  # noqa: S608 -- as said


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """Rows of new values for these columns, and last the key of the row that gets them.

    types: of the columns and the key. Without a length: a cast to it would cut a text off, where
    what is too long has to be refused.
    """

    table: str
    columns: tuple[str, ...]
    key: str
    types: tuple[str, ...]

    @property
    def one(self) -> str:
        """The statement for one row."""
        changes = ", ".join(f"{column} = %s" for column in self.columns)
        return f"UPDATE {self.table} SET {changes} WHERE {self.key} = %s"  # noqa: S608 -- names of ours


class Script(Protocol):
    """Statements in their order; each of them sees what those before it have done."""

    def query(self, sql: str, values: Row = ()) -> None:
        """Add any statement. Its rows are an answer, if it has any."""
        ...

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None: ...

    def update(self, statement: Update, rows: Sequence[Row]) -> None:
        """Add updates of different rows: each key comes once."""
        ...

    def run(self) -> list[list[Any]]:
        """Send them all; the rows of each query that has returned rows."""
        ...


def script_for(database: BaseDatabaseWrapper) -> Script:
    """Return an empty script for this connection's open transaction."""
    return _AtOnce(database) if database.vendor == "postgresql" else _OneByOne(database)


class _OneByOne:
    """SQLite runs in this process: nothing is gained by sending statements together."""

    def __init__(self, database: BaseDatabaseWrapper) -> None:
        self._database = database
        self._steps: list[Callable[[Any], list[Any] | None]] = []

    def query(self, sql: str, values: Row = ()) -> None:
        def step(cursor: Any) -> list[Any] | None:
            cursor.execute(sql, values)
            rows: list[Any] | None = None if cursor.description is None else cursor.fetchall()
            return rows

        self._steps.append(step)

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        marks = ", ".join(["%s"] * len(statement.columns))
        self._many(f"{statement.head}({marks})", rows)

    def update(self, statement: Update, rows: Sequence[Row]) -> None:
        self._many(statement.one, rows)

    def _many(self, sql: str, rows: Sequence[Row]) -> None:
        def step(cursor: Any) -> None:
            cursor.executemany(sql, rows)

        self._steps.append(step)

    def run(self) -> list[list[Any]]:
        if not self._steps:
            return []
        with self._database.cursor() as cursor:
            answers = [step(cursor) for step in self._steps]
        return [rows for rows in answers if rows is not None]


class _AtOnce:
    """One text with the values in it, as Django's psycopg cursors send them anyway.

    To put values in place of thousands of marks costs psycopg six times as much.
    """

    def __init__(self, database: BaseDatabaseWrapper) -> None:
        from psycopg.adapt import Transformer

        self._database = database
        database.ensure_connection()
        self._as_literal = Transformer.from_context(database.connection).as_literal
        self._texts: list[str] = []

    def query(self, sql: str, values: Row = ()) -> None:
        with self._database.wrap_database_errors:
            self._texts.append(sql % tuple(map(self._literal, values)))

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        with self._database.wrap_database_errors:
            for some in _pieces(map(self._tuple, rows)):
                self._texts.append(statement.head + ", ".join(some))

    def update(self, statement: Update, rows: Sequence[Row]) -> None:
        if len(rows) == 1:
            self.query(statement.one, rows[0])
            return
        table, key = statement.table, statement.key
        changes = ", ".join(f"{column} = new.{column}" for column in statement.columns)
        # The first row says of which types the columns are: a null or a text does not.
        with self._database.wrap_database_errors:
            typed = zip(map(self._literal, rows[0]), statement.types, strict=True)
            first = ", ".join(f"CAST({value} AS {type_})" for value, type_ in typed)
            values = ", ".join([f"({first})", *map(self._tuple, rows[1:])])
        self._texts.append(
            f"UPDATE {table} SET {changes} FROM (VALUES {values}) "  # noqa: S608 -- names of ours
            f"AS new ({', '.join((*statement.columns, key))}) WHERE {table}.{key} = new.{key}"
        )

    def _tuple(self, row: Row) -> str:
        return f"({', '.join(map(self._literal, row))})"

    def _literal(self, value: Any) -> str:
        return self._as_literal(value).decode()

    def run(self) -> list[list[Any]]:
        answers: list[list[Any]] = []
        for some in _pieces(self._texts):
            with self._database.cursor() as cursor:
                cursor.execute("; ".join(some))
                more: bool | None = True
                while more:
                    if cursor.description is not None:
                        answers.append(cursor.fetchall())
                    more = cursor.nextset()
        return answers


def _pieces(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in pieces that are not too long to be sent at once."""
    piece: list[str] = []
    length = 0
    for text in texts:
        if piece and length + len(text) > MOST_CHARACTERS:
            yield piece
            piece, length = [], 0
        piece.append(text)
        length += len(text)
    if piece:
        yield piece
