"""Queries by ids whose SQL Django composes once, for where many requests ask the same.

Composing is most of what a small query costs (measured on SQLite: 0.35 ms for one row of two
tables, 0.05 ms prepared). The query is Django's own, so it is right on every database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid4

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

_UUID: models.UUIDField[Any, Any] = models.UUIDField()


class Prepared:
    """A query whose values are all ids: call it with them, for rows of what it selects.

    query: makes it, a `values_list`, of ids by name; called once for each thread's connection.

        members = Prepared(lambda team: Member.objects.filter(team_id=team).values_list("name"))
        [(name,) for (name,) in members(team=team_id)]
    """

    def __init__(self, query: Callable[..., models.QuerySet[Any, Any]], *names: str) -> None:
        self._query = query
        self._names = names
        self._composed = threading.local()

    def __call__(self, **ids: UUID | str) -> list[tuple[Any, ...]]:
        database = connections[DEFAULT_DB_ALIAS]
        composed: _Composed | None = getattr(self._composed, "query", None)
        if composed is None or composed.database is not database:
            composed = self._composed.query = _Composed(database, self._query, self._names)
        return composed.rows(ids)


class _Composed:
    """The SQL on one connection, and the place of each id in it."""

    def __init__(
        self,
        database: BaseDatabaseWrapper,
        query: Callable[..., models.QuerySet[Any, Any]],
        names: Iterable[str],
    ) -> None:
        self.database = database
        placeholders = {name: uuid4() for name in names}
        compiler = query(**placeholders).query.get_compiler(connection=database)
        self._sql, parameters = compiler.as_sql()
        named = {_prepared(id_, database): name for name, id_ in placeholders.items()}
        self._parameters = [(named.get(value, ""), value) for value in parameters]
        self._compiler = compiler
        selected = [column for column, *_ in compiler.select]
        self._converters = compiler.get_converters(selected)

    def rows(self, ids: dict[str, UUID | str]) -> list[tuple[Any, ...]]:
        prepared = {name: _prepared(id_, self.database) for name, id_ in ids.items()}
        values = [prepared[name] if name else value for name, value in self._parameters]
        with self.database.cursor() as cursor:
            cursor.execute(self._sql, values)
            found = cursor.fetchall()
        if not self._converters:
            return [tuple(row) for row in found]
        return [tuple(row) for row in self._compiler.apply_converters(found, self._converters)]


def _prepared(id_: UUID | str, database: BaseDatabaseWrapper) -> Any:
    return _UUID.get_db_prep_value(id_, database)
