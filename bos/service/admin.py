"""Service accounts in the admin, and their keys: made, shown once, revoked (decision D1)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from bos.adminsite.confirm import Button, Question, ask, choice, page_of
from bos.adminsite.tenant import TenantAdmin
from bos.leaving.people import has_left_something
from bos.models import Role, ServiceAccount, ServiceKey, User
from bos.service.keys import (
    SCOPES,
    Scope,
    account_create,
    key_create,
    key_revoke,
    prefix_of,
    require_free_name,
)
from bos.texts import one_form

logger = logging.getLogger("bos.login")

LIVES = {"30": "30 days", "90": "90 days", "365": "a year", "never": "never"}
SETS_KPIS = (Role.MANAGER, Role.ADMIN)
ROLES = {
    Role.VIEWER: "Viewer: reads",
    Role.MEMBER: "Member: also annotates, joins and creates sessions",
    Role.MANAGER: "Manager: also sets KPIs and sends values, requests reports",
    Role.ADMIN: "Admin: also acts on what others have made; never opens these pages",
}


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Name, role and whether it is active are those of the account's user."""

    name = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Of the system that uses it: people see it beside what it changes.",
    )
    role = forms.ChoiceField(
        choices=[(role.value, words) for role, words in ROLES.items()],
        widget=UnfoldAdminSelectWidget,
        help_text="What its keys may do at most. A change closes its connections.",
    )
    is_active = forms.BooleanField(
        label="Active",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Switched off, none of its keys works.",
    )

    class Meta:
        model = ServiceAccount
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        account: ServiceAccount | None = kwargs.get("instance")
        initial = {}
        if account is not None and account.pk is not None:
            user = account.user
            initial = {"name": user.name, "role": user.role, "is_active": user.is_active}
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)

    def clean_name(self) -> str:
        name = one_form(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError("It needs a name.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        organization = cleaned.get("organization")
        organization_id = organization.pk if organization else self.instance.organization_id
        if organization_id is not None and "name" in cleaned:
            require_free_name(organization_id, cleaned["name"], own=self.instance.pk)
        return cleaned


class KeyForm(forms.Form):
    label = forms.CharField(
        max_length=100,
        label="Where it is used",
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        help_text="A name to tell it from the account's other keys: the machine, or the job.",
    )
    scopes = forms.MultipleChoiceField(
        label="What it is for",
        choices=[(scope.value, f"{scope.value}: {words}") for scope, words in SCOPES.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    life = choice("Expires after", LIVES.items())

    def __init__(self, *args: Any, account: ServiceAccount, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._account = account

    def clean_scopes(self) -> list[Scope]:
        scopes = [Scope(scope) for scope in self.cleaned_data["scopes"]]
        if Scope.INGEST in scopes and self._account.user.role not in SETS_KPIS:
            raise forms.ValidationError(
                f"A {self._account.user.role} may set no KPI: give the account the role manager."
            )
        return scopes

    def expires_at(self) -> datetime | None:
        life: str = self.cleaned_data["life"]
        return None if life == "never" else timezone.now() + timedelta(days=int(life))


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key as the account's page shows it. style: of its state."""

    key: ServiceKey
    prefix: str
    state: str
    style: str

    @classmethod
    def of(cls, key: ServiceKey) -> KeyLine:
        if key.revoked_at is not None:
            state, style = "revoked", "bos-bad"
        elif key.expires_at is not None and key.expires_at <= timezone.now():
            state, style = "expired", "bos-wait"
        else:
            state, style = "works", "bos-good"
        return cls(key, prefix_of(key.pk), state, style)

    @property
    def scopes(self) -> str:
        return _listed(self.key)


def _listed(key: ServiceKey) -> str:
    return ", ".join(key.scopes.split())


class ServiceAccountAdmin(TenantAdmin):
    form = AccountForm
    list_display = ("name", "role", "is_active", "keys", "last_used", "created_at", "organization")
    list_filter = ("organization",)
    list_select_related = ("user", "organization")
    search_fields = ("user__name",)
    ordering = ("user__name",)  # counting takes the model's own away
    actions = None
    change_form_outer_after_template = "admin/bos/service_keys.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        now = timezone.now()
        living = Q(keys__revoked_at=None) & (Q(keys__expires_at=None) | Q(keys__expires_at__gt=now))
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(
            living_keys=Count("keys", filter=living & Q(keys__isnull=False)),
            used_at=Max("keys__last_used_at"),
        )
        return counted

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ["name", "role"]
        if obj is not None:
            fields += ["is_active", "created_by", "created_at"]
        return [*fields, "organization"] if request.user.is_superuser else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "created_by", "created_at")

    @admin.display(description="name", ordering="user__name")
    def name(self, account: ServiceAccount) -> str:
        return account.user.name

    @admin.display(description="role", ordering="user__role")
    def role(self, account: ServiceAccount) -> str:
        return account.user.role

    @admin.display(description="active", boolean=True, ordering="user__is_active")
    def is_active(self, account: ServiceAccount) -> bool:
        return account.user.is_active

    @admin.display(description="keys that work", ordering="living_keys")
    def keys(self, account: Any) -> int:
        found: int = account.living_keys
        return found

    @admin.display(description="last used", ordering="used_at", empty_value="never")
    def last_used(self, account: Any) -> datetime | None:
        found: datetime | None = account.used_at
        return found

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Values that it has sent stay, by its name: then it is switched off instead."""
        if not super().has_delete_permission(request, obj):
            return False
        return obj is not None and not has_left_something(obj.user)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        told = form.cleaned_data
        if not change:
            made = account_create(
                obj.organization_id,
                name=told["name"],
                role=told["role"],
                created_by=_staff(request),
            )
            obj.__dict__.update(made.__dict__)
            return
        changed = [name for name in ("name", "role", "is_active") if name in form.changed_data]
        if changed:
            for name in changed:
                setattr(obj.user, name, told[name])
            obj.user.save(update_fields=changed)

    def delete_model(self, request: HttpRequest, obj: ServiceAccount) -> None:
        obj.user.delete()

    def response_add(
        self, request: HttpRequest, obj: ServiceAccount, post_url_continue: str | None = None
    ) -> HttpResponse:
        """An account without a key is of no use: its page is next."""
        self.message_user(request, f"“{obj}” is added. Make its first key.", messages.SUCCESS)
        return HttpResponseRedirect(page_of(self, obj))

    # -------------------------------------------------------------- keys

    def get_urls(self) -> Any:
        def own(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("<uuid:id_>/keys/add/", own(self.key_view), name="bos_serviceaccount_key"),
            path(
                "<uuid:id_>/keys/<uuid:key_id>/revoke/",
                own(self.revoke_view),
                name="bos_serviceaccount_revoke",
            ),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> Any:
        account = more.get("obj")
        if account is not None:
            keys = account.keys.select_related("created_by")
            context["service_keys"] = [KeyLine.of(key) for key in keys]
        return super().render_change_form(request, context, *args, **more)

    def _account(self, request: HttpRequest, id_: UUID) -> ServiceAccount:
        if not self.has_change_permission(request):
            raise PermissionDenied
        account: ServiceAccount | None = self.get_queryset(request).filter(pk=id_).first()
        if account is None:
            raise Http404
        return account

    def key_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        """Make a key. The answer shows it, and nothing keeps it: no redirect, message or cache."""
        account = self._account(request, id_)
        form = KeyForm(request.POST if request.method == "POST" else None, account=account)
        if not form.is_valid():
            return ask(self, request, _making(self, account, form))
        key, text = key_create(
            account,
            label=form.cleaned_data["label"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.expires_at(),
            created_by=_staff(request),
        )
        self._note(request, account, key, "made")
        context = {
            **self.admin_site.each_context(request),
            "title": f"The new key of “{account}”",
            "text": text,
            "key": key,
            "scopes": _listed(key),
            "account": account,
            "opts": self.opts,
            "media": self.media,
            "back": page_of(self, account),
        }
        answer = TemplateResponse(request, "admin/bos/service_key_made.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    def revoke_view(self, request: HttpRequest, id_: UUID, key_id: UUID) -> HttpResponse:
        account = self._account(request, id_)
        key: ServiceKey | None = account.keys.filter(pk=key_id).first()
        if key is None:
            raise Http404
        if request.method != "POST":
            return ask(self, request, _revoking(self, account, key))
        if key_revoke(key):
            self._note(request, account, key, "revoked")
            self.message_user(request, f"The key “{key}” is revoked.", messages.SUCCESS)
        return HttpResponseRedirect(page_of(self, account))

    def _note(
        self, request: HttpRequest, account: ServiceAccount, key: ServiceKey, what: str
    ) -> None:
        self.log_change(request, account, f"The key “{key}” ({prefix_of(key.pk)}…) was {what}.")
        extra = {"key": prefix_of(key.pk), "account": str(account.pk)}
        logger.info(f"key {what}", extra=extra)


def _staff(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _making(page: Any, account: ServiceAccount, form: forms.Form) -> Question:
    return Question(
        title=f"A new key for “{account}”",
        text=[
            "A system sends it with each request instead of a password. It is shown once, on the "
            f"page after this one. It may do what it is for here, and the role "
            f"{account.user.role} allows."
        ],
        buttons=(Button("make", "Make the key"),),
        form=form,
        back=page_of(page, account),
    )


def _revoking(page: Any, account: ServiceAccount, key: ServiceKey) -> Question:
    return Question(
        title=f"Revoke the key “{key}”?",
        text=[
            f"{prefix_of(key.pk)}… works nowhere within 2 seconds, its connections are closed, and "
            "it cannot be brought back. The account's other keys go on working."
        ],
        buttons=(Button("revoke", "Revoke the key", "danger"),),
        back=page_of(page, account),
    )


PAGES: Mapping[Any, Any] = {ServiceAccount: ServiceAccountAdmin}
