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


class _Anomaly(msgspec.Struct, rename="camel"):
    """The part of an ANOMALY_DETECTED that a note says."""

    kpi_id: str
    day: str
    value: float
    lower: float
    upper: float
    severity: str


_decode = msgspec.json.Decoder(_Anomaly).decode


def pin_anomaly(feed: Feed, event: LoggedEvent) -> None:
    """Pin the anomaly that an event of an insight tells of, which was delivered here."""
    if event.live_type != "ANOMALY_DETECTED" or event.change_type != "created":
        return
    # Not everybody in the session may see a KPI that is its department's alone.
    if event.topic("organization") is None:
        return
    anomaly = _decode(event.live)
    for session_id, position in focused_on("kpi", anomaly.kpi_id).items():
        pinned = submit_write(
            partial(
                annotation_pin,
                event.organization_id,
                session_id,
                about=event.entity_id,
                position=position,
                content=_text(anomaly),
                entity=("kpi", anomaly.kpi_id),
            ),
            organization_id=event.organization_id,
            rows=rows_of_session(session_id),
        )
        pinned.add_done_callback(_log_failure)


def _text(anomaly: _Anomaly) -> str:
    value, lower, upper = map(rounded_number, (anomaly.value, anomaly.lower, anomaly.upper))
    return (
        f"Anomaly ({anomaly.severity}): the value of {anomaly.day} is {value}; "
        f"between {lower} and {upper} was expected."
    )


def _log_failure(pinned: asyncio.Future[Any]) -> None:
    if not pinned.cancelled() and (error := pinned.exception()) is not None:
        logger.error("anomaly not pinned", exc_info=error)
