"""Django's postgresql backend that appends the transaction's events to the log before COMMIT.

OPTIONS['session']: settings of the server for each connection, by name. They are not sent as start
parameters, of which PgBouncer takes none. OPTIONS['patience']: see `PatientConnection`.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, ClassVar

import psycopg
from django.db.backends.postgresql import base
from django.utils.asyncio import async_unsafe

from sync.db.postgresql.patience import PatientConnection
from sync.eventlog.batch import make_way

AWAY = 1.0
"""Seconds: a failure that took longer is told to others who would connect within the next ones.

Otherwise a group of writes, or requests that wait for a thread, would wait one after the other.
"""


class DatabaseWrapper(base.DatabaseWrapper):
    _away_until: ClassVar[float] = 0.0
    """Of this process: until then nobody tries to connect."""

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        for ours in ("session", "patience"):
            params.pop(ours, None)
        return params

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> PatientConnection:
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # PostgreSQL's default
        began = time.monotonic()
        if began < DatabaseWrapper._away_until:
            raise psycopg.OperationalError("the database has not answered just now")
        try:
            connection: PatientConnection = PatientConnection.connect(**conn_params)
        except psycopg.OperationalError:
            ended = time.monotonic()
            if ended - began > AWAY:
                DatabaseWrapper._away_until = ended + AWAY
            raise
        connection.patience = self.settings_dict["OPTIONS"].get("patience", connection.patience)
        connection.another = partial(_briefly, conn_params)
        return connection

    def init_connection_state(self) -> None:
        """Set what OPTIONS['session'] says, in one round trip."""
        session: dict[str, str] = self.settings_dict["OPTIONS"].get("session", {})
        values = [part for setting in session.items() for part in setting]
        columns = ["pg_backend_pid()", *["set_config(%s, %s, false)"] * len(session)]
        row = self.connection.execute(f"SELECT {', '.join(columns)}", values).fetchone()
        # Behind a pooler the connection itself does not know it.
        self.connection.server_pid = row[0]
        super().init_connection_state()
        if not self.get_autocommit():
            self.connection.commit()

    def _cursor(self, name: str | None = None) -> Any:
        make_way(self)
        return super()._cursor(name)  # type: ignore[misc]  # not in the stubs

    def _commit(self) -> None:
        # Imported late: Django loads backends before the models.
        from sync.eventlog.commits import commit

        commit(self, super()._commit)  # type: ignore[misc]  # not in the stubs


def _briefly(params: dict[str, Any]) -> PatientConnection:
    """A connection for one question, which waits for an answer as long as for being connected."""
    connection: PatientConnection = PatientConnection.connect(**params, autocommit=True)
    connection.patience = float(params.get("connect_timeout", 3))
    return connection
