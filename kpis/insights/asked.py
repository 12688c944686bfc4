"""Predictions that somebody has asked for: an answer changes nothing that others see (B3).

The same question is worked on once, whoever asks: everybody who waits for it then gets an answer
with the requestId of their own. It goes to the connection that has asked last, as an event of no
topic: no sync shows it. Asked again with the same requestId, it is sent again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from bos.entities import NotificationSubject
from bos.ids import canonical_uuids
from bos.jobs.queue import enqueue, require_room, within
from bos.models import Notification, User
from kpis.insights.history import begin_of
from kpis.messages import PredictionAnswer
from kpis.models import AskedPrediction, InsightState, Kpi, KpiValue
from kpis.permissions import may_see
from kpis.tasks import PREDICT
from sync.conf import sync_settings
from sync.eventlog.log import PendingEvent, append
from sync.eventlog.retention import prune_plain
from sync.protocol.codecs import json_text
from sync.protocol.errors import NotFound, Unauthorized
from sync.protocol.identity import Actor, Principal
from sync.protocol.registry import name_of
from sync.protocol.topics import Audience

ANSWER = "answer"
"""Entity type of the events, which concern no entity that is shown."""

LOST = timedelta(days=1)
"""A question so old has lost its job: nobody waits any more."""


def ask(
    principal: Principal, kpi_id: str, horizon: int, *, origin: str, request_id: str
) -> PredictionAnswer | None:
    """Have it predicted; or what this very request was answered with before.

    Runs inside the caller's transaction. Raises Unauthorized where the KPI has just been deleted,
    RateLimitExceeded where too much waits already, NotFound where the request was made before and
    had no answer.
    """
    # Locked, as by whoever answers: a question is among those that are answered, or has a job.
    if _lock(kpi_id) is None:
        raise Unauthorized(kpiId=kpi_id)
    before = _asked_before(principal, kpi_id, horizon, request_id)
    if before is not None:
        return _ask_again(before, origin)
    waiting = AskedPrediction.objects.filter(
        organization_id=principal.organization_id, answered_at=None
    )
    require_room(principal.organization_id, principal.user_id)
    # Of those that are worked on already: they wait without a job of their own.
    within(settings.USER_WAITING_JOBS, waiting.filter(user_id=principal.user_id))
    within(settings.ORGANIZATION_WAITING_JOBS, waiting)
    worked_on = waiting.filter(kpi_id=kpi_id, horizon=horizon).exists()
    AskedPrediction.objects.create(
        organization_id=principal.organization_id,
        kpi_id=kpi_id,
        horizon=horizon,
        user_id=principal.user_id,
        origin=origin,
        request_id=request_id,
        asked_at=timezone.now(),
    )
    if not worked_on:
        enqueue(
            PREDICT,
            kpi_id,
            horizon,
            organization_id=principal.organization_id,
            user_id=principal.user_id,
        )
    return None


@transaction.atomic
def adopt(kpi_id: str, horizon: int, user_id: str, origin: str, request_id: str) -> None:
    """Note the question of a job that was queued before questions were noted; once."""
    kpi = Kpi.objects.filter(pk=kpi_id).first()
    if _lock(kpi_id) is None or kpi is None:
        return
    asked = {"kpi_id": kpi_id, "horizon": horizon, "user_id": user_id, "request_id": request_id}
    if not AskedPrediction.objects.filter(**asked).exists():
        AskedPrediction.objects.create(
            organization_id=kpi.organization_id, origin=origin, asked_at=timezone.now(), **asked
        )


def _asked_before(
    principal: Principal, kpi_id: str, horizon: int, request_id: str
) -> AskedPrediction | None:
    if not request_id:
        return None
    mine = AskedPrediction.objects.filter(
        user_id=principal.user_id, kpi_id=kpi_id, horizon=horizon, request_id=request_id
    )
    recent = timezone.now() - timedelta(seconds=sync_settings().idempotency_seconds)
    return mine.filter(asked_at__gt=recent).order_by("-asked_at").first()


def _ask_again(before: AskedPrediction, origin: str) -> PredictionAnswer | None:
    if before.answered_at is None:
        before.origin = origin
        before.save(update_fields=["origin"])
        return None
    if before.answer is None:
        raise NotFound(kpiId=before.kpi_id, reason="there was no prediction")
    return msgspec.convert(before.answer, PredictionAnswer)


# ------------------------------------------------------------------ answering


def newest_value(kpi_id: str) -> int:
    newest: int | None = KpiValue.objects.filter(kpi_id=kpi_id).aggregate(id=Max("pk"))["id"]
    return newest or 0


def known_answer(kpi: Kpi, horizon: int, newest_id: int) -> PredictionAnswer | None:
    """Return today's answer to the same question, if no value and no target has come since."""
    today = begin_of(timezone.now().astimezone(UTC).date())
    answered = AskedPrediction.objects.filter(
        kpi_id=str(kpi.pk),
        horizon=horizon,
        newest_id=newest_id,
        answered_at__gt=max(today, kpi.updated_at),
    )
    known = answered.exclude(answer=None).values_list("answer", flat=True).first()
    return None if known is None else msgspec.convert(known, PredictionAnswer)


def answer(
    kpi_id: str,
    horizon: int,
    *,
    newest_id: int,
    found: PredictionAnswer | None,
    reason: str = "",
) -> None:
    """Answer everybody who waits for this; where nothing was found, say why.

    Runs inside the caller's transaction. Nothing goes to who may not see the KPI any more.
    """
    _lock(kpi_id)
    waiting = list(AskedPrediction.objects.filter(kpi_id=kpi_id, horizon=horizon, answered_at=None))
    kpi = Kpi.objects.filter(pk=kpi_id).first()
    allowed = set() if kpi is None else _who_may_see(kpi, {asked.user_id for asked in waiting})
    stored = None if found is None else msgspec.to_builtins(found)
    for asked in waiting:
        asked.answered_at, asked.newest_id, asked.answer = timezone.now(), newest_id, stored
        asked.save(update_fields=["answered_at", "newest_id", "answer"])
        if kpi is None or asked.user_id not in allowed:
            continue
        if found is None:
            _tell_of_none(kpi, asked, reason)
        else:
            _send(asked, found)


def _lock(kpi_id: str) -> InsightState | None:
    if Kpi.objects.filter(pk=kpi_id).exists():
        InsightState.objects.get_or_create(kpi_id=kpi_id)
    return InsightState.objects.select_for_update().filter(kpi_id=kpi_id).first()


def _who_may_see(kpi: Kpi, user_ids: Collection[str]) -> set[str]:
    users = User.objects.of(kpi.organization_id).filter(
        pk__in=canonical_uuids(user_ids), is_active=True
    )
    return {str(user.pk) for user in users if may_see(user, kpi)}


def _send(asked: AskedPrediction, found: PredictionAnswer) -> None:
    actor = Actor(asked.user_id, "websocket", asked.origin, asked.request_id)
    for message in (found.prediction, found.recommendation):
        if message is not None:
            append(
                PendingEvent(
                    organization_id=asked.organization_id,
                    entity_type=ANSWER,
                    entity_id=str(asked.pk),
                    change_type="created",
                    data="{}",
                    live_type=name_of(type(message)),
                    live=json_text(message),
                    actor=actor,
                    access="",
                    audience=Audience(),
                )
            )


def _tell_of_none(kpi: Kpi, asked: AskedPrediction, reason: str) -> None:
    Notification(
        organization_id=kpi.organization_id,
        user_id=asked.user_id,
        category="prediction_failed",
        title=f"There is no prediction of {kpi.name}"[:200],
        message=reason,
        data=NotificationSubject(kpi_id=str(kpi.pk), request_id=asked.request_id).stored(),
    ).save(force_insert=True)


def prune_answers() -> int:
    """Forget what cannot be asked again any more; how many answers that were."""
    now = timezone.now()
    remembered = now - timedelta(seconds=sync_settings().idempotency_seconds)
    done = Q(asked_at__lt=remembered, answered_at__isnull=False)
    answers = AskedPrediction.objects.filter(done | Q(asked_at__lt=now - LOST))
    return prune_plain(answers, oldest="asked_at")
