"""In the admin: an organization's provider, and users who have lost their second factor (D6)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from allauth.account import admin as account_admin
from allauth.mfa import admin as mfa_admin
from allauth.socialaccount import admin as socialaccount_admin
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_domain_name
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from unfold.widgets import UnfoldAdminPasswordWidget

from bos.adminsite.confirm import Button, Question, ask, page_of
from bos.adminsite.tenant import TenantAdmin
from bos.identity import second_factor
from bos.identity.oidc import WELL_KNOWN, domains_of, new_slug
from bos.models import IdentityProvider, User
from bos.outbound.http import AddressRefused, require_outside
from bos.sealed import seal

logger = logging.getLogger("bos.login")

# Pages that come with allauth, and that would show every organization's rows to each administrator.
_FOREIGN = {module.__package__ for module in (account_admin, mfa_admin, socialaccount_admin)}


def foreign_pages() -> list[Any]:
    """The models whose pages allauth has registered."""
    return [model for model in admin.site._registry if model._meta.app_config.name in _FOREIGN]


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    secret = forms.CharField(
        label="Client secret",
        required=False,
        max_length=1_000,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "off"}),
        help_text="It is not shown again. Left empty, the one that is stored stays.",
    )

    class Meta:
        model = IdentityProvider
        fields = ("name", "issuer", "client_id", "domains", "creates_users", "is_active")

    def clean_issuer(self) -> str:
        issuer: str = self.cleaned_data["issuer"].strip().removesuffix(WELL_KNOWN)
        if not issuer.startswith("https://") and not settings.OUTBOUND_INSIDE:
            raise ValidationError("An issuer's address begins with https://.")
        try:
            require_outside(issuer)
        except AddressRefused as refused:
            raise ValidationError(str(refused)) from None
        return issuer

    def clean_domains(self) -> str:
        domains = domains_of(self.cleaned_data["domains"])
        for domain in domains:
            try:
                validate_domain_name(domain)
            except ValidationError:
                raise ValidationError(f"“{domain}” is no domain.") from None
        return ", ".join(dict.fromkeys(domains))

    def clean_secret(self) -> str:
        secret: str = self.cleaned_data["secret"]
        if not secret and not self.instance.client_secret:
            raise ValidationError("Your provider has given you one: enter it.")
        return secret

    def save(self, commit: bool = True) -> Any:
        if secret := self.cleaned_data["secret"]:
            self.instance.client_secret = seal(secret)
        if not self.instance.slug:
            self.instance.slug = new_slug(self.instance.name)
        return super().save(commit)


class IdentityProviderAdmin(TenantAdmin):
    form = ProviderForm
    list_display = ("name", "issuer", "is_active", "creates_users", "organization")
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name", "issuer")
    change_form_outer_after_template = "admin/bos/identity_provider.html"
    own_fields: ClassVar[list[str]] = [
        "name",
        "issuer",
        "client_id",
        "secret",
        "domains",
        "creates_users",
        "is_active",
    ]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.own_fields, "organization"] if request.user.is_superuser else self.own_fields

    def response_add(
        self, request: HttpRequest, obj: IdentityProvider, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Its page shows the addresses that the provider and the people need."""
        self.message_user(request, f"“{obj}” is added.", messages.SUCCESS)
        return HttpResponseRedirect(page_of(self, obj))


class FactorReset(TenantAdmin):
    """Mixin of the users' pages."""

    def get_urls(self) -> Any:
        reset = self.admin_site.admin_view(self.reset_view)
        address = path("<uuid:id_>/second-factor/", reset, name="bos_user_second_factor")
        return [address, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> Any:
        user = more.get("obj")
        context["has_second_factor"] = (
            user is not None and user.pk != request.user.pk and second_factor.has_one(user)
        )
        return super().render_change_form(request, context, *args, **more)

    def reset_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        user: User | None = self.get_object(request, str(id_))
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user is None:
            raise Http404
        if user.pk == request.user.pk:  # there they prove first that it is they
            return HttpResponseRedirect(reverse("mfa_index"))
        if request.method != "POST":
            return ask(self, request, _resetting(self, user))
        if count := second_factor.reset(user):
            self.log_change(request, user, f"Second factors were reset: {count}.")
            logger.warning("second factor reset", extra={"of": str(user.pk)})
            self.message_user(request, f"“{user}” has no second factor now.", messages.SUCCESS)
        return HttpResponseRedirect(page_of(self, user))


def _resetting(page: Any, user: User) -> Question:
    return Question(
        title=f"Reset the second factor of “{user}”?",
        text=[
            "Their app, passkeys and recovery codes open nothing any more, and they sign in with "
            "their password alone until they set up new ones. Make sure that it is they who ask: "
            "somebody who has found out a password says just the same."
        ],
        buttons=(Button("reset", "Reset it", "danger"),),
        back=page_of(page, user),
    )


PAGES: Mapping[Any, Any] = {IdentityProvider: IdentityProviderAdmin}
