"""Pages of one's own account: in by a link, a forgotten password, sign-ins, one's data (D6)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import BACKEND_SESSION_KEY, login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.hashers import make_password
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render, resolve_url
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from limits import RateLimitItemPerHour

from bos.auth.attempts import Limit, TooManyAttempts, attempts
from bos.auth.hashing import TooBusy, places
from bos.auth.throttle import PER_ACCOUNT_AND_ADDRESS, looked_at, too_many
from bos.models import AccountLink, LinkKind, User
from bos.people import sign_ins
from bos.people.exporting import export, file_name
from bos.people.forms import ForgottenForm, NewPasswordForm, OwnPasswordForm
from bos.people.links import ACCOUNT, link_tokens, use
from bos.people.resetting import ask_for_reset
from sync.protocol.identity import Actor, acting

logger = logging.getLogger("bos.people")

BACKEND = "bos.auth.throttle.ThrottledBackend"
EXPORTS = RateLimitItemPerHour(10)
"""Of a user: each reads everything that there is about them."""
NO_MAIL = "This server sends no mail. Ask an administrator of your organization for a password."

View = Callable[..., HttpResponse]


def own_page(view: View) -> View:
    """Show a page to whoever is signed in by a session; their changes come from their account."""

    @wraps(view)
    def as_oneself(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with acting(Actor(user_id=str(request.user.pk), source=ACCOUNT)):
            return view(request, *args, **kwargs)

    return login_required(never_cache(as_oneself))


def _user(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User), "an own page is shown to users alone"
    return user


# ------------------------------------------------------------------ a link from a mail


@method_decorator(sensitive_post_parameters(), name="dispatch")
class SetPasswordView(PasswordResetConfirmView):
    """Set a password by a one-time link, invited or forgotten.

    Opened, a link is used by nothing, so that a mail scanner may look at it: a POST uses it. Its
    token leaves the address at once and waits in the session (Django's own way).
    """

    template_name = "account/password_set.html"
    form_class = NewPasswordForm
    token_generator = link_tokens
    validlink: bool

    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        response = super().dispatch(*args, **kwargs)
        if response.status_code == 302 and not self.validlink:
            # To the page without the token: it is not told where the user has come from.
            response["Referrer-Policy"] = "no-referrer"
        elif not self.validlink:
            response.status_code = 410
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        user: Any = self.user
        try:
            with places.one():
                password_hash = make_password(form.cleaned_data["new_password1"])
        except TooBusy as busy:
            form.add_error(None, too_many(busy))
            return self.form_invalid(form)
        token = self.request.session.pop(INTERNAL_RESET_SESSION_TOKEN, None)
        changed = use(user.pk, token, password_hash=password_hash)
        if changed is None:
            self.validlink = False
            return self.render_to_response(self.get_context_data())
        logger.info("password set by a link", extra={"user": str(changed.pk)})
        if _comes_in_first(changed):
            if self.request.user.is_authenticated:  # somebody else, whose session is over here
                logout(self.request)
            login(self.request, changed, backend=BACKEND)
            messages.success(self.request, "Welcome. You are signed in.")
            return HttpResponseRedirect(reverse("account"))
        messages.success(self.request, "Your new password is set. Sign in with it.")
        return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?next={reverse('account')}")


def _comes_in_first(user: User) -> bool:
    """Whether an invited user comes in for the first time: then no second factor can be missing."""
    link = AccountLink.objects.filter(pk=user.pk, kind=LinkKind.INVITATION)
    return user.last_login is None and link.exists()


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for links. The answer says nothing about whose address it is."""
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    status = 200
    if not settings.MAIL_IS_ON:
        return render(request, "account/password_forgotten.html", {"off": NO_MAIL})
    if form.is_valid():
        try:
            ask_for_reset(request, form.cleaned_data["email"])
            return HttpResponseRedirect(reverse("account_forgotten_sent"))
        except TooManyAttempts as refusal:
            minutes = max(1, round(refusal.wait / 60))
            form.add_error(None, f"Asked for too often. Try again in {minutes} min.")
            status = 429
    return render(request, "account/password_forgotten.html", {"form": form}, status=status)


@require_safe
def forgotten_sent(request: HttpRequest) -> HttpResponse:
    minutes = settings.PASSWORD_RESET_TIMEOUT // 60
    return render(request, "account/password_forgotten_sent.html", {"minutes": minutes})


# ------------------------------------------------------------------ one's own account


@own_page
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    current = sign_ins.current_of(request)
    listed = list(sign_ins.living_of(user)[: sign_ins.MOST_SHOWN])
    context = {
        "sign_ins": [(one, str(one.pk) == current) for one in listed],
        "others": any(str(one.pk) != current for one in listed),
        "has_password": user.has_usable_password(),
        "links": [(address, words) for address, words in LINKS if _is_served(address)],
    }
    return render(request, "account/account.html", context)


LINKS = (
    ("/account/2fa/", "Second factors: authenticator app, passkeys, recovery codes"),
    ("/account/messages/", "Messages: which reach you outside of here, and how"),
)
"""Pages of other parts, shown where they are installed."""


def _is_served(address: str) -> bool:
    try:
        resolve(address)
    except Resolver404:
        return False
    return True


@own_page
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """Set another password, with the old one. This session goes on, all other sign-ins end (A5)."""
    user = _user(request)
    form: Any = OwnPasswordForm(user)
    problem = ""
    if request.method == "POST":
        form = OwnPasswordForm(user, request.POST)
        try:
            looked_at([Limit(PER_ACCOUNT_AND_ADDRESS, f"change:{user.pk}")], partial(_look, form))
        except (TooManyAttempts, TooBusy) as refusal:
            form = OwnPasswordForm(user)
            problem = too_many(refusal)
    if form.is_valid():
        user.save(update_fields=["password"])
        # The session of before has ended with all others: this is a new one.
        login(request, user, backend=request.session[BACKEND_SESSION_KEY])
        messages.success(request, "Your password is changed. Your other sign-ins have ended.")
        return HttpResponseRedirect(reverse("account"))
    return render(request, "account/password_change.html", {"form": form, "problem": problem})


def _look(form: Any) -> bool | None:
    """Look at the old password, which counts as a guess where it is wrong; hash the new one."""
    if form.is_valid():
        form.save(commit=False)
    return None if "old_password" in form.errors else True


@own_page
@require_POST
def end_sign_in(request: HttpRequest, id_: UUID) -> HttpResponse:
    """End one of one's own; another's, or none, answers as one that has ended already."""
    ended = sign_ins.end_one(_user(request), id_)
    if ended:
        messages.success(request, "The sign-in has ended.")
    else:
        messages.warning(request, "That sign-in had ended already.")
    return HttpResponseRedirect(reverse("account"))


@own_page
@require_POST
def end_other_sign_ins(request: HttpRequest) -> HttpResponse:
    count = sign_ins.end_others(_user(request), but=sign_ins.current_of(request))
    said = "1 sign-in has ended." if count == 1 else f"{count} sign-ins have ended."
    messages.success(request, said)
    return HttpResponseRedirect(reverse("account"))


@own_page
@require_safe
def own_data(request: HttpRequest) -> HttpResponse:
    """All that is stored about oneself, as a file."""
    user = _user(request)
    try:
        attempts.take([Limit(EXPORTS, f"export:{user.pk}")])
    except TooManyAttempts as refusal:
        minutes = max(1, round(refusal.wait / 60))
        messages.warning(request, f"Downloaded often already. Try again in {minutes} min.")
        return HttpResponseRedirect(reverse("account"))
    return download(user)


def download(user: User) -> HttpResponse:
    """Answer with the file of a user's data."""
    response: Any = StreamingHttpResponse(export(user), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{file_name(timezone.now())}"'
    response["Cache-Control"] = "private, no-store"
    logger.info("personal data exported", extra={"user": str(user.pk)})
    found: HttpResponse = response
    return found
