"""The pages on which a user leaves: deactivated, deleted or erased (decision V6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from unfold.forms import UserChangeForm

from bos.adminsite.confirm import Button, Question, Section, Typed, ask, choice, list_of, page_of
from bos.adminsite.tenant import TenantAdmin
from bos.leaving.people import (
    FORMER,
    employee_erase,
    has_left_something,
    successors_of,
    traces_of,
    user_deactivate,
    user_delete,
    user_erase,
)
from bos.leaving.rules import LastAdmin, is_last_admin, lock_admins
from bos.models import Employee, Role, User
from sync.eventlog.threads import retry_on_conflict

LAST = "This is the organization's last admin."


class UserForm(UserChangeForm):  # type: ignore[misc]  # unfold has no types
    """An organization is not left without an admin."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        user: User = self.instance
        changed = {"role": Role.ADMIN, "is_active": True, "organization": user.organization}
        lost = [
            field
            for field, kept in changed.items()
            if field in self.fields and field in cleaned and cleaned[field] != kept
        ]
        if lost:
            lock_admins(user.organization_id)
            if is_last_admin(user):
                self.add_error(lost[0], f"{LAST} Make another user an admin first.")
        return cleaned


class Successor(forms.Form):
    """Where the last admin leaves: who is admin then."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._others = {str(other.pk): other for other in successors_of(user)}
        if is_last_admin(user):
            names = [(id_, f"{other} ({other.email})") for id_, other in self._others.items()]
            none = "" if names else "There is no other active user: add one first."
            self.fields["successor"] = choice(f"{LAST} Who becomes admin?", names, help_text=none)

    def successor(self) -> User | None:
        return self._others.get(self.cleaned_data.get("successor", ""))


class Erasure(Successor, Typed):
    pass


class Leaving(TenantAdmin):
    """Mixin of the users' pages."""

    actions: Any = ("delete_selected",)
    change_form_outer_before_template = "admin/bos/user_tools.html"
    out_of_sight = "The person has been erased."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(erased_at=None, is_service=False)

    def get_urls(self) -> Any:
        erase = self.admin_site.admin_view(self.erase_view)
        return [path("<uuid:id_>/erase/", erase, name="bos_user_erase"), *super().get_urls()]

    def _leaver(self, request: HttpRequest, object_id: str) -> User | None:
        user: User | None = self.get_object(request, object_id)
        if not self.has_delete_permission(request, user):
            raise PermissionDenied
        return user

    @retry_on_conflict
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Deactivate; where nothing would be lost, delete."""
        user = self._leaver(request, unquote(object_id))
        if user is None:
            return self.missing(request, object_id)
        ways: dict[str, Callable[..., None]] = {"deactivate": user_deactivate}
        if not has_left_something(user):
            ways["delete"] = user_delete
        way = ways.get(request.POST.get("act", ""))
        form = Successor(request.POST if way else None, user=user)
        if way is not None and form.is_valid():
            done = "deactivated" if way is user_deactivate else "deleted"
            if _done(self, request, lambda: way(user, successor=form.successor())):
                self.message_user(request, f"“{user}” is {done}.", messages.SUCCESS)
                return HttpResponseRedirect(list_of(self))
        return ask(self, request, _leaving(self, user, form, may_delete="delete" in ways))

    @retry_on_conflict
    def erase_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        user = self._leaver(request, str(id_))
        if user is None:
            raise Http404
        posted = request.POST if request.method == "POST" else None
        form = Erasure(posted, user=user, word=user.email, what="the email")
        if form.is_valid() and _done(
            self, request, lambda: user_erase(user, successor=form.successor())
        ):
            self.message_user(request, "The person has been erased.", messages.SUCCESS)
            return HttpResponseRedirect(list_of(self))
        return ask(self, request, _erasing(self, user, form))

    @admin.action(description="Delete or deactivate the selected users", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        """Those of whom something stays are deactivated."""
        chosen = list(users.order_by("name"))
        if not all(self.has_delete_permission(request, user) for user in chosen):
            raise PermissionDenied
        kept = [user for user in chosen if has_left_something(user)]
        gone = [user for user in chosen if user not in kept]
        if not request.POST.get("post"):
            return ask(self, request, _several(self, kept, gone))
        if _done(self, request, lambda: _leave(kept, gone)):
            done = f"{len(gone)} users deleted, {len(kept)} deactivated."
            self.message_user(request, done, messages.SUCCESS)
        return None


@transaction.atomic
def _leave(kept: Sequence[User], gone: Sequence[User]) -> None:
    for user in kept:
        user_deactivate(user)
    for user in gone:
        user_delete(user)


def _done(page: Any, request: HttpRequest, act: Callable[[], None]) -> bool:
    try:
        act()
    except LastAdmin as refusal:
        problem = str(refusal.args[0])
    except RestrictedError:
        problem = (
            "Content of theirs was added meanwhile, or is in another organization: deactivate them."
        )
    else:
        return True
    page.message_user(request, problem, messages.ERROR)
    return False


# ------------------------------------------------------------------ what the pages say


def _leaving(page: Any, user: User, form: forms.Form, *, may_delete: bool) -> Question:
    off = "All tokens end and all connections are closed at once; the user can be activated again."
    if may_delete:
        text = [
            "The user has no content here and can be deleted.",
            f"If you deactivate them instead: {off[0].lower()}{off[1:]}",
        ]
    else:
        text = [f"The user's content is kept, so they are deactivated, not deleted. {off}"]
    if not user.is_active:
        text.append("The user is deactivated already.")
    buttons = [Button("deactivate", "Deactivate")] if user.is_active else []
    if may_delete:
        buttons.append(Button("delete", "Delete", "danger"))
    return Question(
        title=f"“{user}” leaves",
        text=text,
        sections=(Section("What stays", traces_of(user)),),
        form=form,
        buttons=buttons,
        back=page_of(page, user),
        links=((reverse("admin:bos_user_erase", args=(user.pk,)), "Erase the person instead"),),
    )


def _erasing(page: Any, user: User, form: forms.Form) -> Question:
    return Question(
        title=f"Erase “{user}”?",
        text=[
            f"For privacy, and for good: the name becomes “{FORMER}” everywhere, in the history, "
            "too. The email address can then be used by another user.",
            "If the person only leaves the organization, deactivate them instead.",
        ],
        sections=(
            Section(f"What stays, by “{FORMER}”", traces_of(user)),
            Section(
                "What goes",
                [
                    ("name and email of the user, in all histories and in the event log", None),
                    (
                        "the entry as an employee of the organization",
                        Employee.objects.filter(user=user).count(),
                    ),
                    ("tokens and sign-ins; connections are closed within 2 seconds", None),
                    ("invitations to sessions, and the user's notifications", None),
                    ("ownership of KPIs, and notifications of alerts", None),
                ],
            ),
            Section(
                "What is not erased",
                [
                    ("the text of notes, titles and names", None),
                    ("imported files: what they changed is listed for 30 days", None),
                    ("report files, logs of the server and backups, until they expire", None),
                ],
            ),
        ),
        form=form,
        buttons=(Button("erase", "Erase the person", "danger"),),
        back=page_of(page, user),
    )


def _several(page: Any, kept: Sequence[User], gone: Sequence[User]) -> Question:
    return Question(
        title="Delete or deactivate users?",
        text=["Users with content are deactivated: the content stays, with their names."],
        sections=(
            Section("Deactivated", [(f"{user} ({user.email})", None) for user in kept]),
            Section("Deleted", [(f"{user} ({user.email})", None) for user in gone]),
        ),
        hidden=[
            ("action", "delete_selected"),
            *(("_selected_action", str(user.pk)) for user in (*kept, *gone)),
        ],
        buttons=(Button("leave", "Go on", "danger"),),
        back=list_of(page),
    )


# ------------------------------------------------------------------ people who do not sign in


class EmployeeErasure(TenantAdmin):
    """Mixin of the employees' pages. One who signs in is erased as a user."""

    change_form_outer_before_template = "admin/bos/employee_tools.html"

    def get_urls(self) -> Any:
        erase = self.admin_site.admin_view(self.erase_view)
        return [path("<uuid:id_>/erase/", erase, name="bos_employee_erase"), *super().get_urls()]

    def erase_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        employee: Employee | None = self.get_object(request, str(id_))
        if not self.has_delete_permission(request, employee):
            raise PermissionDenied
        if employee is None:
            raise Http404
        if employee.user_id is not None:
            return HttpResponseRedirect(reverse("admin:bos_user_erase", args=(employee.user_id,)))
        posted = request.POST if request.method == "POST" else None
        form = Typed(posted, word=employee.name, what="the name")
        if form.is_valid():
            employee_erase(employee)
            self.message_user(request, "The person has been erased.", messages.SUCCESS)
            return HttpResponseRedirect(list_of(self))
        question = Question(
            title=f"Erase “{employee}”?",
            text=[
                "For privacy, and for good: the entry is deleted, and its name, title and email "
                "are removed from the history and the event log."
            ],
            form=form,
            buttons=(Button("erase", "Erase the person", "danger"),),
            back=page_of(self, employee),
        )
        return ask(self, request, question)
