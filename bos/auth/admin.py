"""The admin's own pages that take passwords: the sign-in form, and changing one's own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.forms import AuthenticationForm

from bos.auth.attempts import Limit, TooManyAttempts
from bos.auth.hashing import TooBusy
from bos.auth.throttle import PER_ACCOUNT_AND_ADDRESS, looked_at, refused, signed_in, too_many
from bos.models import User


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # untyped
    """Says when to try again, and logs who has the password but not the rights."""

    def clean(self) -> Any:
        try:
            return super().clean()
        except (TooManyAttempts, TooBusy) as refusal:
            raise ValidationError(too_many(refusal), code="throttled") from None

    def confirm_login_allowed(self, user: Any) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            refused(self.request, user.email, reason="not for the admin")
            raise


@receiver(user_logged_in)
def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    signed_in(request, user, source="admin")


def password_change(request: HttpRequest) -> HttpResponse:
    """The admin's page, on which the old password cannot be guessed without end."""
    page = admin.site.admin_view(admin.site.password_change)
    if request.method != "POST" or not request.user.is_authenticated:
        return page(request)
    answers: list[HttpResponse] = []

    def changed() -> bool | None:
        answers.append(page(request))
        return True if answers[0].status_code == 302 else None

    try:
        looked_at([Limit(PER_ACCOUNT_AND_ADDRESS, f"change:{request.user.pk}")], changed)
    except (TooManyAttempts, TooBusy) as refusal:
        messages.error(request, too_many(refusal))
        return HttpResponseRedirect(request.path)
    return answers[0]
