"""Deliveries and outside channels in the admin (decision B7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.urls import path
from django.utils.formats import localize
from django.utils.timezone import localtime
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from bos.adminsite.confirm import list_of, page_of
from bos.adminsite.read_only import ReadOnlyAdmin
from bos.adminsite.tenant import TenantAdmin
from bos.models import Delivery, DeliveryState, Medium, OutsideChannel, User
from bos.outside import chat, push
from bos.outside.sending import try_again
from bos.outside.testing import NothingTo, send_test_into, send_test_to
from bos.sealed import seal


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The address is sealed when it is saved, and never shown again."""

    new_address = forms.CharField(
        label="Address",
        max_length=chat.ADDRESS_LENGTH,
        required=False,
        strip=True,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off", "spellcheck": "false"}),
    )

    class Meta:
        model = OutsideChannel
        fields = (
            "organization",
            "name",
            "alerts",
            "least_severity",
            "reports",
            "restricted",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = "; ".join(
            f"{s.name}: {s.example}" for s in dict.fromkeys(chat.allowed().values())
        )
        stored = "Leave it empty to keep the one that is stored. " if self._has_one() else ""
        self.fields["new_address"].help_text = (
            f"{stored}It holds tokens: it is stored encrypted, and never shown again. An address"
            f" as the service itself gives it will do, or one of apprise: {services}."
        )

    def _has_one(self) -> bool:
        return bool(self.instance.pk and self.instance.address)

    def clean_new_address(self) -> str:
        address: str = self.cleaned_data["new_address"]
        if not address:
            if self._has_one():
                return ""
            raise forms.ValidationError("Where are the messages to go?")
        try:
            self._service = chat.service_of(address)
        except chat.AddressRefused as refusal:
            raise forms.ValidationError(str(refusal)) from None
        return address

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("alerts") and not cleaned.get("reports"):
            self.add_error("alerts", "It would get nothing: choose alerts, reports or both.")
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        address = self.cleaned_data.get("new_address")
        if address:
            self.instance.address, self.instance.service = seal(address), self._service


class OutsideChannelAdmin(TenantAdmin):
    form = ChannelForm
    list_display = (
        "name",
        "service",
        "alerts",
        "least_severity",
        "reports",
        "restricted",
        "is_active",
        "organization",
    )
    list_filter = ("organization", "service", "is_active")
    list_select_related = ("organization",)
    search_fields = ("name",)
    change_form_outer_before_template = "admin/bos/channel_tools.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ["name", "new_address", *ChannelForm.Meta.fields[2:]]
        if obj is not None:
            fields += ["service", "created_by", "created_at"]
        return [*fields, "organization"] if request.user.is_superuser else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        read_only = super().get_readonly_fields(request, obj)
        return (*read_only, "service", "created_by", "created_at")

    def save_model(
        self, request: HttpRequest, obj: OutsideChannel, form: Any, change: bool
    ) -> None:
        if not change and isinstance(request.user, User):
            obj.created_by = request.user
        super().save_model(request, obj, form, change)

    def get_urls(self) -> Any:
        test = self.admin_site.admin_view(require_POST(self.test_view))
        return [path("<uuid:id_>/test/", test, name="bos_outsidechannel_test"), *super().get_urls()]

    def test_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        """Send a test into the channel; its delivery says what becomes of it."""
        channel: OutsideChannel | None = self.get_queryset(request).filter(pk=id_).first()
        if channel is None:
            raise Http404
        try:
            delivery = send_test_into(channel)
        except NothingTo as problem:
            self.message_user(request, str(problem), messages.ERROR)
            return HttpResponseRedirect(page_of(self, channel))
        self.message_user(request, TEST_UNDER_WAY)
        return HttpResponseRedirect(_page_of(delivery))


TEST_UNDER_WAY = "A test is on its way: reload this page to see what becomes of it."


def _page_of(delivery: Delivery) -> str:
    return page_of(admin.site._registry[Delivery], delivery)


class DeliveryAdmin(ReadOnlyAdmin):
    """Shows the fate of messages; what they say is not shown here."""

    list_display = (
        "created_at",
        "receiver",
        "what",
        "state",
        "error",
        "attempts",
        "next_try",
        "organization",
    )
    list_filter = ("organization", "state", "medium", "kind", "created_at")
    list_select_related = ("user", "channel", "organization")
    search_fields = ("user__name", "user__email", "channel__name")
    show_full_result_count = False
    actions = ("try_these_again",)
    fields = (
        "organization",
        "receiver",
        "what",
        "about",
        "state",
        "error",
        "attempts",
        "created_at",
        "next_try",
        "sent_at",
        "goes_out_with",
    )
    readonly_fields = ("receiver", "what", "about", "next_try", "goes_out_with")
    list_before_template = "admin/bos/delivery_list_tools.html"
    change_form_outer_before_template = "admin/bos/delivery_tools.html"

    @property
    def notes(self) -> list[str]:
        """Return what an administrator should know, for the page of the list."""
        notes = []
        if not settings.MAIL_IS_ON:
            notes.append("Mail is off: the operator has not set EMAIL_URL. No mail is sent.")
        if not push.is_on():
            notes.append("Push is off: the operator has not set BOS_VAPID_PRIVATE_KEY.")
        return notes

    @property
    def mail_is_on(self) -> bool:
        return settings.MAIL_IS_ON

    @admin.display(description="to", ordering="user__name")
    def receiver(self, delivery: Delivery) -> str:
        return delivery.receiver

    @admin.display(description="what", ordering="kind")
    def what(self, delivery: Delivery) -> str:
        words = delivery.category.replace("_", " ") or delivery.get_kind_display().lower()
        return f"{words}: {delivery.moment}" if delivery.moment else words

    @admin.display(description="about")
    def about(self, delivery: Delivery) -> str:
        return f"{delivery.entity_type} {delivery.entity_id}".strip() or "-"

    @admin.display(description="next try", ordering="next_at", empty_value="-")
    def next_try(self, delivery: Delivery) -> str | None:
        if delivery.state not in (DeliveryState.WAITING, DeliveryState.GATHERED):
            return None
        return str(localize(localtime(delivery.next_at)))

    @admin.display(description="goes out with", empty_value="-")
    def goes_out_with(self, delivery: Delivery) -> Any:
        return delivery.bundle

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They go by themselves, and with whom they are for."""
        return super().has_delete_permission(request, obj) and not self.is_own_page(request)

    def get_urls(self) -> Any:
        def posted(view: Any) -> Any:
            return self.admin_site.admin_view(require_POST(view))

        return [
            path("test/", posted(self.test_view), name="bos_delivery_test"),
            path("<uuid:id_>/again/", posted(self.again_view), name="bos_delivery_again"),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Send a test mail to the administrator who asks for it."""
        user: Any = request.user
        try:
            delivery = send_test_to(user, Medium.EMAIL)
        except NothingTo as problem:
            self.message_user(request, str(problem), messages.ERROR)
            return HttpResponseRedirect(list_of(self))
        self.message_user(request, TEST_UNDER_WAY)
        return HttpResponseRedirect(page_of(self, delivery))

    def again_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        found = self.get_queryset(request).filter(pk=id_)
        delivery = found.first()
        if delivery is None:
            raise Http404
        self._tell(request, try_again(found))
        return HttpResponseRedirect(page_of(self, delivery))

    @admin.action(description="Try the selected again", permissions=["view"])
    def try_these_again(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        ids = list(deliveries.values_list("pk", flat=True))
        self._tell(request, try_again(self.get_queryset(request).filter(pk__in=ids)))

    def _tell(self, request: HttpRequest, count: int) -> None:
        if count:
            self.message_user(request, f"{count} deliver{pluralize(count, 'y,ies')} tried again.")
        else:
            problem = "Only what has failed or was given up can be tried again."
            self.message_user(request, problem, messages.WARNING)


PAGES: Mapping[Any, Any] = {Delivery: DeliveryAdmin, OutsideChannel: OutsideChannelAdmin}
