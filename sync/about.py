"""The subject of a line of the log: the connection or the request that is being served just now.

The fields stand in a dictionary of that task or thread, and become fields of every line that is
logged in it: `connection=3f2a user=... organization=...`.
"""

from __future__ import annotations

from contextvars import ContextVar

Fields = dict[str, str]

_about: ContextVar[Fields] = ContextVar("bos_about")


def begin(**fields: str) -> None:
    """From here on this task, or thread, serves that: `begin(connection=...)`."""
    _about.set(fields)


def learn(*, user: str, organization: str | None) -> None:
    """Note the user, who is known now. Without effect where nothing is being served."""
    fields = _about.get(None)
    if fields is not None:
        fields["user"], fields["organization"] = user, organization or ""


def fields() -> Fields:
    return _about.get({})
