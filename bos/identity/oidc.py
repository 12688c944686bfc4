"""Signing in by an organization's own provider, with OpenID Connect (decision D6).

allauth leads to the provider and back (state, PKCE, the exchange of the code). What it is told is
believed here: a signed ID token of that issuer, for this client, for this very attempt. It opens
accounts of the provider's organization only, for its administrators have entered the provider.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
import msgspec
import requests
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.adapter import get_adapter as provider_adapter
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth import logout
from django.core import signing
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare, get_random_string
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bos.auth.attempts import TooManyAttempts
from bos.auth.hashing import Places, TooBusy
from bos.identity.entering import count_beginning, enter, refuse, refuse_too_many
from bos.models import IdentityLink, IdentityProvider, Role, User
from bos.outbound import http
from bos.outbound.http import OutboundError
from bos.sealed import CannotOpen, unseal
from bos.texts import cut, one_form
from sync.protocol.identity import Actor, acting

logger = logging.getLogger("bos.login")

WELL_KNOWN = "/.well-known/openid-configuration"
DISCOVERY_SECONDS = 300
"""How long what a provider says of itself is taken for true; its keys are asked for each time."""
LEEWAY_SECONDS = 60
ANSWER_BYTES = 2**18
SECONDS = 4.0
"""Patience with a provider, for each of the three or four things that it is asked."""
SUBJECT_LENGTH = 255
# None whose key is a secret that both know: the client's secret signs nothing.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")

UNREACHABLE = "Your provider does not answer as it should. Try again, or ask your administrator."
UNPROVED = "Your provider's answer does not belong to this attempt. Please begin again."
CANCELLED = "You were not signed in: your provider says that it was cancelled or refused."

Claims = Mapping[str, Any]


class NotBelieved(OAuth2Error):
    """A provider has answered, and not as it must; the text says in words of ours what is wrong."""


class Refused(Exception):
    """Nobody is let in; the text says why, in words for people."""


# ------------------------------------------------------------------ the way to the provider


# A provider that does not answer holds some of the threads that all pages have, and never all.
talks = Places(max(1, settings.HTTP_CONCURRENCY // 2), waiting=1, patience=1.0)


class OutboundSession(requests.Session):
    """Sends by `bos.outbound.http`: the addresses were typed in, or are told by what was."""

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Raises requests.ConnectionError where no answer comes, or none may be asked for, and
        TooBusy where too many wait for providers already."""
        body = request.body
        try:
            with talks.one():
                answer = http.request(
                    request.method or "GET",
                    request.url or "",
                    headers=dict(request.headers),
                    body=body.encode() if isinstance(body, str) else body,
                    seconds=SECONDS,
                    most_bytes=ANSWER_BYTES,
                )
        except OutboundError as error:
            raise requests.ConnectionError(str(error)) from error
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response._content = answer.content
        response.url = request.url or ""
        response.request = request
        return response


class Discovery(msgspec.Struct):
    """A provider's description of itself, as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    # As the standard says where it is left out.
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Connection(OpenIDConnectOAuth2Adapter):
    """One attempt's talk with a provider."""

    def __init__(self, request: HttpRequest, provider: IdentityProvider) -> None:
        super().__init__(request, provider.slug)
        self.row = provider

    def get_provider(self) -> Provider:
        return Provider(self.request, app=_app(self.row))

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return callback_address(request, self.row)

    @property
    def openid_config(self) -> dict[str, Any]:
        """Raises requests.RequestException, NotBelieved."""
        key = f"oidc:{self.row.pk}:{self.row.issuer}"
        found: dict[str, Any] | None = cache.get(key)
        if found is None:
            found = self._discovered()
            cache.set(key, found, DISCOVERY_SECONDS)
        return found

    def _discovered(self) -> dict[str, Any]:
        address = self.row.issuer.rstrip("/") + WELL_KNOWN
        text = _fetched(address)
        try:
            told = msgspec.json.decode(text, type=Discovery)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise NotBelieved("it does not describe itself") from error
        if told.issuer.rstrip("/") != self.row.issuer.rstrip("/"):
            raise NotBelieved("it describes another issuer")
        schemes = ("https://", "http://") if settings.OUTBOUND_INSIDE else ("https://",)
        for led in (told.authorization_endpoint, told.token_endpoint, told.jwks_uri):
            if not led.startswith(schemes):
                raise NotBelieved("it leads to an address without TLS")
        return dict(msgspec.to_builtins(told))

    def told(self, answer: Mapping[str, Any], *, nonce: str) -> Claims:
        """Return what the ID token of an answer says; more of it comes from the provider's
        userinfo where the token names no email.

        Raises NotBelieved, jwt.PyJWTError, requests.RequestException.
        """
        config = self.openid_config
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotBelieved("there is no ID token in its answer")
        claims = _verified(
            token, _fetched(config["jwks_uri"]), audience=self.row.client_id, config=config
        )
        if not constant_time_compare(str(claims.get("nonce", "")), nonce):
            raise NotBelieved("the ID token is of another attempt")
        if claims.get("azp", self.row.client_id) != self.row.client_id:
            raise NotBelieved("the ID token is another client's")
        if "email" in claims and "email_verified" in claims:
            return claims
        if not config["userinfo_endpoint"]:
            return claims
        more: Any = self._fetch_user_info(str(answer.get("access_token", "")))
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            raise NotBelieved("its userinfo is of somebody else")
        # Both from one source: what is verified is the address that stands beside it.
        return {**more, **claims, **{key: more.get(key) for key in ("email", "email_verified")}}


class Provider(OpenIDConnectProvider):
    oauth2_adapter_class = Connection
    pkce_enabled_default = True

    def get_oauth2_adapter(self, request: HttpRequest) -> Connection:
        return Connection(request, self.app.row)

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Nothing of the address changes what is asked for, but the page that is next. The nonce
        is kept with the state."""
        kwargs: dict[str, Any] = super().get_redirect_from_request_kwargs(request)
        nonce = secrets.token_urlsafe(24)
        scope = self.get_default_scope()
        return kwargs | {
            "process": "login",
            "scope": scope,
            "auth_params": {"nonce": nonce},
            "nonce": nonce,
        }


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Providers are rows of organizations; their addresses are asked by way of outbound.http."""

    def list_apps(self, request: HttpRequest, **_: Any) -> list[SocialApp]:
        """None by themselves: each is found by its own address."""
        return []

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def get_requests_session(self) -> requests.Session:
        return OutboundSession()


def _app(row: IdentityProvider) -> SocialApp:
    """The provider as allauth wants it; never saved. Raises CannotOpen."""
    app = SocialApp(
        provider=OpenIDConnectProvider.id,
        provider_id=row.slug,
        name=row.name,
        client_id=row.client_id,
        secret=unseal(row.client_secret) if row.client_secret else "",
        settings={"server_url": row.issuer},
    )
    app.row = row
    return app


def _fetched(address: str) -> bytes:
    """Raises requests.RequestException."""
    with provider_adapter().get_requests_session() as session:
        response = session.get(address)
        response.raise_for_status()
        content: bytes = response.content
        return content


def _verified(token: str, keys: bytes, *, audience: str, config: Mapping[str, Any]) -> Claims:
    """Raises jwt.PyJWTError, NotBelieved."""
    id_ = jwt.get_unverified_header(token).get("kid")
    try:
        known = jwt.PyJWKSet.from_json(keys.decode()).keys
    except (ValueError, TypeError, AttributeError) as error:
        raise NotBelieved("it has no keys that can be read") from error
    fitting = [key for key in known if id_ is None or key.key_id == id_]
    if len(fitting) != 1:
        raise NotBelieved("the ID token is signed by none of its keys")
    claims: dict[str, Any] = jwt.decode(
        token,
        fitting[0],
        algorithms=list(ALGORITHMS),
        audience=audience,
        issuer=config["issuer"],
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "iat", "iss", "aud", "sub"]},
    )
    return claims


# ------------------------------------------------------------------ whom it names


def person_of(provider: IdentityProvider, claims: Claims) -> User:
    """Return the user of the provider's organization whom these claims name, and remember who it
    is. Raises Refused.

    Somebody whom the provider has named before is known by `sub`; else by an email that it has
    verified. What could reach beyond the organization is refused: its administrators say which
    provider it is, and what that says.
    """
    subject = claims["sub"]
    if not isinstance(subject, str) or not _can_be_kept(subject):
        raise Refused(UNREACHABLE)
    links = IdentityLink.objects.filter(provider=provider, issuer=provider.issuer, subject=subject)
    link = links.select_related("user").first()
    user: User = link.user if link is not None else _by_email(provider, claims)
    if user.organization_id != provider.organization_id:
        raise Refused(f"Your account belongs to another organization than “{provider}” now.")
    if user.is_superuser or user.is_service:
        raise Refused("This account is signed in to by its own password only.")
    if not user.is_active:
        raise Refused("Your account is deactivated. An administrator can reactivate it.")
    if link is None:
        links.get_or_create(
            provider=provider, issuer=provider.issuer, subject=subject, defaults={"user": user}
        )
    return user


def _can_be_kept(subject: str) -> bool:
    """Whether every database can: neither a NUL is among its characters nor half of one."""
    is_whole = "\0" not in subject and subject.isprintable()
    return is_whole and 0 < len(subject) <= SUBJECT_LENGTH


def _by_email(provider: IdentityProvider, claims: Claims) -> User:
    email = str(claims.get("email") or "").strip().lower()
    try:
        User._meta.get_field("email").clean(email, None)  # also: too long for it
    except ValidationError:
        raise Refused("Your provider does not say which email address you have.") from None
    if not _is_true(claims.get("email_verified")):
        raise Refused("Your provider has not verified your email address.")
    domains = domains_of(provider.domains)
    if domains and email.rpartition("@")[2] not in domains:
        raise Refused("People with your email address do not sign in by this provider.")
    users = User.objects.of(provider.organization_id).people()
    found: User | None = users.filter(email=email).first()
    if found is None and provider.creates_users:
        found = _made(provider, email, claims)
    if found is None:
        raise Refused(
            "You have no account here yet. An administrator of your organization can add you."
        )
    return found


def _is_true(told: Any) -> bool:
    """Some providers write it as a text."""
    return told is True or told == "true"


def _made(provider: IdentityProvider, email: str, claims: Claims) -> User | None:
    """A viewer; None where somebody else has made one with the email at this moment."""
    told = claims.get("name")
    name = one_form(told) if isinstance(told, str) else ""
    try:
        with transaction.atomic(), acting(Actor(user_id="system", source="oidc")):
            return User.objects.create_user(
                email,
                name=cut(name or email.partition("@")[0], 200),
                organization=provider.organization,
                role=Role.VIEWER,
            )
    except (ValidationError, IntegrityError):
        users = User.objects.of(provider.organization_id).people()
        found: User | None = users.filter(email=email).first()
        return found


def domains_of(text: str) -> list[str]:
    """The domains of “a.example, b.example”."""
    return [domain.removeprefix("@").lower() for domain in text.replace(",", " ").split()]


# ------------------------------------------------------------------ addresses


RANDOM_CHARACTERS = 12
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_slug(name: str) -> str:
    """An address that says whose it is to those who have it, and that nobody else finds."""
    random = get_random_string(RANDOM_CHARACTERS, _LETTERS)
    return f"{slugify(name)[:40].strip('-')}-{random}".lstrip("-")


def login_address(request: HttpRequest, provider: IdentityProvider) -> str:
    return request.build_absolute_uri(reverse("openid_connect_login", args=(provider.slug,)))


def callback_address(request: HttpRequest, provider: IdentityProvider) -> str:
    return request.build_absolute_uri(reverse("openid_connect_callback", args=(provider.slug,)))


def _provider(slug: str) -> IdentityProvider:
    """Raises Http404 where there is none, or it is switched off."""
    rows = IdentityProvider.objects.filter(slug=slug, is_active=True)
    found: IdentityProvider | None = rows.select_related("organization").first()
    if found is None:
        raise Http404("no such provider")
    return found


# The faults of a talk with a server of somebody else's, which may answer anything.
FAULTS = (OAuth2Error, requests.RequestException, jwt.PyJWTError, CannotOpen)
FORMLESS = (KeyError, TypeError, ValueError, AttributeError)


@never_cache
@require_safe
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider. provider_id: its slug."""
    row = _provider(provider_id)
    try:
        count_beginning(request)
        provider = Connection(request, row).get_provider()
        answer: HttpResponse = provider.redirect_from_request(request)
        return answer
    except (TooManyAttempts, TooBusy) as refusal:
        return refuse_too_many(request, refusal)
    except FAULTS as fault:
        return _failed(request, row, fault)


@never_cache
@require_safe
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take whom the provider sends back."""
    row = _provider(provider_id)
    connection = Connection(request, row)
    try:
        state = statekit.unstash_state(
            request, provider_id=row.slug, state_id=request.GET.get("state", "")
        )
        if state is None:
            raise Refused(UNPROVED)
        if "code" not in request.GET:
            raise Refused(CANCELLED)
        user = person_of(row, _claims(connection, state))
    except Refused as refused:
        logger.info("sign-in refused", extra=_extra(row) | {"reason": str(refused)})
        return refuse(request, str(refused))
    except TooBusy as refusal:
        return refuse_too_many(request, refusal)
    except FAULTS as fault:
        return _failed(request, row, fault)
    if request.user.is_authenticated:
        logout(request)
    answer = enter(request, user, method="oidc", next_url=state.get("next", ""), provider=row.slug)
    _remember(answer, row)
    return answer


def _claims(connection: Connection, state: Mapping[str, Any]) -> Claims:
    request, app = connection.request, connection.get_provider().app
    client = connection.get_client(request, app)
    try:
        answer = connection.get_access_token_data(
            request, app, client, pkce_code_verifier=state["pkce_code_verifier"]
        )
        return connection.told(answer, nonce=state["nonce"])
    except FORMLESS as fault:
        raise NotBelieved("its answer has no form") from fault


def _failed(request: HttpRequest, row: IdentityProvider, fault: Exception) -> HttpResponse:
    """Say so without what the provider has said: that may be anything, also a token."""
    own = isinstance(fault, NotBelieved | requests.ConnectionError)
    reason = str(fault) if own else type(fault).__name__
    logger.warning("provider failed", extra=_extra(row) | {"reason": reason})
    return refuse(request, UNREACHABLE)


def _extra(row: IdentityProvider) -> dict[str, str]:
    return {"provider": str(row.pk), "organization": str(row.organization_id)}


# ------------------------------------------------------------------ the way back, the next time

REMEMBERED_SECONDS = 180 * 86_400
_SALT = "bos provider"


def _cookie_name() -> str:
    return f"{settings.DEVICE_COOKIE_NAME}_provider"


def _remember(answer: HttpResponse, row: IdentityProvider) -> None:
    """Let the browser show the way that it has come: it is told to nobody who has not."""
    answer.set_cookie(
        _cookie_name(),
        signing.dumps(row.slug, salt=_SALT),
        max_age=REMEMBERED_SECONDS,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def remembered(request: HttpRequest) -> IdentityProvider | None:
    """The provider by which somebody has come in in this browser."""
    text = request.COOKIES.get(_cookie_name())
    if text is None:
        return None
    try:
        slug = signing.loads(text, salt=_SALT, max_age=REMEMBERED_SECONDS)
    except signing.BadSignature:
        return None
    return IdentityProvider.objects.filter(slug=slug, is_active=True).first()
