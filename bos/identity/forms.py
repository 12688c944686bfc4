"""The forms of signing in: guesses in each of them are counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from bos.auth.attempts import TooManyAttempts
from bos.auth.hashing import TooBusy
from bos.auth.throttle import proved_again, too_many
from bos.identity import second_factor
from bos.models import User

logger = logging.getLogger("bos.login")

WRONG = "Email or password is wrong."


def password_field(**options: Any) -> forms.CharField:
    return forms.CharField(
        label="Password",
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password", **options}),
    )


class SignInForm(forms.Form):
    """Once it is valid, `user` is the one who signs in."""

    email = forms.CharField(
        label="Email",
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "username webauthn", "autofocus": True}),
    )
    password = password_field()
    user: User

    def __init__(self, *args: Any, request: HttpRequest, source: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request, self._source = request, source

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = self.cleaned_data
        if self.errors:
            return told
        try:
            user = authenticate(
                self._request,
                username=told["email"],
                password=told["password"],
                source=self._source,
            )
        except (TooManyAttempts, TooBusy) as refusal:
            raise ValidationError(too_many(refusal), code="throttled") from None
        # The same answer whether the account is unknown, inactive or the password wrong.
        if not isinstance(user, User):
            raise ValidationError(WRONG, code="wrong")
        self.user = user
        return told


class PasswordAgainForm(forms.Form):
    """Before somebody changes how they sign in."""

    password = password_field(autofocus=True)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        try:
            right = proved_again(self._user, password)
        except (TooManyAttempts, TooBusy) as refusal:
            raise ValidationError(too_many(refusal), code="throttled") from None
        if not right:
            raise ValidationError("This is not your password.", code="wrong")
        return password


def _code_field() -> forms.CharField:
    hints = {"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
    return forms.CharField(
        label="Code",
        max_length=second_factor.LONGEST,
        widget=forms.TextInput(hints),
        help_text="Of your app, or one of your recovery codes.",
    )


def _proof(user: User, code: str) -> Authenticator:
    """Raises ValidationError where it is none."""
    try:
        found = second_factor.prove(user, code)
    except TooManyAttempts as refusal:
        raise ValidationError(too_many(refusal), code="throttled") from None
    if found is None:
        raise get_adapter().validation_error("incorrect_code")
    found.user = user
    return found


class CodeForm(AuthenticateForm):
    code = _code_field()

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        self.authenticator = _proof(self.user, code)
        return code


class CodeAgainForm(ReauthenticateForm):
    code = _code_field()

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        self.authenticator = _proof(self.user, code)
        return code


# ------------------------------------------------------------------ passkeys

MOST_CHARACTERS = 2**16
MOST_NAME = 100


class CredentialField(forms.JSONField):
    """A proof as the browser's own code has made it, or anybody else."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > MOST_CHARACTERS:
            raise get_adapter().validation_error("incorrect_code")
        try:
            return super().to_python(value)
        except RecursionError:
            raise get_adapter().validation_error("incorrect_code") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Not read again, and not shown again: a proof is of one attempt."""
        return initial

    def prepare_value(self, value: Any) -> str:
        return ""


@contextmanager
def _read_with_care() -> Iterator[None]:
    """Raises ValidationError for whatever the libraries fail at: they read bytes of anybody's, and
    tell of a wrong signature, a missing name and a number out of place each in their own way."""
    try:
        yield
    except ValidationError:
        raise
    except Exception as fault:
        logger.info("passkey refused", extra={"reason": type(fault).__name__})
        raise get_adapter().validation_error("incorrect_code") from None


class PasskeyForm(AuthenticateWebAuthnForm):
    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        with _read_with_care():
            return super().clean_credential()


class PasskeyAloneForm(PasskeyForm, LoginWebAuthnForm):
    pass


class PasskeyAgainForm(PasskeyForm, ReauthenticateWebAuthnForm):
    pass


class AddPasskeyForm(AddWebAuthnForm):
    name = forms.CharField(required=False, max_length=MOST_NAME)
    credential = CredentialField()

    def clean(self) -> Any:
        with _read_with_care():
            return super().clean()


class RenamePasskeyForm(EditWebAuthnForm):
    name = forms.CharField(max_length=MOST_NAME)
