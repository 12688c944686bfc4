"""People in the admin: invited, changed several at once, exported (decision D6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.views.decorators.http import require_POST
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from bos.adminsite.confirm import Button, Question, Section, ask, choice, list_of, page_of
from bos.adminsite.scope import sees_all, tenant_of
from bos.imports.admin import ExportAdmin
from bos.imports.resources import DepartmentReference
from bos.leaving.people import organizations_of
from bos.leaving.rules import LastAdmin
from bos.models import AccountLink, LinkKind, Organization, Role, User
from bos.people.imports import UserImport, column_values
from bos.people.invitations import invite, invite_again
from bos.people.links import invitable
from bos.people.several import users_set
from bos.people.views import download
from bos.texts import one_form
from sync.eventlog.threads import retry_on_conflict

MOST_AT_ONCE = 500
"""Users of one action: their ids are posted again by the page that asks."""
NO_MAIL = (
    "Mail is not set up on this server (EMAIL_URL, BOS_MAIL_FROM, BOS_PUBLIC_URL): "
    "nobody can be invited."
)

FROM_ELSEWHERE = (
    "They have belonged to another organization, and their data tell of it: they download it "
    "themselves at /account/, or a superuser does."
)

# ------------------------------------------------------------------ invitations


class InvitationForm(forms.Form):
    email = forms.EmailField(
        max_length=254, widget=UnfoldAdminEmailInputWidget({"autocomplete": "off"})
    )
    name = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget({"autocomplete": "off"})
    )
    role = forms.ChoiceField(
        choices=Role.choices, initial=Role.MEMBER, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, organization: Organization | None, **kwargs: Any) -> None:
        """organization: the one that somebody is invited to; None: it is to be chosen."""
        super().__init__(*args, **kwargs)
        self._organization = organization
        if organization is None:
            self.fields["organization"] = forms.ModelChoiceField(
                Organization.objects.all(), widget=UnfoldAdminSelectWidget
            )
            return
        departments = DepartmentReference()
        departments.bind(organization)
        names = [(str(pk), departments.render(pk)) for pk in departments.rows]
        self.fields["department"] = forms.ChoiceField(
            required=False,
            choices=[("", "None"), *sorted(names, key=lambda named: named[1].casefold())],
            widget=UnfoldAdminSelectWidget,
            help_text="They may follow it, and those below it.",
        )
        self.fields["title"] = forms.CharField(
            required=False,
            max_length=200,
            widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        )

    def clean_name(self) -> str:
        name = one_form(self.cleaned_data["name"])
        if not name:
            raise ValidationError("They need a name.")
        return name

    def invite(self, invited_by: User) -> User | None:
        """Invite; None where the organization has the email, which the form says then."""
        told = self.cleaned_data
        department: str = told.get("department", "")
        try:
            return invite(
                self._organization or told["organization"],
                email=told["email"],
                name=told["name"],
                role=told["role"],
                department_id=UUID(department) if department else None,
                title=one_form(told.get("title", "")),
                invited_by=invited_by,
            )
        except ValidationError as refusal:
            self.add_error(None, refusal)
            return None


def _inviting(page: Any, form: forms.Form) -> Question:
    minutes = settings.PASSWORD_RESET_TIMEOUT // 60
    return Question(
        title="Invite somebody",
        text=[
            "They get an email with a link by which they choose a password and are in. It works "
            f"once, for {minutes} minutes; later they ask for a new one themselves, or you send it "
            "from the list of users."
        ],
        form=form,
        buttons=(Button("invite", "Send the invitation"),),
        back=list_of(page),
    )


# ------------------------------------------------------------------ several at once


@dataclass(frozen=True, slots=True)
class Several:
    """Something that is done to several users once it has been confirmed.

    action: the name of the method that the list calls. concerned: those whom it changes; others:
    the rest of those who were selected, with the reason. do: says what it has done.
    """

    action: str
    title: str
    text: Sequence[str]
    concerned: Sequence[User]
    others: tuple[str, Sequence[User]]
    button: Button
    do: Callable[[], str]
    form: forms.Form | None = None

    @property
    def is_confirmed(self) -> bool:
        return self.form is None or self.form.is_valid()


class RoleForm(forms.Form):
    role = choice("The new role", Role.choices)


OFF = "All their tokens and sessions end and their connections are closed at once."


class People(ExportAdmin):
    """Mixin of the users' pages."""

    import_kind = UserImport.name
    list_before_template = "admin/bos/user_list_tools.html"
    actions: Any = (
        "deactivate_selected",
        "reactivate_selected",
        "change_role_of_selected",
        "invite_selected_again",
    )

    def get_urls(self) -> Any:
        own = self.admin_site.admin_view
        return [
            path("invite/", own(self.invite_view), name="bos_user_invite"),
            path("<uuid:id_>/data/", own(require_POST(self.data_view)), name="bos_user_data"),
            *super().get_urls(),
        ]

    def table(
        self, rows: Iterable[Any], scope: Organization | None
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        """The columns that `UserImport` reads."""
        departments = DepartmentReference()
        departments.bind(scope)
        cells = (
            (email, name, role, departments.render(department), title)
            for email, name, role, department, title in column_values(rows)
        )
        return [column for column, _ in UserImport.columns], cells

    @admin.display(description="invitation", empty_value="")
    def invitation(self, user: User) -> str:
        """How far an invited user has come."""
        link: AccountLink | None = getattr(user, "account_link", None)
        if link is None or link.kind != LinkKind.INVITATION or link.used_at is not None:
            return ""
        if user.has_usable_password():  # set for them
            return ""
        if link.sent_at is not None:
            return f"sent {link.sent_at:%Y-%m-%d %H:%M} UTC"
        return f"not sent: {link.problem}" if link.next_try_at is None else "being sent"

    # -------------------------------------------------------------- one

    @retry_on_conflict
    def invite_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if not settings.MAIL_IS_ON:
            self.message_user(request, NO_MAIL, messages.ERROR)
            return HttpResponseRedirect(list_of(self))
        organization = None if sees_all(request) else tenant_of(request)
        posted = request.POST if request.method == "POST" else None
        form = InvitationForm(posted, organization=organization)
        user = form.invite(_staff(request)) if form.is_valid() else None
        if user is None:
            return ask(self, request, _inviting(self, form))
        self.log_addition(request, user, "Invited.")
        self.message_user(request, f"“{user}” is invited: {user.email}.", messages.SUCCESS)
        return HttpResponseRedirect(list_of(self))

    def data_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        """All that is stored about a user, as a file; it is noted that somebody has taken it."""
        user: User | None = self.get_queryset(request).filter(pk=id_).first()
        if user is None:
            raise Http404
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if not sees_all(request) and len(organizations_of(user)) > 1:
            self.message_user(request, FROM_ELSEWHERE, messages.ERROR)
            return HttpResponseRedirect(page_of(self, user))
        self.log_change(request, user, "Their data were downloaded.")
        return download(user)

    # -------------------------------------------------------------- several

    @admin.action(description="Deactivate the selected users", permissions=["change"])
    def deactivate_selected(
        self, request: HttpRequest, users: QuerySet[User]
    ) -> HttpResponse | None:
        active, others = _parted(self._chosen(request, users), lambda user: user.is_active)
        several = Several(
            action="deactivate_selected",
            title="Deactivate users?",
            text=[OFF, "What they have made stays, and they can be activated again."],
            concerned=active,
            others=("Deactivated already", others),
            button=Button("deactivate", "Deactivate", "danger"),
            do=lambda: _counted(users_set(active, is_active=False), "deactivated"),
        )
        return self._confirmed(request, several)

    @admin.action(description="Activate the selected users again", permissions=["change"])
    def reactivate_selected(
        self, request: HttpRequest, users: QuerySet[User]
    ) -> HttpResponse | None:
        inactive, others = _parted(self._chosen(request, users), lambda user: not user.is_active)
        several = Several(
            action="reactivate_selected",
            title="Activate users again?",
            text=["They sign in with the passwords that they had, or ask for a new one."],
            concerned=inactive,
            others=("Active already", others),
            button=Button("reactivate", "Activate"),
            do=lambda: _counted(users_set(inactive, is_active=True), "active again"),
        )
        return self._confirmed(request, several)

    @admin.action(description="Change the role of the selected users", permissions=["change"])
    def change_role_of_selected(
        self, request: HttpRequest, users: QuerySet[User]
    ) -> HttpResponse | None:
        chosen = self._chosen(request, users)
        form = RoleForm(request.POST if request.POST.get("post") else None)

        def change() -> str:
            role: str = form.cleaned_data["role"]
            return _counted(users_set(chosen, role=role), f"now {role}")

        several = Several(
            action="change_role_of_selected",
            title="Change the role of users?",
            text=[f"Of those whose role it is not already: {OFF[0].lower()}{OFF[1:]}"],
            concerned=chosen,
            others=("", ()),
            button=Button("role", "Change the role"),
            do=change,
            form=form,
        )
        return self._confirmed(request, several)

    @admin.action(description="Send the invitation again", permissions=["change"])
    def invite_selected_again(
        self, request: HttpRequest, users: QuerySet[User]
    ) -> HttpResponse | None:
        if not settings.MAIL_IS_ON:
            self.message_user(request, NO_MAIL, messages.ERROR)
            return None
        chosen = self._chosen(request, users)
        ids = set(invitable(users).values_list("pk", flat=True))
        waiting, others = _parted(chosen, lambda user: user.pk in ids)

        def send() -> str:
            return _counted(len(invite_again(waiting, invited_by=_staff(request))), "invited again")

        several = Several(
            action="invite_selected_again",
            title="Send invitations again?",
            text=["Each gets a new link; the links of before open nothing any more."],
            concerned=waiting,
            others=("Not invited: deactivated, or they have a password", others),
            button=Button("invite", "Send"),
            do=send,
        )
        return self._confirmed(request, several)

    def _chosen(self, request: HttpRequest, users: QuerySet[User]) -> list[User]:
        """Return the selected users; none where they are too many. Raises PermissionDenied."""
        chosen = list(users.order_by("name", "pk")[: MOST_AT_ONCE + 1])
        if not all(self.has_change_permission(request, user) for user in chosen):
            raise PermissionDenied
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(request, f"Select at most {MOST_AT_ONCE} users.", messages.ERROR)
            return []
        return chosen

    def _confirmed(self, request: HttpRequest, several: Several) -> HttpResponse | None:
        """Do it where it is confirmed; else ask, and say whom it concerns."""
        if not several.concerned:
            if several.others[1]:
                words = "It concerns none of those selected: nothing was changed."
                self.message_user(request, words, messages.WARNING)
            return None
        if not request.POST.get("post") or not several.is_confirmed:
            return ask(self, request, self._question(several))
        try:
            done = several.do()
        except LastAdmin as refusal:
            self.message_user(request, f"{refusal.args[0]}", messages.ERROR)
            return None
        LogEntry.objects.log_actions(
            _staff(request).pk, several.concerned, CHANGE, several.button.label
        )
        self.message_user(request, done, messages.SUCCESS)
        return None

    def _question(self, several: Several) -> Question:
        why, others = several.others
        chosen = (*several.concerned, *others)
        return Question(
            title=several.title,
            text=several.text,
            sections=(
                Section(f"These {len(several.concerned)}", _named(several.concerned)),
                Section(why, _named(others)),
            ),
            form=several.form,
            hidden=[
                ("action", several.action),
                *(("_selected_action", str(user.pk)) for user in chosen),
            ],
            buttons=(several.button,),
            back=list_of(self),
        )


def _parted(
    users: Sequence[User], concerns: Callable[[User], bool]
) -> tuple[list[User], list[User]]:
    """Part those whom it concerns from the others."""
    return [u for u in users if concerns(u)], [u for u in users if not concerns(u)]


def _named(users: Sequence[User]) -> list[tuple[str, None]]:
    return [(f"{user} ({user.email}), {user.role}", None) for user in users]


def _counted(count: int, done: str) -> str:
    return f"1 user is {done}." if count == 1 else f"{count} users are {done}."


def _staff(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User), "nobody anonymous gets here"
    return user
