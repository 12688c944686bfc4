"""Webhooks in the admin: set up, tried, resumed, replayed; and what became of each request (D5)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from bos.adminsite.confirm import Button, Question, ask, page_of
from bos.adminsite.tenant import TenantAdmin
from bos.models import User, Webhook, WebhookState
from bos.outbound.http import AddressRefused, require_outside
from bos.sealed import CannotOpen
from bos.texts import one_form
from bos.web.turns import turns
from bos.webhooks.contents import entity_types, live_types
from bos.webhooks.delivery import MOST_ATTEMPTS, send_test
from bos.webhooks.endpoints import (
    RETRYING,
    STANDINGS,
    NotKept,
    Standing,
    require_room,
    webhook_create,
    webhook_replay,
    webhook_resume,
    webhook_rotate,
    webhook_switch_off,
    with_next,
)
from sync.eventlog import log

logger = logging.getLogger("bos.webhooks")

STYLES = {
    WebhookState.ACTIVE.value: "bos-good",
    RETRYING: "bos-wait",
    WebhookState.PAUSED.value: "bos-bad",
    WebhookState.OFF.value: "bos-soft",
}
# Each waits for a receiver, as long as a delivery does.
TESTS_AT_ONCE = 2
_tests = BoundedSemaphore(TESTS_AT_ONCE)


class WebhookForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    address = forms.CharField(
        max_length=2000,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off", "spellcheck": "false"}),
        help_text="https://… outside of this server's own network. Redirects are not followed.",
    )
    entity_types = forms.MultipleChoiceField(
        label="Entities",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Each change, whole: as SYNC_UPDATE or SYNC_DELETE. Nothing ticked: see below.",
    )
    live_types = forms.MultipleChoiceField(
        label="Messages",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What happens, as it is told live. Nothing ticked here and above: everything.",
    )
    address_refusal = ""
    """Found before the transaction was open: to look up a name may take long."""

    class Meta:
        model = Webhook
        fields = ("name", "address", "account", "organization")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        webhook: Webhook | None = kwargs.get("instance")
        chosen = webhook.event_types if webhook is not None else []
        told = {"entity_types": entity_types(), "live_types": live_types()}
        initial = {name: [each for each in chosen if each in all_] for name, all_ in told.items()}
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        for name, all_ in told.items():
            self.fields[name].choices = [(each, each) for each in all_]  # type: ignore[attr-defined]  # a field of choices
        if "account" in self.fields:
            self.fields["account"].help_text = "It is sent what this account may see."

    def clean_name(self) -> str:
        name = one_form(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError("It needs a name.")
        return name

    def clean_address(self) -> str:
        if self.address_refusal:
            raise forms.ValidationError(self.address_refusal)
        address: str = self.cleaned_data["address"]
        return address

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        organization = cleaned.get("organization") or self.instance.organization_id
        if self.instance._state.adding and organization:
            require_room(getattr(organization, "pk", organization))
        return cleaned

    def event_types(self) -> list[str]:
        return sorted({*self.cleaned_data["entity_types"], *self.cleaned_data["live_types"]})


class ReplayForm(forms.Form):
    from_sequence = forms.IntegerField(
        label="From the event", min_value=1, widget=UnfoldAdminIntegerFieldWidget
    )


class WebhookAdmin(TenantAdmin):
    form = WebhookForm
    list_display = (
        "name",
        "address",
        "standing",
        "behind",
        "delivered_at",
        "account",
        "organization",
    )
    list_filter = ("organization", "state")
    list_select_related = ("account__user", "organization")
    search_fields = ("name", "address")
    actions = ("resume_webhooks",)
    change_form_outer_before_template = "admin/bos/webhook.html"
    change_form_outer_after_template = "admin/bos/webhook_attempts.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return with_next(rows)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ["name", "address", "account", "entity_types", "live_types"]
        return [*fields, "organization"] if request.user.is_superuser else fields

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "account":  # each is called by the name of its user
            field.queryset = field.queryset.select_related("user")
        return field

    @admin.display(description="state", ordering="standing")
    def standing(self, webhook: Any) -> str:
        return STANDINGS.get(webhook.standing, "")

    @admin.display(description="events behind")
    def behind(self, webhook: Any) -> int:
        behind: int = (webhook.head or 0) - webhook.position
        return max(0, behind)

    @admin.action(description="Resume the selected webhooks")
    def resume_webhooks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        resumed = [webhook for webhook in queryset if webhook_resume(webhook)]
        for webhook in resumed:
            self.log_change(request, webhook, "Resumed.")
        self.message_user(request, f"{len(resumed)} resumed.", messages.SUCCESS)

    # -------------------------------------------------------------- its form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            told: Any = request
            told.address_refusal = _refusal_of(request.POST.get("address", ""))
        return super().changeform_view(request, *args, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "address_refusal", "")
        return type(form)("LookedAt", (form,), {"address_refusal": refusal})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            obj.event_types = form.event_types()
            # The rest of the row is a worker's.
            obj.save(update_fields=["name", "address", "account", "event_types"])
            return
        made, secret = webhook_create(
            obj.organization_id,
            name=obj.name,
            address=obj.address,
            account=obj.account,
            event_types=form.event_types(),
            created_by=_staff(request),
        )
        obj.__dict__.update(made.__dict__)
        obj.shown_once = secret

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        logger.info("webhook added", extra={"webhook": str(obj.pk)})
        return self._secret_shown(request, obj, obj.shown_once)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its attempts go with it, and nobody wants a list of them."""
        return [str(webhook) for webhook in objs], {"webhooks": len(objs)}, set(), []

    # -------------------------------------------------------------- what can be done about it

    def get_urls(self) -> Any:
        def own(name: str, view: Any) -> Any:
            address = f"<uuid:id_>/{name}/"
            return path(address, self.admin_site.admin_view(view), name=f"bos_webhook_{name}")

        return [
            own("test", require_POST(self.test_view)),
            own("state", require_POST(self.state_view)),
            own("replay", self.replay_view),
            own("rotate", self.rotate_view),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> Any:
        webhook = more.get("obj")
        if webhook is not None:
            standing, until = Standing.of(webhook), webhook.former_until
            context["standing"] = standing
            context["standing_words"] = STANDINGS[standing.state]
            context["standing_style"] = STYLES[standing.state]
            context["attempts"] = webhook.attempts.all()[:MOST_ATTEMPTS]
            both_sign = until is not None and until > timezone.now()
            context["both_sign_until"] = until if both_sign else None
        return super().render_change_form(request, context, *args, **more)

    def _webhook(self, request: HttpRequest, id_: UUID) -> Webhook:
        if not self.has_change_permission(request):
            raise PermissionDenied
        webhook: Webhook | None = self.get_queryset(request).filter(pk=id_).first()
        if webhook is None:
            raise Http404
        return webhook

    def test_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        webhook = self._webhook(request, id_)
        if not _tests.acquire(blocking=False):
            text = "Others are sent a test just now: try again in a moment."
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(page_of(self, webhook))
        try:
            with turns.given_back():
                outcome = send_test(webhook)
        except CannotOpen as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            if outcome.is_taken:
                text = f"The test was taken: {outcome.status} after {outcome.took_ms} ms."
                self.message_user(request, text, messages.SUCCESS)
            else:
                text = f"The test was not taken. {outcome.error}"
                self.message_user(request, text, messages.ERROR)
        finally:
            _tests.release()
        return HttpResponseRedirect(page_of(self, webhook))

    def state_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        webhook = self._webhook(request, id_)
        act = request.POST.get("act")
        if act == "resume" and webhook_resume(webhook):
            self._note(request, webhook, "resumed")
        elif act == "off" and webhook_switch_off(webhook):
            self._note(request, webhook, "switched off")
        return HttpResponseRedirect(page_of(self, webhook))

    def replay_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        webhook = self._webhook(request, id_)
        form = ReplayForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            sequence: int = form.cleaned_data["from_sequence"]
            try:
                webhook_replay(webhook, from_sequence=sequence)
            except NotKept as refusal:
                form.add_error("from_sequence", str(refusal))
            else:
                self._note(request, webhook, f"set to go on from event {sequence}")
                return HttpResponseRedirect(page_of(self, webhook))
        end = log.head(webhook.log_id)
        kept = (
            f"Events {end.pruned_sequence + 1} to {end.sequence} are kept."
            if end.pruned_sequence < end.sequence
            else "No events are kept now."
        )
        question = Question(
            title=f"Send events to “{webhook}” again",
            text=[
                f"It has taken everything up to event {webhook.position}. {kept} From the event "
                "that you name on, all that are for it are sent, in order, with the ids they had. "
                "A later event than the next one leaves those before it out."
            ],
            buttons=(Button("replay", "Send them"),),
            form=form,
            back=page_of(self, webhook),
        )
        return ask(self, request, question)

    def rotate_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        """Ask, then show the new secret once: no redirect, message or cache."""
        webhook = self._webhook(request, id_)
        if request.method != "POST":
            return ask(self, request, _rotating(self, webhook))
        secret = webhook_rotate(webhook)
        self._note(request, webhook, "given a new secret", is_shown=False)
        return self._secret_shown(request, webhook, secret)

    def _secret_shown(self, request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"The secret of “{webhook}”",
            "text": secret,
            "webhook": webhook,
            "opts": self.opts,
            "media": self.media,
            "back": page_of(self, webhook),
        }
        answer = TemplateResponse(request, "admin/bos/webhook_secret.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    def _note(
        self, request: HttpRequest, webhook: Webhook, what: str, *, is_shown: bool = True
    ) -> None:
        self.log_change(request, webhook, f"Was {what}.")
        logger.info("webhook changed", extra={"webhook": str(webhook.pk), "what": what})
        if is_shown:
            self.message_user(request, f"“{webhook}” is {what}.", messages.SUCCESS)


def _refusal_of(address: str) -> str:
    """Return why no request may be sent there; empty where it may."""
    try:
        with turns.given_back():
            require_outside(address.strip())
    except AddressRefused as refusal:
        return str(refusal)
    return ""


def _staff(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _rotating(page: Any, webhook: Webhook) -> Question:
    return Question(
        title=f"A new secret for “{webhook}”?",
        text=[
            "It is shown once, on the page after this one. For a day each request is signed with "
            "both secrets, so that the receiver can change over in between."
        ],
        buttons=(Button("rotate", "Make a new secret"),),
        back=page_of(page, webhook),
    )


PAGES: Mapping[Any, Any] = {Webhook: WebhookAdmin}
