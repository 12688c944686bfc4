"""A page of the admin that says what will happen, and asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget


@dataclass(frozen=True, slots=True)
class Button:
    """act: what is posted; style: '', 'quiet' or 'danger'."""

    act: str
    label: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """items: what, and how much of it: (('values', 1460), ...); None where it is not counted."""

    title: str
    items: Sequence[tuple[str, int | None]]


@dataclass(slots=True)
class Question:
    """The text and the question of a page. hidden: posted again as it came."""

    title: str
    text: Sequence[str]
    buttons: Sequence[Button]
    sections: Sequence[Section] = ()
    form: forms.Form | None = None
    hidden: Iterable[tuple[str, str]] = ()
    back: str = ""
    links: Sequence[tuple[str, str]] = field(default=())
    """(address, words) of other pages that do something else about it."""


def ask(page: Any, request: HttpRequest, question: Question) -> HttpResponse:
    """page: the ModelAdmin that asks."""
    context = {
        **page.admin_site.each_context(request),
        "title": question.title,
        "question": question,
        "sections": [section for section in question.sections if section.items],
        "opts": page.opts,
        "media": page.media,
    }
    return TemplateResponse(request, "admin/bos/confirm.html", context)


def list_of(page: Any) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def page_of(page: Any, row: Any) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_change", args=(row.pk,))


def choice(label: str, choices: Iterable[tuple[str, str]], **options: Any) -> forms.ChoiceField:
    """One that must be chosen: nothing is until somebody does."""
    return forms.ChoiceField(
        label=label,
        choices=[("", "Choose …"), *choices],
        widget=UnfoldAdminSelectWidget,
        **options,
    )


class Typed(forms.Form):
    """Asks for a word to be typed, so that nobody does it by accident."""

    typed = forms.CharField(
        strip=True,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, word: str, what: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._word = word
        self.fields["typed"].label = f"Type {what} to go on: {word}"

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed.casefold() != self._word.strip().casefold():
            raise forms.ValidationError("That is something else.")
        return typed
