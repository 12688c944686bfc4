"""The admin's own page that takes a password: changing one's own."""

from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.auth import BACKEND_SESSION_KEY, login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from bos.auth.attempts import Limit, TooManyAttempts
from bos.auth.hashing import TooBusy
from bos.auth.throttle import PER_ACCOUNT_AND_ADDRESS, looked_at, too_many
from bos.models import User


def password_change(request: HttpRequest) -> HttpResponse:
    """The admin's page, on which the old password cannot be guessed without end."""
    page, user = admin.site.admin_view(admin.site.password_change), request.user
    if request.method != "POST" or not isinstance(user, User):
        return page(request)
    answers: list[HttpResponse] = []

    def changed() -> bool | None:
        answers.append(page(request))
        if answers[0].status_code != 302:
            return None
        # All sign-ins have ended with the old password (A5): this session goes on by a new one.
        login(request, user, backend=request.session[BACKEND_SESSION_KEY])
        return True

    try:
        looked_at([Limit(PER_ACCOUNT_AND_ADDRESS, f"change:{user.pk}")], changed)
    except (TooManyAttempts, TooBusy) as refusal:
        messages.error(request, too_many(refusal))
        return HttpResponseRedirect(request.path)
    return answers[0]
