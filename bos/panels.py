"""The boxes of imports, messages, webhooks, work, changes and the system on the front page."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import django
from django.db import connection
from django.db.models import Count, Min, Q
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure

from bos.adminsite.panels import ONE_MORE, Act, Line, Panel, Tone
from bos.adminsite.phrases import shortened
from bos.adminsite.scope import scope_of
from bos.adminsite.words import Told, newest_events, tell_together, time_of
from bos.adminsite.zone import shown_time, today_begins
from bos.imports.workflow import BUSY
from bos.jobs.queue import due_jobs
from bos.jobs.schedules import overdue
from bos.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Import,
    ImportState,
    Job,
    Webhook,
    WebhookState,
)
from bos.web.health import shortcomings
from bos.webhooks.endpoints import RETRYING, STANDINGS
from sync.models import ProcessorPosition, StreamHead

WORTH_A_LOOK = (
    ImportState.FAILED,
    ImportState.REFUSED,
    ImportState.PARTLY,
    ImportState.CHECKED,
)
NOT_DELIVERED = Q(state__in=(DeliveryState.FAILED, DeliveryState.GIVEN_UP))
PAUSED_OR_FAILING = Q(state=WebhookState.PAUSED) | Q(state=WebhookState.ACTIVE, failures__gt=0)
RECENT = timedelta(days=7)
NO_WORKER = timedelta(minutes=3)
"""Twice what a worker needs at most until it has looked at a schedule of every minute."""
MANY_EVENTS = 1_000
"""A worker takes some seconds for so many."""
LONG_WAIT = timedelta(minutes=2)
EVENTS_READ = 200
"""The newest events, of which the front page makes lines."""


def imports(request: HttpRequest) -> Sequence[Line]:
    """Name those of the last week that failed, or wait to be confirmed."""
    scope, since = scope_of(request), timezone.now() - RECENT
    rows = Import.objects.all() if scope is None else Import.objects.of(scope.pk)
    found = (
        rows.filter(state__in=WORTH_A_LOOK, state_since__gt=since)
        .only("file_name", "state", "problem", "state_since")
        .order_by("-state_since")[:ONE_MORE]
    )
    return [
        Line(
            text=import_.file_name,
            address=reverse("admin:bos_import_change", args=(import_.pk,)),
            note=import_.problem or import_.get_state_display(),
            tone="wait" if import_.state == ImportState.CHECKED else "bad",
            at=import_.state_since,
        )
        for import_ in found
    ]


def undelivered(request: HttpRequest) -> Sequence[Line] | None:
    """Name the messages of the last week that did not get out; without one there is no such box.

    Not tests: their authors look at them. What was told together is one.
    """
    scope, since = scope_of(request), timezone.now() - RECENT
    rows = Delivery.objects.all() if scope is None else Delivery.objects.of(scope.pk)
    found = (
        rows.filter(NOT_DELIVERED, created_at__gt=since, bundle=None)
        .exclude(kind=DeliveryKind.TEST)
        .select_related("user", "channel")
        .order_by("-created_at")[:ONE_MORE]
    )
    lines = [
        Line(
            text=f"To {delivery.receiver}",
            address=reverse("admin:bos_delivery_change", args=(delivery.pk,)),
            note=shortened(delivery.error),
            tone="bad",
            at=delivery.created_at,
            act=Act(
                label="Try again",
                address=reverse("admin:bos_delivery_again", args=(delivery.pk,)),
            ),
        )
        for delivery in found
    ]
    return lines or None


def failing_webhooks(request: HttpRequest) -> Sequence[Line] | None:
    """Name those that are paused or whose last request has failed, these first that wait for
    somebody; without one there is no such box."""
    scope = scope_of(request)
    webhooks = Webhook.objects.all() if scope is None else Webhook.objects.of(scope.pk)
    found = (
        webhooks.filter(PAUSED_OR_FAILING)
        .only("name", "state", "reason", "failing_since")
        .order_by("-state", "failing_since", "name")[:ONE_MORE]
    )
    lines = [
        Line(
            text=f"{webhook.name} is {STANDINGS[_standing(webhook)]}",
            address=reverse("admin:bos_webhook_change", args=(webhook.pk,)),
            note=shortened(webhook.reason),
            tone="bad" if webhook.state == WebhookState.PAUSED else "wait",
            at=webhook.failing_since,
        )
        for webhook in found
    ]
    return lines or None


def _standing(webhook: Webhook) -> str:
    return RETRYING if webhook.state == WebhookState.ACTIVE else webhook.state


def work(request: HttpRequest) -> Sequence[Line]:
    """Say whether a worker is at work, and how long the oldest job has waited."""
    return [_worker(), _queue(scope_of(request))]


def _worker() -> Line:
    since = overdue()
    if since is None:
        text = "No worker has run yet: alerts, insights, imports and reports wait for one."
        return Line(text=text, note="Start “manage.py work”, or “serve --worker”.", tone="bad")
    if since <= NO_WORKER:
        return Line(text="A worker is running.", tone="good")
    return Line(
        text="No worker is running: alerts, insights, imports and reports wait for one.",
        note="Start “manage.py work”, or “serve --worker”. Nobody has worked since",
        tone="bad",
        at=timezone.now() - since,
    )


def _queue(scope: Any) -> Line:
    jobs = due_jobs().order_by()
    if scope is not None:
        jobs = jobs.filter(organization_id=str(scope.pk))
    found = jobs.aggregate(count=Count("pk"), oldest=Min("lock"))
    if not found["count"]:
        return Line(text="No job waits.")
    waits = timezone.now() - found["oldest"]
    tone: Tone = "wait" if waits > LONG_WAIT else ""
    text = f"{found['count']:,} job{pluralize(found['count'], ' waits,s wait')}, the oldest since"
    return Line(text=text, tone=tone, at=found["oldest"])


def today(request: HttpRequest) -> Sequence[Line]:
    """Tell what has changed since midnight, in words; if nothing has, what did last."""
    scope = scope_of(request)
    organization_id = None if scope is None else str(scope.pk)
    events = newest_events(organization_id, most=EVENTS_READ, with_quiet=False)
    midnight = today_begins()
    new = [event for event in events if time_of(event) >= midnight]
    lines = tell_together(new, scope, is_cut=len(new) == EVENTS_READ)[:ONE_MORE]
    if not lines:
        before = tell_together(events[:1], scope)
        return [_of_event(told, f"Nothing yet today. Last: {told.text}") for told in before]
    return [_of_event(told, told.text) for told in lines]


def _of_event(told: Told, text: str) -> Line:
    address = reverse("admin:sync_event_change", args=(told.event.pk,))
    return Line(text=text, address=address, at=told.at)


def system(request: HttpRequest) -> Sequence[Line]:
    """Say how all of it does, to those whose system it is."""
    failures = Failure.objects.count()
    behind = _events_to_process()
    waiting = Import.objects.filter(state__in=BUSY).count()
    jobs = Job.objects.count()
    found = [Line(text=text, tone="bad") for text in shortcomings()]
    return [
        *found,
        Line(
            text=f"{failures:,} failed task{pluralize(failures)}",
            address=reverse("admin:django_q_failure_changelist"),
            tone="bad" if failures else "",
        ),
        Line(text=f"{jobs:,} jobs in the queue, {waiting:,} imports under way"),
        Line(
            text=f"{behind:,} event{pluralize(behind)} to be processed",
            tone="wait" if behind > MANY_EVENTS else "",
        ),
        Line(
            text=f"Django {django.get_version()}, Python {platform.python_version()}, "
            f"{connection.display_name}",
            note=f"now {shown_time(timezone.now())}",
        ),
    ]


def _events_to_process() -> int:
    """How far the slowest processor is behind the logs, over all organizations."""
    heads = dict(StreamHead.objects.values_list("organization_id", "sequence"))
    positions = ProcessorPosition.objects.values_list("organization_id", "sequence")
    return sum(max(0, heads.get(id_, 0) - sequence) for id_, sequence in positions)


PANELS = (
    Panel(
        title="Imports",
        symbol="upload_file",
        rows=imports,
        order=30,
        empty="None has failed in the last week, and none waits to be confirmed.",
        page="admin:bos_import_changelist",
    ),
    Panel(
        title="Messages that were not delivered",
        symbol="outgoing_mail",
        rows=undelivered,
        order=20,
        page="admin:bos_delivery_changelist",
        query=f"?state__in={DeliveryState.FAILED},{DeliveryState.GIVEN_UP}",
    ),
    Panel(
        title="Webhooks that wait",
        symbol="webhook",
        rows=failing_webhooks,
        order=25,
        page="admin:bos_webhook_changelist",
    ),
    Panel(title="Background work", symbol="engineering", rows=work, order=40),
    Panel(
        title="What changed today",
        symbol="history",
        rows=today,
        order=50,
        empty="Nothing has changed yet.",
        page="admin:sync_event_changelist",
    ),
    Panel(title="The system", symbol="dns", rows=system, order=90, for_superusers=True),
)
