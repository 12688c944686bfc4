"""Connectors in the admin: set up, tried, run, and how they are doing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from django import forms
from django.contrib import admin, messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from unfold.widgets import UnfoldAdminPasswordToggleWidget

from bos.adminsite.confirm import page_of
from bos.adminsite.scope import sees_all
from bos.adminsite.tenant import TenantAdmin
from bos.ids import canonical_uuids
from bos.jobs.queue import require_room
from bos.models import Organization
from bos.outbound.http import AddressRefused
from bos.sealed import seal
from bos.web.turns import turns
from kpis.connectors import trials
from kpis.connectors.addresses import LONGEST, is_sqlite, leads_to, require_usable
from kpis.connectors.running import is_running, run_now, set_up
from kpis.connectors.source import Source, SourceFailed
from kpis.models import MOST_CONNECTORS, Connector, ConnectorKind
from sync.eventlog.fast_sql import Lock, hold_rows
from sync.protocol.errors import RateLimitExceeded

ENOUGH = f"Your organization has {MOST_CONNECTORS} connectors: delete one first."
NEVER_SHOWN = {"autocomplete": "new-password", "spellcheck": "false"}


class ConnectorForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Address and token are taken, sealed, and never shown again.

    With a new address the stored token is gone: nobody sends somebody else's secret elsewhere.
    """

    looked_at: ClassVar[Mapping[tuple[str, str], str]] = {}
    """By kind and address why one may not be fetched from: found out before the form is locked
    with its row, since a name may take long to resolve."""

    address = forms.CharField(
        required=False,
        max_length=LONGEST,
        widget=UnfoldAdminPasswordToggleWidget(NEVER_SHOWN),
        help_text="https://…, or postgresql://user:password@host/database, or sqlite:///file.db."
        " It is encrypted and not shown again; empty, the stored one stays.",
    )
    token = forms.CharField(
        label="Bearer token",
        required=False,
        max_length=LONGEST,
        widget=UnfoldAdminPasswordToggleWidget(NEVER_SHOWN),
        help_text="Where the source wants one. Likewise; enter it again with a new address.",
    )

    class Meta:
        model = Connector
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored: Connector = self.instance
        self._is_new = stored._state.adding
        self._stored_kind = "" if self._is_new else stored.kind

    def clean_token(self) -> str:
        token: str = self.cleaned_data["token"]
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise forms.ValidationError("A token has letters, digits and signs of ASCII only.")
        return token

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kind, address = cleaned.get("kind"), cleaned.get("address", "")
        if kind is None:
            return cleaned
        if address:
            self._look_at(kind, address)
        elif self._is_new:
            self.add_error("address", "Where are the values?")
        elif kind != self._stored_kind:
            self.add_error("address", "Of another kind it has another address: enter it.")
        if kind == ConnectorKind.SQL and cleaned.get("token"):
            self.add_error("token", "A database takes none: the address has the password.")
        if self._is_new and connection.in_atomic_block:
            self._require_room()
        return cleaned

    def _look_at(self, kind: str, address: str) -> None:
        try:
            leads_to(kind, address)
            if kind == ConnectorKind.SQL and is_sqlite(address):
                require_usable(kind, address, self._organization_id())
        except AddressRefused as refused:
            self.add_error("address", str(refused))
            return
        if problem := self.looked_at.get((kind, address)):
            self.add_error("address", problem)

    def _organization_id(self) -> UUID | None:
        chosen: Organization | None = self.cleaned_data.get("organization")
        found: UUID | None = chosen.pk if chosen else self.instance.organization_id
        return found

    def _require_room(self) -> None:
        """Of two that are added at once, the second one counts the first."""
        organization_id = self._organization_id()
        if organization_id is None:
            return
        hold_rows(Organization, [organization_id], Lock.CHANGE, wait=True)
        if Connector.objects.of(organization_id).count() >= MOST_CONNECTORS:
            self.add_error(None, ENOUGH)

    def source(self) -> Source:
        """Return the source as it stands in the form, which is valid. Raises SourceFailed."""
        address, token = self.cleaned_data["address"], self.cleaned_data["token"]
        if address:
            return Source.with_secrets(self.instance, address=address, token=token)
        stored = Source.of(self.instance)
        return msgspec.structs.replace(stored, token=token or stored.token)

    def seal(self) -> None:
        """Put the secrets that were entered into the row."""
        row: Connector = self.instance
        address, token = self.cleaned_data["address"], self.cleaned_data["token"]
        if address:
            row.sealed_address, row.leads_to = seal(address), leads_to(row.kind, address)
            row.sealed_token = ""
        if token:
            row.sealed_token = seal(token)


class ConnectorAdmin(TenantAdmin):
    form = ConnectorForm
    list_display = (
        "name",
        "kind",
        "leads_to",
        "state",
        "written",
        "last_run_at",
        "next_run",
        "account",
        "organization",
    )
    list_filter = ("organization", "kind", "is_active")
    list_select_related = ("account__user", "organization")
    search_fields = ("name", "leads_to")
    autocomplete_fields = ("account", "kpi")
    change_form_outer_before_template = "admin/bos/connector_state.html"
    change_form_after_template = "admin/bos/connector_try.html"

    class Media:
        js = ("bos/connector.js",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first = ("name", "kind", "account")
        return (
            (None, {"fields": (*first, "organization") if sees_all(request) else first}),
            (
                "Where the values are",
                {"fields": ("address", "token", "query", "rows_path")},
            ),
            (
                "Which values they are",
                {
                    "fields": (
                        "kpi",
                        "kpi_field",
                        "value_field",
                        "at_field",
                        "decimals",
                        "partial",
                    )
                },
            ),
            ("When it runs", {"fields": ("rhythm", "minutes", "daily_at", "is_active")}),
        )

    @admin.display(description="state")
    def state(self, connector: Connector) -> str:
        return state_of(connector, timezone.now())

    @admin.display(description="next run", ordering="next_run_at", empty_value="-")
    def next_run(self, connector: Connector) -> datetime | None:
        return connector.next_run_at if connector.is_active else None

    # -------------------------------------------------------------- saved

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        self._look_at_address(request)
        return super().changeform_view(request, object_id, form_url, extra_context)

    @staticmethod
    def _look_at_address(request: HttpRequest) -> None:
        """Resolve the name of an address that was entered, while nothing is locked."""
        kind, address = request.POST.get("kind", ""), request.POST.get("address", "").strip()
        found: dict[tuple[str, str], str] = {}
        if address and kind in ConnectorKind.values and not is_sqlite(address):
            try:
                with turns.given_back():
                    require_usable(kind, address, None)
            except AddressRefused as refused:
                found[kind, address] = str(refused)
        request.bos_looked_at = found  # type: ignore[attr-defined]  # for the form of this request

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"looked_at": getattr(request, "bos_looked_at", {})})

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        return {"value_field": "value"} | super().get_changeform_initial_data(request)

    def save_model(self, request: HttpRequest, obj: Connector, form: Any, change: bool) -> None:
        if not change or set(form.changed_data) - {"name"}:
            form.seal()
            set_up(obj, timezone.now())
        super().save_model(request, obj, form, change)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> Any:
        connector: Connector | None = more.get("obj")
        if connector is not None:
            now = timezone.now()
            context["connector"] = connector
            context["connector_state"] = state_of(connector, now)
            context["connector_style"] = style_of(connector, now)
        return super().render_change_form(request, context, *args, **more)

    # -------------------------------------------------------------- run and tried

    def get_urls(self) -> Any:
        own = self.admin_site.admin_view
        return [
            path("try/", own(require_POST(self.try_view)), name="kpis_connector_try"),
            path(
                "try/<uuid:trial_id>/",
                own(require_safe(self.tried_view)),
                name="kpis_connector_tried",
            ),
            path("<uuid:id_>/run/", own(require_POST(self.run_view)), name="kpis_connector_run"),
            *super().get_urls(),
        ]

    def run_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        connector: Connector | None = self.get_queryset(request).filter(pk=id_).first()
        if connector is None:
            raise Http404
        user: Any = request.user
        try:
            require_room(connector.organization_id, user.pk)
        except RateLimitExceeded as full:
            self.message_user(request, full.message, messages.ERROR)
            return HttpResponseRedirect(page_of(self, connector))
        if run_now(connector, user):
            text, level = "It runs as soon as a worker is free.", messages.SUCCESS
        else:
            text, level = "It is being run already.", messages.WARNING
        self.message_user(request, text, level)
        return HttpResponseRedirect(page_of(self, connector))

    def try_view(self, request: HttpRequest) -> JsonResponse:
        """Have a worker try the connector that is in the form: `{"address": ...}` says when it has.

        Nothing of it is stored but for the trial. `connector` in the form: the id of a stored one
        that is being changed.
        """
        ids = canonical_uuids([request.POST.get("connector", "")])
        connector = self.get_queryset(request).filter(pk__in=ids).first()
        self._look_at_address(request)
        form = self.get_form(request, connector, change=connector is not None)(
            request.POST, instance=connector
        )
        if not form.is_valid():
            return JsonResponse({"problem": first_problem(form)})
        user: Any = request.user
        try:
            trial = trials.begin(form.source(), account=form.instance.account, user=user)
        except SourceFailed as failure:
            return JsonResponse({"problem": str(failure)})
        except RateLimitExceeded as full:
            return JsonResponse({"problem": full.message})
        return JsonResponse({"address": reverse("admin:kpis_connector_tried", args=(trial.pk,))})

    def tried_view(self, request: HttpRequest, trial_id: UUID) -> HttpResponse:
        """Return the outcome, or `{"waiting": true, "hint": ...}`."""
        user: Any = request.user
        trial = trials.find(trial_id, user)
        if trial is None:
            raise Http404
        if not trial.outcome:
            return JsonResponse({"waiting": True, "hint": trials.hint(trial)})
        answer = HttpResponse(trial.outcome, content_type="application/json")
        answer["Cache-Control"] = "private, no-store"
        return answer


def first_problem(form: Any) -> str:
    name, errors = next(iter(form.errors.items()))
    return f"{form[name].label}: {errors[0]}" if name in form.fields else str(errors[0])


def state_of(connector: Connector, now: datetime) -> str:
    if is_running(connector, now):
        return "being run"
    if connector.failures:
        return f"failing, {connector.failures:,} time{'' if connector.failures == 1 else 's'}"
    if not connector.is_active:
        return "switched off"
    return "works" if connector.last_success_at is not None else "has not run yet"


def style_of(connector: Connector, now: datetime) -> str:
    if is_running(connector, now):
        return "bos-wait"
    if connector.failures:
        return "bos-bad"
    works = connector.is_active and connector.last_success_at is not None
    return "bos-good" if works else "bos-soft"


PAGES = {Connector: ConnectorAdmin}
