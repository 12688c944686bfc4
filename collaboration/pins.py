"""An anomaly is pinned into the sessions in which somebody is looking at its KPI.

Where people look is known to the processes that serve them, and nowhere else: each of them looks at
the anomalies that its feeds deliver.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import msgspec

from bos.adminsite.numbers import rounded_number
from collaboration.rooms import focused_on
from collaboration.services.notes import annotation_pin
from collaboration.services.sessions import rows_of_session
from sync.delivery.feed import Feed
from sync.eventlog.log import LoggedEvent
from sync.eventlog.writer import submit_write

logger = logging.getLogger("bos.collaboration")


def pin_anomaly(feed: Feed, event: LoggedEvent) -> None:
    """An event of an insight was delivered here."""
    if event.live_type != "ANOMALY_DETECTED" or event.change_type != "created":
        return
    # Not everybody in the session may see a KPI that is its department's alone.
    if event.topic("organization") is None:
        return
    anomaly: dict[str, Any] = msgspec.json.decode(event.live)
    for session_id, position in focused_on("kpi", anomaly["kpiId"]).items():
        pinned = submit_write(
            partial(
                annotation_pin,
                event.organization_id,
                session_id,
                about=event.entity_id,
                position=position,
                content=_text(anomaly),
                entity=("kpi", anomaly["kpiId"]),
            ),
            organization_id=event.organization_id,
            rows=rows_of_session(session_id),
        )
        pinned.add_done_callback(_log_failure)


def _text(anomaly: dict[str, Any]) -> str:
    value, lower, upper = (rounded_number(anomaly[key]) for key in ("value", "lower", "upper"))
    return (
        f"Anomaly ({anomaly['severity']}): the value of {anomaly['day']} is {value}; "
        f"between {lower} and {upper} was expected."
    )


def _log_failure(pinned: asyncio.Future[Any]) -> None:
    if not pinned.cancelled() and (error := pinned.exception()) is not None:
        logger.error("anomaly not pinned", exc_info=error)
