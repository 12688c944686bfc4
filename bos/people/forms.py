"""Forms of one's own account: passwords, and the address of somebody who has forgotten theirs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm

ENOUGH = "At least 8 characters, and none that everybody knows."
AGAIN = "The same, once more."


def _in_plain_words(form: Any) -> None:
    first, second = form.fields["new_password1"], form.fields["new_password2"]
    first.label, first.help_text = "New password", ENOUGH
    second.label, second.help_text = "Again", AGAIN


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # generic in the stubs only
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_plain_words(self)


class OwnPasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_plain_words(self)


class ForgottenForm(forms.Form):
    email = forms.EmailField(
        max_length=254, widget=forms.EmailInput({"autocomplete": "username", "autofocus": True})
    )
