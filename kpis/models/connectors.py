"""Connectors: values that the server fetches by itself, and how that has gone."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from bos.models import Organization, Role, ServiceAccount, TenantQuerySet
from bos.sealed import SealedField
from bos.texts import NameField
from kpis.models.kpis import Kpi


class ConnectorKind(models.TextChoices):
    SQL = "sql", "SQL query (PostgreSQL, SQLite)"
    PROMETHEUS = "prometheus", "Prometheus query"
    CSV = "csv", "CSV address"
    JSON = "json", "JSON address"


class ConnectorRhythm(models.TextChoices):
    EVERY = "every", "Every so many minutes"
    DAILY = "daily", "Every day at a time"


LEAST_MINUTES, MOST_MINUTES = 5, 7 * 24 * 60
MOST_DECIMALS = 4
MOST_CONNECTORS = 50
"""Of an organization."""
LONGEST_QUERY = 20_000
QUERIES = (ConnectorKind.SQL, ConnectorKind.PROMETHEUS)
COLUMNS = (ConnectorKind.SQL, ConnectorKind.CSV, ConnectorKind.JSON)
"""Kinds whose rows have a column of values, and may have one of times."""
SETS_KPIS = (Role.MANAGER, Role.ADMIN)


class Connector(models.Model):
    """A source that is asked for values again and again: see `kpis.connectors`.

    A service account writes them: its rights decide, as with a system that sends values.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="connectors"
    )
    name = NameField(max_length=100)
    kind = models.CharField(max_length=10, choices=ConnectorKind.choices)
    account = models.ForeignKey(
        ServiceAccount,
        on_delete=models.RESTRICT,
        related_name="connectors",
        verbose_name="service account",
        help_text="Values are written by its rights, and by its name.",
    )
    sealed_address = SealedField()
    sealed_token = SealedField()
    leads_to = models.CharField(max_length=300, default="", editable=False)
    """The address without what may be secret in it: scheme, host and port."""
    query = models.TextField(
        blank=True,
        max_length=LONGEST_QUERY,
        help_text="One SELECT in SQL, whose columns are named below; or PromQL.",
    )
    rows_path = models.CharField(
        "path to the rows",
        max_length=200,
        blank=True,
        help_text="Where the list is in the JSON: /data/items or data.items. Empty: it is all of"
        " it.",
    )
    kpi = models.ForeignKey(
        Kpi,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="KPI",
        help_text="Where all values are of one KPI. Otherwise leave it empty.",
    )
    kpi_field = models.CharField(
        "field of the KPI",
        max_length=100,
        blank=True,
        help_text="The column, field of JSON or Prometheus label that has the KPI's key or id.",
    )
    value_field = models.CharField("field of the value", max_length=100, blank=True)
    at_field = models.CharField(
        "field of the time",
        max_length=100,
        blank=True,
        help_text="When it was measured; without a zone it is UTC, and a number is seconds since"
        " 1970. Empty: when it is fetched.",
    )
    decimals = models.PositiveSmallIntegerField(
        "round to decimals",
        null=True,
        blank=True,
        default=MOST_DECIMALS,
        help_text=f"0 to {MOST_DECIMALS}. Empty: what has more is refused.",
    )
    partial = models.BooleanField(
        "write the good ones",
        default=False,
        help_text="Of rows of which some are refused. Otherwise one that is refused keeps all of"
        " them from being written.",
    )
    rhythm = models.CharField(
        "when", max_length=8, choices=ConnectorRhythm.choices, default=ConnectorRhythm.EVERY
    )
    minutes = models.PositiveIntegerField(
        null=True, blank=True, default=60, help_text=f"{LEAST_MINUTES} to {MOST_MINUTES:,}: a week."
    )
    daily_at = models.TimeField("at (UTC)", null=True, blank=True)
    is_active = models.BooleanField("active", default=True)
    version = models.PositiveIntegerField(default=0, editable=False)
    """Counts changes: a run writes nothing of what the connector was before."""

    next_run_at = models.DateTimeField("next run", null=True, editable=False, db_index=True)
    run_id = models.UUIDField(null=True, editable=False)
    """Of the one run that is waiting or under way; another one's results count for nothing."""
    run_since = models.DateTimeField(null=True, editable=False)
    last_run_at = models.DateTimeField("last run", null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    written = models.PositiveIntegerField("values written", null=True, editable=False)
    """By the last run that succeeded."""
    refused = models.JSONField(default=list, editable=False)
    """Of the last run, the first ones: [{"index": 1, "field": "kpi", "reason": ...}], from 1."""
    refused_count = models.PositiveIntegerField(default=0, editable=False)
    problem = models.CharField(max_length=500, default="", editable=False)
    """Why the last run failed; empty where it has succeeded."""
    failures = models.PositiveIntegerField(default=0, editable=False)
    """In a row."""
    failing_since = models.DateTimeField(null=True, editable=False)
    told_at = models.DateTimeField(null=True, editable=False)
    """When the admins were told of this row of failures."""

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(rhythm="daily", daily_at__isnull=False)
                | Q(
                    rhythm="every",
                    minutes__isnull=False,
                    minutes__gte=LEAST_MINUTES,
                    minutes__lte=MOST_MINUTES,
                ),
                name="connector_has_a_time_to_run",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def step(self) -> timedelta:
        """The time from one run to the next one."""
        return timedelta(days=1) if self.minutes is None else timedelta(minutes=self.minutes)

    def clean(self) -> None:
        """One that could never write anything is refused, and so is what does not belong to its
        kind or rhythm."""
        problems: dict[str, Any] = {}
        if self.account_id is not None:
            if self.account.organization_id != self.organization_id:
                problems["account"] = "The service account is of another organization."
            elif (role := self.account.user.role) not in SETS_KPIS:
                problems["account"] = f"A {role} may set no KPI: give it the role manager."
        if self.kpi is not None and self.kpi.organization_id != self.organization_id:
            problems["kpi"] = "The KPI is of another organization."
        if self.kind in ConnectorKind.values:
            problems |= self._problems_of_kind()
        problems |= self._problems_of_time()
        if self.decimals is not None and self.decimals > MOST_DECIMALS:
            problems["decimals"] = f"At most {MOST_DECIMALS}: a KPI's value has no more."
        if problems:
            raise ValidationError(problems)

    def _problems_of_kind(self) -> dict[str, str]:
        problems: dict[str, str] = {}
        kind = ConnectorKind(self.kind)
        if kind not in QUERIES:
            self.query = ""
        elif not self.query.strip():
            problems["query"] = "What is asked for?"
        if kind != ConnectorKind.JSON:
            self.rows_path = ""
        if kind not in COLUMNS:
            self.value_field = self.at_field = ""
        elif not self.value_field:
            problems["value_field"] = "Which column or field has the value?"
        if self.kpi_id is None and not self.kpi_field:
            problems["kpi_field"] = "Choose a KPI, or say which column, field or label has its key."
        elif self.kpi_id is not None and self.kpi_field:
            problems["kpi_field"] = "All values are of the KPI above: leave this empty, or that."
        return problems

    def _problems_of_time(self) -> dict[str, str]:
        if self.rhythm == ConnectorRhythm.DAILY:
            self.minutes = None
            return {} if self.daily_at is not None else {"daily_at": "At what time?"}
        self.daily_at = None
        if self.minutes is None:
            return {"minutes": "Every how many minutes?"}
        if not LEAST_MINUTES <= self.minutes <= MOST_MINUTES:
            return {"minutes": f"From {LEAST_MINUTES} to {MOST_MINUTES:,} minutes."}
        return {}


class ConnectorTrial(models.Model):
    """A connector as it stands in a form, to be tried by a worker; nothing is written.

    Forgotten after an hour.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(ServiceAccount, on_delete=models.CASCADE, related_name="+")
    sealed_source = SealedField()
    outcome = models.TextField(default="", editable=False)
    """As the page gets it, in JSON; empty until it is there."""
    created_at = models.DateTimeField(db_index=True)

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"trial of {self.created_at:%Y-%m-%d %H:%M}"
