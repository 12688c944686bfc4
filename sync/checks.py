"""System checks: settings that would break a promise are found at start."""

from __future__ import annotations

from math import inf
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from sync.gateway.origin import parse_origin


@register("sync")
def check_engine(**_: Any) -> list[CheckMessage]:
    """Only sync's backends append the events of a transaction before it commits."""
    engine = settings.DATABASES["default"].get("ENGINE", "")
    if engine.startswith("sync.db."):
        return []
    return [
        Error(
            f"ENGINE {engine!r} commits changes without their events.",
            hint="Use sync.db.postgresql or sync.db.sqlite3.",
            id="sync.E001",
        )
    ]


@register("sync")
def check_sqlite_transactions(**_: Any) -> list[CheckMessage]:
    """SQLite's default transactions lose updates: two readers both try to become the writer."""
    database = settings.DATABASES["default"]
    mode = database.get("OPTIONS", {}).get("transaction_mode")
    if "sqlite" not in database.get("ENGINE", "") or mode == "IMMEDIATE":
        return []
    return [
        Error(
            "SQLite needs IMMEDIATE transactions.",
            hint="Set OPTIONS['transaction_mode'] = 'IMMEDIATE'.",
            id="sync.E002",
        )
    ]


@register("sync")
def check_heartbeat(**_: Any) -> list[CheckMessage]:
    sync: dict[str, Any] = settings.SYNC
    if sync["heartbeat_timeout"] < sync["heartbeat_interval"]:
        return []
    return [
        Error(
            "BOS_HEARTBEAT_TIMEOUT must be shorter than BOS_HEARTBEAT_INTERVAL.",
            id="sync.E003",
        )
    ]


@register("sync")
def check_bytes(**_: Any) -> list[CheckMessage]:
    sync: dict[str, Any] = settings.SYNC
    if sync["bytes_per_minute"] >= sync["max_message_bytes"]:
        return []
    return [
        Error(
            "BOS_BYTES_PER_MINUTE must not be below BOS_MAX_MESSAGE_BYTES: the largest message"
            " could never be sent.",
            id="sync.E005",
        )
    ]


@register("sync")
def check_origins(**_: Any) -> list[CheckMessage]:
    """What no page sends as its Origin would be accepted here, and its pages refused later."""
    errors: list[CheckMessage] = []
    for origin in settings.SYNC["allowed_origins"]:
        try:
            parse_origin(origin)
        except ValueError as error:
            errors.append(Error(f"BOS_ALLOWED_ORIGINS: {origin!r}: {error}.", id="sync.E006"))
    return errors


@register("sync")
def check_numbers(**_: Any) -> list[CheckMessage]:
    """Nought, less than that or no number would cut everybody off, or nobody ever."""
    sync: dict[str, Any] = settings.SYNC
    return [
        Error(f"BOS_{name.upper()} is {value}: a number above 0 is needed.", id="sync.E004")
        for name, value in sync.items()
        if isinstance(value, int | float) and not 0 < value < inf
    ]
