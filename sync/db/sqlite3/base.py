"""Django's sqlite3 backend that appends the transaction's events to the log before COMMIT."""

from __future__ import annotations

import time
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from sync.eventlog.batch import make_way
from sync.eventlog.threads import SQLITE_LOOKS


class DatabaseWrapper(base.DatabaseWrapper):
    def _cursor(self, name: str | None = None) -> Any:
        make_way(self)
        return super()._cursor(name)  # type: ignore[misc]  # not in the stubs

    def _start_transaction_under_autocommit(self) -> None:
        """Begin, waiting for the lock as long as OPTIONS['timeout'] says.

        SQLite looks at a lock the more seldom the longer it has waited, ten times a second in the
        end: where others write in one short transaction after the other, it finds it taken each
        time, for seconds. Here everybody who waits looks equally often.
        """
        patience = self.settings_dict["OPTIONS"].get("timeout", 5.0)
        ends_at = time.monotonic() + patience
        self._have_sqlite_wait(0)
        try:
            while True:
                try:
                    return super()._start_transaction_under_autocommit()  # type: ignore[misc, no-any-return]  # not in the stubs
                except OperationalError as error:
                    if not _is_locked(error) or time.monotonic() >= ends_at:
                        raise
                time.sleep(SQLITE_LOOKS)
        finally:
            self._have_sqlite_wait(patience)

    def _have_sqlite_wait(self, seconds: float) -> None:
        self.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def _commit(self) -> None:
        # Imported late: Django loads backends before the models.
        from sync.eventlog.commits import commit

        commit(self, super()._commit)  # type: ignore[misc]  # not in the stubs


def _is_locked(error: OperationalError) -> bool:
    return str(getattr(error.__cause__, "sqlite_errorname", "")).startswith("SQLITE_BUSY")
