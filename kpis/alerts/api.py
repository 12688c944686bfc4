"""`/api/v1/alert-rules`: when KPIs alert, and whom they notify (decisions B2, B5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound, Throttled
from rest_framework.exceptions import ValidationError as RequestRefused
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from bos.api import shapes
from bos.api.parameters import require_valid
from bos.api.problems import Problem
from bos.api.reading import (
    ListView,
    OneView,
    ReadingView,
    describe_listing,
    describe_single,
)
from bos.models import Role
from bos.permissions import has_role
from bos.service.keys import Scope
from bos.web.turns import turns
from kpis.alerts.making import (
    MOST_NOTIFIED,
    rule_change,
    rule_create,
    rule_delete,
    rule_try,
)
from kpis.alerts.reading import RULES, SavedAlertRule, fields_of
from kpis.history.pages import turn
from kpis.models import MAX_HOURS, MAX_MINUTES, AlertRule, RuleKind, Severity
from sync.delivery.budgets import Account
from sync.delivery.bus import bus
from sync.protocol.codecs import to_json
from sync.protocol.identity import Principal
from sync.protocol.times import wire_time

PER_MINUTE = 120
"""Rules that a user may make, change, remove and try in 60 s."""

# ------------------------------------------------------------------ what is sent

_HOURS = f"At most {MAX_HOURS} hours: a year."
_MINUTES = f"At most {MAX_MINUTES} minutes: a week."


class SentRule(serializers.Serializer[Any]):
    """A rule; of one that is changed, any of its fields."""

    kpiId = serializers.UUIDField(source="kpi")
    kind = serializers.ChoiceField(RuleKind.choices)
    threshold = serializers.DecimalField(
        max_digits=19,
        decimal_places=4,
        allow_null=True,
        required=False,
        help_text="In the KPI's unit; of a change, in percent; of a missing value, null.",
    )
    hours = serializers.IntegerField(
        min_value=0,
        max_value=MAX_HOURS,
        allow_null=True,
        required=False,
        error_messages={"max_value": _HOURS},
        help_text="For a change, and for no new value: within so many hours; else null.",
    )
    forMinutes = serializers.IntegerField(
        source="for_minutes",
        min_value=0,
        max_value=MAX_MINUTES,
        required=False,
        error_messages={"max_value": _MINUTES},
        help_text="It alerts once it has been crossed for so long; default: 0, at once.",
    )
    hysteresis = serializers.DecimalField(
        max_digits=19,
        decimal_places=4,
        required=False,
        help_text="Its alert is resolved once the KPI is back by so many percent; default: 0.",
    )
    severity = serializers.ChoiceField(
        Severity.choices, required=False, help_text="Default: warning."
    )
    notifyOwner = serializers.BooleanField(
        source="notify_owner", required=False, help_text="Of the KPI; default: true."
    )
    notify = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=MOST_NOTIFIED,
        required=False,
        help_text="Users who are notified as well.",
    )
    isActive = serializers.BooleanField(
        source="is_active", required=False, help_text="Default: true."
    )

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what it does not know: a misspelt field must never be passed over."""
        values = super().to_internal_value(data)
        if unknown := sorted(str(name)[:100] for name in data.keys() - self.fields.keys()):
            there = f"There is no such field. There are: {', '.join(self.fields)}."
            raise RequestRefused({name: [there] for name in unknown})
        return values


class TriedRule(SentRule):
    """A rule that is about to be made, or changed."""

    id = serializers.UUIDField(
        required=False, help_text="Of the rule that is changed; its other fields are known then."
    )


class TriedDay(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="In UTC.")
    count = serializers.IntegerField()


class Trial(serializers.Serializer[Any]):
    text = serializers.CharField(help_text="In words: how often it would have alerted.")
    count = serializers.IntegerField()
    since = serializers.DateTimeField(help_text="From when on it was tried.")
    days = TriedDay(many=True, help_text="On which it would have alerted, the first one first.")
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="What to know before it is saved, for people."
    )


_SENT = {
    "kpiId": "1d80f1f3-9c8f-4a0f-8a39-4f6c5a3c2b11",
    "kind": "below",
    "threshold": 90,
    "forMinutes": 10,
    "severity": "critical",
}
_SAVED = {
    "id": "0f8a8d0c-7d0e-4f0c-9a57-1d4b3b1f6a10",
    **_SENT,
    "hours": None,
    "hysteresis": 0,
    "notifyOwner": True,
    "notify": [],
    "isActive": True,
    "isBeyond": False,
    "createdAt": "2026-11-29T17:38:17Z",
    "warnings": [],
}
_TRIAL = {
    "text": "It would have alerted 3 times in the last 90 days.",
    "count": 3,
    "since": "2026-08-31T17:38:17Z",
    "days": [{"day": "2026-11-02", "count": 1}, {"day": "2026-11-21", "count": 2}],
    "notes": [],
}
_NAME = "Below 90 for ten minutes"
_REFUSED = {
    403: OpenApiResponse(Problem, "By a manager or an admin; a key needs the scope `write`."),
    **dict.fromkeys((415, 429), Problem),
}


class NotAManager(APIException):
    """The token or key is good, and its user's role is not enough."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "FORBIDDEN"
    default_detail = "Only managers and administrators may do that."


# ------------------------------------------------------------------ views


class _RulesView(ReadingView):
    """Reads by the scope `read`, and changes by `write`."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.scope = Scope.READ if request.method in SAFE_METHODS else Scope.WRITE
        super().initial(request, *args, **kwargs)

    def manager(self) -> Principal:
        """Raises NotAManager, or Throttled after too many."""
        principal = self.principal
        require_valid(self.request.query_params)
        if not has_role(principal, Role.MANAGER):
            raise NotAManager
        account = Account(f"alert-rules:{principal.user_id}", PER_MINUTE, "user")
        with turns.given_back():
            refusal = bus.ask(lambda state: state.spend(principal.organization_id, [account], 1))
        if refusal is not None:
            raise Throttled(wait=refusal.wait)
        return principal


@describe_listing(RULES)
class RulesView(_RulesView, ListView):
    readable = RULES

    @extend_schema(
        operation_id="add_alert_rule",
        summary="Add an alert rule to a KPI",
        description="It alerts at once where the KPI is beyond already: `warnings` says so.",
        request=SentRule,
        responses={
            201: OpenApiResponse(shapes.inline(SavedAlertRule), "The rule is there."),
            **_REFUSED,
        },
        examples=[
            OpenApiExample(_NAME, _SENT, request_only=True),
            OpenApiExample(_NAME, _SAVED, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        principal = self.manager()
        values = _values(SentRule(data=request.data))
        return _saved(*_checked(lambda: rule_create(principal, values)), code=201)


@describe_single(RULES)
class RuleView(_RulesView, OneView):
    readable = RULES

    @extend_schema(
        operation_id="change_alert_rule",
        summary="Change an alert rule",
        description="With another condition it is another rule: the alert that it has is resolved,"
        " and it may alert again.",
        request=SentRule(partial=True),
        responses={
            200: OpenApiResponse(shapes.inline(SavedAlertRule), "The rule is changed."),
            **_REFUSED,
        },
        examples=[
            OpenApiExample("Another threshold", {"threshold": 85}, request_only=True),
            OpenApiExample("Below 85", _SAVED | {"threshold": 85}, response_only=True),
        ],
    )
    def patch(self, request: Request, id: str) -> HttpResponse:
        principal = self.manager()
        values = _values(SentRule(data=request.data, partial=True))
        return _saved(*_found(_checked(lambda: rule_change(principal, id, values))))

    @extend_schema(
        operation_id="delete_alert_rule",
        summary="Remove an alert rule",
        description="The alert that it has is resolved.",
        responses={204: None, **_REFUSED},
    )
    def delete(self, request: Request, id: str) -> Response:
        if not rule_delete(self.manager(), id):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


class RuleTrialView(_RulesView):
    """Try a rule on the values of the last 90 days, by the judgement of live values."""

    @extend_schema(
        operation_id="try_alert_rule",
        summary="Say how often a rule would have alerted",
        description="On the values of the last 90 days. Nothing is stored.",
        request=TriedRule,
        responses={200: Trial, **_REFUSED, 404: Problem, 503: Problem},
        examples=[
            OpenApiExample(_NAME, _SENT, request_only=True),
            OpenApiExample("Three times", _TRIAL, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        principal = self.manager()
        sent: Any = request.data
        is_change = isinstance(sent, Mapping) and "id" in sent
        values = _values(TriedRule(data=sent, partial=is_change))
        id_ = values.pop("id", None)
        with turn():
            tried = _found(
                _checked(lambda: rule_try(principal, None if id_ is None else str(id_), values))
            )
        found = tried.found
        return Response(
            {
                "text": found.text,
                "count": len(found.alerts),
                "since": wire_time(found.since),
                "days": [
                    {"day": day.isoformat(), "count": count} for day, count in found.counts.items()
                ],
                "notes": tried.notes,
            }
        )


def _values(sent: SentRule) -> dict[str, Any]:
    """Raises RequestRefused, with a sentence for each field that is wrong."""
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


_NAMES = {
    field.source or name: name
    for name, field in ((name, field) for name, field in TriedRule().get_fields().items())
}
"""By the names of the model's fields those of what is sent."""


def _checked(act: Any) -> Any:
    """Do it. Raises RequestRefused where the rule is none that can be, by the names of the fields
    as they were sent."""
    try:
        return act()
    except ValidationError as error:
        problems = error.message_dict
        raise RequestRefused(
            {_NAMES.get(name, name): problems[name] for name in problems}
        ) from None


def _found(thing: Any) -> Any:
    """Raises NotFound: another organization's answers as what is unknown."""
    if thing is None:
        raise NotFound
    return thing


def _saved(rule: AlertRule, notices: list[str], *, code: int = 200) -> HttpResponse:
    body = to_json(SavedAlertRule(**fields_of(rule), warnings=notices))
    return HttpResponse(body, status=code, content_type="application/json")
