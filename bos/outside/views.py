"""A person's own page of messages, and the page behind the link that ends mails."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from bos.models import MessageSettings, PushSubscription, User
from bos.outside import push, stopping
from bos.outside.preferences import (
    OF_PEOPLE,
    allowed_choices,
    choice_of,
    choices_of,
    choose,
    zone_names,
    zones_of,
)
from bos.outside.sources import categories
from bos.outside.testing import NothingTo, send_test_to


class ChoicesForm(forms.Form):
    """A person's choices about all categories, and where the person is."""

    time_zone = forms.CharField(
        max_length=64,
        label="Time zone",
        help_text="The mail of the day goes out at 7:00 there.",
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        chosen = choices_of([user.pk])
        self.fields["time_zone"].initial = zones_of([user.pk]).get(user.pk, "UTC")
        for category in categories():
            for medium in OF_PEOPLE:
                self.fields[f"{category.name}-{medium}"] = forms.ChoiceField(
                    label=f"{category.title}, by {medium.label.lower()}",
                    choices=[(choice.value, choice.label) for choice in allowed_choices(medium)],
                    initial=choice_of(chosen, user.pk, category.name, medium),
                )

    def rows(self) -> list[dict[str, Any]]:
        """Return the fields as the page shows them: a row a category."""
        return [
            {
                "title": category.title,
                "fields": [self[f"{category.name}-{medium}"] for medium in OF_PEOPLE],
            }
            for category in categories()
        ]

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"].strip()
        if name not in zone_names():
            raise forms.ValidationError("Choose one of the list, like Europe/Berlin.")
        return name

    @transaction.atomic
    def save(self) -> None:
        MessageSettings.objects.update_or_create(
            user=self._user, defaults={"time_zone": self.cleaned_data["time_zone"]}
        )
        for category in categories():
            for medium in OF_PEOPLE:
                choice = self.cleaned_data[f"{category.name}-{medium}"]
                choose(self._user, category, medium, choice)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def messages_page(request: HttpRequest) -> HttpResponse:
    """Show and keep what the person who is signed in has chosen."""
    user = _person(request)
    form = ChoicesForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Your choices are saved.")
        return _to_page()
    context = {
        "form": form,
        "zones": zone_names(),
        "browsers": PushSubscription.objects.filter(user=user),
        "mail_is_on": settings.MAIL_IS_ON,
        "push_is_on": push.is_on(),
        "has_organization": user.organization_id is not None,
    }
    status = 400 if form.is_bound else 200
    return render(request, "account/messages.html", context, status=status)


def _person(request: HttpRequest) -> User:
    user: Any = request.user
    assert isinstance(user, User), "the page asks for a sign-in"
    return user


def _to_page() -> HttpResponse:
    return HttpResponseRedirect(reverse("account-messages"))


@login_required
@require_POST
def remove_browser(request: HttpRequest, id_: UUID) -> HttpResponse:
    """Let one of one's own browsers take no more messages; the same answer for any other."""
    PushSubscription.objects.filter(user=_person(request), pk=id_).delete()
    messages.success(request, "This browser gets no more messages.")
    return _to_page()


@login_required
@require_POST
def send_test(request: HttpRequest, medium: str) -> HttpResponse:
    """Have a test sent to oneself."""
    try:
        send_test_to(_person(request), medium)
    except NothingTo as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "A test is on its way.")
    return _to_page()


# ------------------------------------------------------------------ the link in a mail


@csrf_exempt  # the program that reads the mail posts here, and the link itself is the secret
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop_page(request: HttpRequest, token: str) -> HttpResponse:
    """End mails of a category (RFC 8058): a GET asks, a POST does it. Nobody has to sign in."""
    found = stopping.read_token(token)
    if found is None:
        return render(request, "account/stop.html", {"unknown": True}, status=404)
    user, category = found
    done = request.method == "POST"
    if done:
        stopping.stop(user, category)
    context = {"title": stopping.title_of(category), "email": user.email, "done": done}
    response = render(request, "account/stop.html", context)
    response["Referrer-Policy"] = "no-referrer"
    return response
