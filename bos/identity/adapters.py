"""How allauth's views behave here: which steps a sign-in has, and what is sealed."""

from __future__ import annotations

import logging
import time
from typing import Any, ClassVar

from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.account.utils import get_login_redirect_url
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from bos.identity import second_factor
from bos.identity.entering import CHANGED, is_here, refuse
from bos.models import User
from bos.sealed import CannotOpen, seal, unseal

logger = logging.getLogger("bos.login")

BACKEND = "bos.auth.throttle.ThrottledBackend"
PROVED = "proved"
"""In a session: the account as it was when its password or passkey was proved."""

SENTENCES = {
    "mfa/messages/totp_activated.txt": "Your app is set up.",
    "mfa/messages/totp_deactivated.txt": "Your app is removed.",
    "mfa/messages/recovery_codes_generated.txt": "You have new recovery codes.",
    "mfa/messages/webauthn_added.txt": "The passkey is added.",
    "mfa/messages/webauthn_removed.txt": "The passkey is removed.",
}


class AccountAdapter(DefaultAccountAdapter):
    """Users are made by administrators and by a provider: nobody signs up. The only step after the
    first proof is the second factor."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["allauth.mfa.stages.AuthenticateStage"]

    def pre_login(self, request: HttpRequest, user: User, **_: Any) -> HttpResponse | None:
        """Note the account as it was proved. One that is none any more is told so at once."""
        if not user.is_active or user.is_service:
            clear_login(request)
            return refuse(request, CHANGED)
        request.session[PROVED] = user.get_session_auth_hash()
        return None

    def login(self, request: HttpRequest, user: User) -> None:
        """Raises ImmediateHttpResponse where the account has changed since it was proved: somebody
        may have had all day for the second factor."""
        proved = request.session.pop(PROVED, "")
        now = User.objects.people().filter(pk=user.pk, is_active=True).first()
        if now is None or not constant_time_compare(proved, now.get_session_auth_hash()):
            clear_login(request)
            raise ImmediateHttpResponse(refuse(request, CHANGED))
        login(request, now, backend=BACKEND)

    def post_login(
        self, request: HttpRequest, user: User, *, redirect_url: str | None, **_: Any
    ) -> HttpResponse:
        if second_factor.is_lacking(user):
            messages.warning(
                request, "Your organization demands a second factor of you: set one up to go on."
            )
            return HttpResponseRedirect(reverse("mfa_index"))
        return HttpResponseRedirect(get_login_redirect_url(request, redirect_url))

    def is_safe_url(self, url: str) -> bool:
        return is_here(context.request, url)

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:
        """Not within minutes of a proof, whichever it was."""
        request = context.request
        records = get_authentication_records(request, request.user)
        recently = time.time() - account_settings.REAUTHENTICATION_TIMEOUT
        return not any(record["at"] > recently for record in records)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Somebody without password and second factor here proves it where they came from."""
        again = {"id": "again", "description": "Sign in again", "url": reverse("account_again")}
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return methods or [again]

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Say it in the words of this project, or not at all."""
        if words := message or SENTENCES.get(message_template or ""):
            messages.add_message(request, level, words, extra_tags=extra_tags)


class FactorAdapter(DefaultMFAAdapter):
    """Secrets are sealed. A factor that is demanded is replaced, and not just taken away."""

    error_messages: ClassVar[dict[str, Any]] = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This is not right, or was used before.",
        "cannot_delete_authenticator": "Your organization demands a second factor of you: add "
        "another one first.",
    }

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Where the key is gone, a secret that no code fits: nothing opens, and nothing fails."""
        try:
            return unseal(encrypted_text)
        except CannotOpen:
            logger.error("second factor cannot be opened: its SECRET_KEY is gone")
            return str(generate_totp_secret())

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        user: Any = authenticator.user
        others = Authenticator.objects.filter(user_id=user.pk, type__in=second_factor.FACTORS)
        return others.exclude(pk=authenticator.pk).exists() or not second_factor.is_demanded(user)

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": "BOS"}
