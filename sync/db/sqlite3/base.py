"""Django's sqlite3 backend that appends the transaction's events to the log before COMMIT."""

from __future__ import annotations

from typing import Any

from django.db.backends.sqlite3 import base

from sync.eventlog.batch import make_way


class DatabaseWrapper(base.DatabaseWrapper):
    def _cursor(self, name: str | None = None) -> Any:
        make_way(self)
        return super()._cursor(name)  # type: ignore[misc]  # not in the stubs

    def _commit(self) -> None:
        # Imported late: Django loads backends before the models.
        from sync.eventlog.commits import commit

        commit(self, super()._commit)  # type: ignore[misc]  # not in the stubs
