"""Managers make, change and remove alert rules by the REST API, as administrators do by forms.

What a rule may be is the model's to say (`AlertRule.full_clean`), here as there; what a rule means
once it is saved, `kpis.alerts.rules`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from bos.ids import canonical_uuids
from bos.models import User
from kpis.alerts.rules import Tried, take_up_in_words, try_rule
from kpis.models import AlertRule, Kpi
from kpis.permissions import about_visible, visible_to
from sync.eventlog.fast_sql import Lock, hold_rows
from sync.eventlog.threads import retry_on_conflict
from sync.protocol.identity import Actor, Principal, acting

MOST_NOTIFIED = 100
"""Users whom a rule names, beside the KPI's owner."""
NO_KPI = "There is no such KPI that you may see."
NO_USER = "There is no such user in your organization."
BY = "By the REST API."


def rules_seen_by(principal: Principal) -> QuerySet[AlertRule]:
    """Return the rules of the KPIs that the principal may see; those of archived ones rest."""
    rows = AlertRule.objects.of(principal.organization_id).filter(about_visible(principal))
    found: QuerySet[AlertRule] = rows.select_related("kpi").prefetch_related("notify")
    return found


@retry_on_conflict
def rule_create(principal: Principal, values: Mapping[str, Any]) -> tuple[AlertRule, list[str]]:
    """Return a new rule, and in words what somebody who has made it should know.

    values: by the names of the model's fields. Raises ValidationError.
    """
    with _acting(principal), transaction.atomic():
        rule, also = _filled(
            AlertRule(organization_id=principal.organization_id), principal, values
        )
        rule.save(force_insert=True)
        rule.notify.set(also)
        notices = take_up_in_words(rule)
        _log(principal, rule, ADDITION)
    return rule, notices


@retry_on_conflict
def rule_change(
    principal: Principal, rule_id: str, values: Mapping[str, Any]
) -> tuple[AlertRule, list[str]] | None:
    """Return the rule with these values of its fields, as `rule_create` does; None where there is
    no such rule that the principal may see."""
    with _acting(principal), transaction.atomic():
        rule = _held(principal, rule_id)
        if rule is None:
            return None
        rule, also = _filled(rule, principal, values)
        rule.save()
        rule.notify.set(also)
        notices = take_up_in_words(rule)
        _log(principal, rule, CHANGE)
    return rule, notices


@retry_on_conflict
def rule_delete(principal: Principal, rule_id: str) -> bool:
    """Whether the rule was there; its alert is resolved by that."""
    with _acting(principal), transaction.atomic():
        rule = _held(principal, rule_id)
        if rule is None:
            return False
        _log(principal, rule, DELETION)
        rule.delete()
    return True


def rule_try(principal: Principal, rule_id: str | None, values: Mapping[str, Any]) -> Tried | None:
    """Try a rule that is about to be made, or changed; nothing is stored.

    rule_id: of the one that is changed; None where there is no such one. Raises ValidationError.
    """
    rule = AlertRule(organization_id=principal.organization_id)
    if rule_id is not None:
        stored = _named(principal, rule_id)
        if stored is None:
            return None
        rule = stored
    is_raised = rule.raised
    tried, also = _filled(rule, principal, values)
    return try_rule(tried, also, is_raised=is_raised)


def _acting(principal: Principal) -> Any:
    return acting(Actor(user_id=principal.user_id, source="rest"))


def _log(principal: Principal, rule: AlertRule, act: int) -> None:
    """Tell the history that the admin shows of the rule; of alerts the log of events tells."""
    LogEntry.objects.log_actions(principal.user_id, [rule], act, BY)


def _named(principal: Principal, rule_id: str) -> AlertRule | None:
    return rules_seen_by(principal).filter(pk__in=canonical_uuids([rule_id])).first()


def _held(principal: Principal, rule_id: str) -> AlertRule | None:
    """Return the rule as it is once nobody else changes it."""
    if (rule := _named(principal, rule_id)) is None:
        return None
    hold_rows(AlertRule, [rule.pk], Lock.CHANGE, wait=True)
    return _named(principal, rule_id)


def _filled(
    rule: AlertRule, principal: Principal, values: Mapping[str, Any]
) -> tuple[AlertRule, Collection[User]]:
    """Return the rule with these values, and the users whom it names. Raises ValidationError."""
    problems: dict[str, Any] = {}
    fields = dict(values)
    also = list(rule.notify.all()) if rule.pk and not rule._state.adding else []
    if "notify" in fields:
        ids = list(dict.fromkeys(fields.pop("notify")))
        also = _people(principal, ids)
        if len(also) < len(ids):
            problems["notify"] = NO_USER
    if "kpi" in fields:
        visible = Kpi.objects.of(principal.organization_id).filter(visible_to(principal))
        kpi = visible.filter(pk=fields.pop("kpi")).first()
        if kpi is None:
            raise ValidationError({"kpi": NO_KPI} | problems)
        rule.kpi = kpi
    for name, value in fields.items():
        setattr(rule, name, value)
    try:
        rule.full_clean()
    except ValidationError as error:
        problems = error.update_error_dict({}) | problems
    if problems:
        raise ValidationError(problems)
    return rule, also


def _people(principal: Principal, ids: Collection[Any]) -> list[User]:
    people = User.objects.of(principal.organization_id).filter(is_service=False, erased_at=None)
    return list(people.filter(pk__in=ids))
