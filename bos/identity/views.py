"""The pages of signing in and out; tokens for a session; the admin's way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.internal.stagekit import clear_login
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import login_webauthn
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django.views.generic.edit import FormView
from drf_spectacular.utils import extend_schema
from limits import RateLimitItemPerMinute
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import (
    AuthenticationFailed,
    NotAuthenticated,
    PermissionDenied,
    Throttled,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bos.auth import tokens
from bos.auth.attempts import Limit, TooManyAttempts, attempts
from bos.auth.throttle import address_of
from bos.auth.views import PAIR, TokenPair, pair_of, require_no_setup
from bos.identity import oidc, second_factor
from bos.identity.entering import count_beginning, enter, next_of, refuse, refuse_too_many
from bos.identity.forms import SignInForm
from bos.identity.sessions import sign_in_of
from bos.models import SignIn, User

TOKENS_A_USER = RateLimitItemPerMinute(30, multiples=5)
"""Each is a sign-in that is kept until it ends: a loop would fill the table."""
NOT_FOR_THE_ADMIN = (
    "You are signed in, but these pages are for administrators. One of them can give you the role."
)

if TYPE_CHECKING:  # generic for the type checker only
    SignInPage = FormView[SignInForm]
else:
    SignInPage = FormView


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class LoginView(SignInPage):
    """Signs in by email and password, and leads to all other ways."""

    template_name = "account/login.html"
    form_class = SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return HttpResponseRedirect(next_of(request) or resolve_url("/"))
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        clear_login(request)  # one that was begun, and whose second factor was never proved
        return super().get(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        to_admin = next_of(self.request).startswith(reverse("admin:index"))
        source = "admin" if to_admin else "session"
        return super().get_form_kwargs() | {"request": self.request, "source": source}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return context | {
            "next": next_of(self.request),
            "provider": oidc.remembered(self.request),
        }

    def form_valid(self, form: SignInForm) -> HttpResponse:
        return enter(self.request, form.user, method="password", next_url=next_of(self.request))


@never_cache
@require_http_methods(["GET", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """A link from elsewhere ends nothing: it asks."""
    if request.method == "POST":
        logout(request)
        return HttpResponseRedirect(next_of(request) or reverse("account_login"))
    return render(request, "account/logout.html", {"next": next_of(request)})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """For whoever has no proof here: they go the way that they came."""
    next_url = next_of(request)
    if request.method == "POST":
        logout(request)
        address = f"{reverse('account_login')}?{urlencode({'next': next_url})}"
        return HttpResponseRedirect(address)
    return render(request, "account/again.html", {"next": next_url})


@never_cache
def passkey_login(request: HttpRequest) -> HttpResponse:
    """allauth's: by GET the browser is told a challenge, by POST it answers it."""
    try:
        count_beginning(request)
    except TooManyAttempts as refusal:
        return refuse_too_many(request, refusal)
    answer: HttpResponse = login_webauthn(request)
    return answer


class AddAppView(ActivateTOTPView):  # type: ignore[misc]  # allauth has no types
    """allauth's: the code that proves that the app is set up opens nothing afterwards."""

    def form_valid(self, form: Any) -> HttpResponse:
        user: Any = self.request.user
        try:
            with transaction.atomic():
                answer: HttpResponse = super().form_valid(form)
                second_factor.spend(user, form.cleaned_data["code"])
        except IntegrityError:  # posted twice at once: the other one has set it up
            return HttpResponseRedirect(reverse("mfa_index"))
        return answer


@never_cache
def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin has no form of its own: what is asked for at the one door is asked for at this."""
    if not request.user.is_authenticated:
        address = urlencode({"next": next_of(request) or reverse("admin:index")})
        return HttpResponseRedirect(f"{reverse('account_login')}?{address}")
    if not getattr(request.user, "is_staff", False):
        return refuse(request, NOT_FOR_THE_ADMIN)
    return HttpResponseRedirect(next_of(request) or reverse("admin:index"))


class SessionTokensView(APIView):
    """Give the page tokens of the session that its user has signed in to.

    They end with it, and it ends with them. For pages of this very host: the cookie and its CSRF
    token are needed, and another origin is refused.
    """

    authentication_classes = (SessionAuthentication,)
    permission_classes = ()

    def get_authenticate_header(self, request: Request) -> str:
        """With one, whoever is not signed in gets a 401; DRF makes a 403 of it without."""
        return "Session"

    @extend_schema(
        operation_id="session_tokens", request=None, responses=TokenPair, examples=[PAIR]
    )
    def post(self, request: Request) -> Response:
        own = f"{request.scheme}://{request.get_host()}"
        if request.headers.get("Origin", own) != own:
            raise PermissionDenied(
                "Pages of this origin may not ask for this.", code="ORIGIN_NOT_ALLOWED"
            )
        user: Any = request.user
        if not isinstance(user, User) or user.organization_id is None:
            raise NotAuthenticated(code="NOT_AUTHENTICATED")
        require_no_setup(user)
        try:
            attempts.take([Limit(TOKENS_A_USER, f"session-tokens:{user.pk}")])
        except TooManyAttempts as refusal:
            raise Throttled(wait=refusal.wait) from None
        http_request: HttpRequest = request._request
        with transaction.atomic():
            session = _held(http_request)
            pair = tokens.signed_in(user, address=address_of(http_request), session=session)
        return pair_of(pair)


def _held(request: HttpRequest) -> SignIn:
    """The session's sign-in, which does not end until the transaction does."""
    rows = SignIn.objects.select_for_update(no_key=True).filter(
        pk=sign_in_of(request), ended_at=None
    )
    session = rows.first()
    if session is None:
        raise AuthenticationFailed("This session has ended.", code="SESSION_ENDED")
    return session
