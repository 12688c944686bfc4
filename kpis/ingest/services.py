"""Write the values of a request: all of them, or with `partial` the good ones (decision D2).

One transaction and one event a KPI, on the path that imports use (`kpis.history.measurements`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bos.auth.tokens import authenticator
from bos.ids import canonical_uuids
from bos.models import Organization
from kpis.alerts.past import MOST_AHEAD
from kpis.history.measurements import write_values
from kpis.history.stored import Measurement, chunks
from kpis.ingest.values import Parsed, Refused, Row, shown
from kpis.keys import FORM
from kpis.models import IngestRequest, Kpi
from kpis.permissions import may_update
from sync.eventlog.log import coming_sequence
from sync.eventlog.retention import prune_plain
from sync.eventlog.threads import retry_on_conflict
from sync.protocol.authenticator import Claims
from sync.protocol.errors import TokenInvalid
from sync.protocol.identity import Principal

UNKNOWN = "There is no such KPI that you may set"
"""One answer for what is unknown, archived, another organization's, or not the caller's to set."""
KEPT = timedelta(hours=24)
"""So long a repeat of a request with an `Idempotency-Key` gets the first answer."""
NAMES_AT_ONCE = 500


class ValuesRefused(Exception):
    """Some values cannot be taken, so none of them was."""

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__()
        self.refused = refused


class KeyReused(Exception):
    """The `Idempotency-Key` has come with another request before."""


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A request that may come again. key: its `Idempotency-Key`."""

    key: str
    body_hash: str

    @classmethod
    def of(cls, key: str, body: bytes, *parts: str) -> Repeatable:
        """parts: what else the meaning of the body depends on."""
        digest = hashlib.sha256("\0".join(parts).encode() + b"\0" + body)
        return cls(key, digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Outcome:
    """answer: {"accepted": 2, "refused": [...], "sequence": 23}. repeated: an earlier request's."""

    answer: dict[str, Any]
    repeated: bool = False


@retry_on_conflict
@transaction.atomic
def ingest(
    parsed: Parsed,
    *,
    organization_id: str,
    principal: Principal | None,
    partial: bool,
    request: Repeatable | None = None,
) -> Outcome:
    """Write these values; what is newer than all that is known of its KPI becomes current.

    principal: by whose rights, as they are in the transaction; None: the operator's, who may all.
    Raises TokenInvalid, KeyReused, or ValuesRefused and nothing is written then.
    """
    now = None
    if principal is not None:
        [now] = authenticator.hold([Claims.of(principal)], wait=True)
        if now is None:
            raise TokenInvalid
    if request is not None and now is not None:
        first = _first_answer(now, request)
        if first is not None:
            return Outcome(first, repeated=True)
    answer = _written(parsed, organization_id, now, partial=partial)
    if request is not None and now is not None:
        own = IngestRequest.objects.filter(user_id=now.user_id, key=request.key)
        own.update(outcome=msgspec.json.encode(answer).decode())
    return Outcome(answer)


def _first_answer(principal: Principal, request: Repeatable) -> dict[str, Any] | None:
    """Return what was answered to this request before; None where it is the first.

    The row is inserted before anything else: of two that come at once the second one waits here
    until the first is committed, and finds its answer, or undone, and is the first itself.
    """
    own = IngestRequest.objects.filter(user_id=principal.user_id, key=request.key)
    own.filter(created_at__lt=timezone.now() - KEPT).delete()
    row = IngestRequest(
        user_id=UUID(principal.user_id),
        key=request.key,
        body_hash=request.body_hash,
        created_at=timezone.now(),
    )
    IngestRequest.objects.bulk_create([row], ignore_conflicts=True)
    stored = own.get()
    if stored.body_hash != request.body_hash:
        raise KeyReused
    answer: dict[str, Any] | None = msgspec.json.decode(stored.outcome) if stored.outcome else None
    return answer


def _written(
    parsed: Parsed, organization_id: str, principal: Principal | None, *, partial: bool
) -> dict[str, Any]:
    refused = list(parsed.refused)
    found = _measurements(parsed.rows, organization_id, principal, refused)
    if refused and not partial:
        raise ValuesRefused(refused)
    written = write_values(Organization(pk=UUID(organization_id)), [each for _, each in found])
    # Archived or deleted since they were looked up.
    gone = [row for (row, _), one in zip(found, written, strict=True) if one is None]
    refused += (Refused(row.index, "kpi", UNKNOWN) for row in gone)
    if gone and not partial:
        raise ValuesRefused(refused)
    return {
        "accepted": len(written) - len(gone),
        "refused": shown(refused),
        "sequence": coming_sequence(organization_id),
    }


def look_up(
    parsed: Parsed, *, organization_id: str, principal: Principal | None
) -> tuple[list[tuple[Row, Measurement]], list[Refused]]:
    """Return what `ingest` would write of these values, and what it would refuse; write nothing."""
    refused = list(parsed.refused)
    return _measurements(parsed.rows, organization_id, principal, refused), refused


# ------------------------------------------------------------------ what is meant


def _measurements(
    rows: Sequence[Row],
    organization_id: str,
    principal: Principal | None,
    refused: list[Refused],
) -> list[tuple[Row, Measurement]]:
    """Return the rows with what is to be written of them, KPI by KPI and in the order of time.

    refused: gets those that cannot be.
    """
    now = timezone.now()
    kpis = _kpis_of({row.kpi for row in rows}, organization_id, principal)
    first: dict[tuple[int, datetime], int] = {}  # a UUID's hash and order are Python's
    good: list[tuple[Row, UUID, datetime]] = []
    for row in rows:
        kpi_id, at = kpis.get(row.kpi), row.at or now
        if kpi_id is None:
            refused.append(Refused(row.index, "kpi", UNKNOWN))
        elif at > now + MOST_AHEAD:
            refused.append(Refused(row.index, "at", "More than 24 hours in the future"))
        elif (other := first.setdefault((kpi_id.int, at), row.index)) != row.index:
            reason = f"Value {other} is of the same KPI and time"
            refused.append(Refused(row.index, "at", reason))
        else:
            good.append((row, kpi_id, at))
    good.sort(key=lambda one: (one[1].int, one[2]))
    newest = {kpi_id: at for _, kpi_id, at in good}
    return [
        (row, Measurement(kpi_id, at, row.value, may_be_current=newest[kpi_id] == at))
        for row, kpi_id, at in good
    ]


def _kpis_of(
    names: Iterable[str], organization_id: str, principal: Principal | None
) -> Mapping[str, UUID]:
    """Return the ids of the KPIs that these names mean, and the principal may set.

    A name is an id or a key: no key has the form of an id.
    """
    ids = {str(id_): id_ for id_ in canonical_uuids(list(names))}
    keys = [name for name in names if name not in ids and FORM.fullmatch(name)]
    found: dict[str, UUID] = {}
    of_tenant = Kpi.objects.of(organization_id).only("pk", "key", "owner_id")
    for named in (
        *(Q(pk__in=some) for some in chunks(sorted(ids.values()), NAMES_AT_ONCE)),
        *(Q(key__in=some) for some in chunks(sorted(keys), NAMES_AT_ONCE)),
    ):
        for kpi in of_tenant.filter(named):
            if principal is None or may_update(principal, kpi):
                found[str(kpi.pk)] = found[kpi.key] = kpi.pk
    return found


def prune_requests() -> int:
    """Forget requests that are kept no longer."""
    old = IngestRequest.objects.filter(created_at__lt=timezone.now() - KEPT)
    return prune_plain(old, oldest="created_at")
