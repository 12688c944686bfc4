"""The page on which a superuser deletes an organization with everything in it (decision V6)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import RestrictedError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from bos.adminsite.confirm import Button, Question, Section, Typed, ask, list_of, page_of
from bos.adminsite.scope import has_tenant
from bos.adminsite.tenant import TenantAdmin
from bos.models import Organization
from sync.eventlog.threads import retry_on_conflict


class OrganizationDeletion(TenantAdmin):
    """Mixin of the organizations' pages: one at a time, and its name is typed."""

    def get_actions(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        # Django 6 says besides where the actions are shown.
        actions = super().get_actions(request, *args, **options)
        actions.pop("delete_selected", None)
        return actions

    @retry_on_conflict
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        organization: Organization | None = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, organization):
            raise PermissionDenied
        if organization is None:
            return self.missing(request, object_id)
        posted = request.POST if request.method == "POST" else None
        form = Typed(posted, word=organization.name, what="its name")
        if form.is_valid():
            try:
                organization.delete()
            except RestrictedError:
                problem = (
                    "Some of its users host or have written something in another organization: "
                    "move these users there, or erase them, first."
                )
                self.message_user(request, problem, messages.ERROR)
            else:
                self.message_user(request, f"“{organization}” is deleted.", messages.SUCCESS)
                return HttpResponseRedirect(list_of(self))
        question = Question(
            title=f"Delete “{organization}”?",
            text=[
                "Everything in it is deleted for good, and its users' connections are closed. "
                "Superusers still see its history; its event log is deleted when it is too old."
            ],
            sections=(Section("What goes", sorted(_contents(organization).items())),),
            form=form,
            buttons=(Button("delete", "Delete the organization", "danger"),),
            back=page_of(self, organization),
        )
        return ask(self, request, question)


def _contents(organization: Organization) -> Counter[str]:
    """Rows of the organization, and rows of these, by kind."""
    found: Counter[str] = Counter()
    for relation in Organization._meta.related_objects:
        model: Any = relation.related_model
        of_tenant = {relation.field.name: organization}
        found[_kind(model)] = model._base_manager.filter(**of_tenant).count()
        for deeper in model._meta.related_objects:
            below: Any = deeper.related_model
            if has_tenant(below) or deeper.many_to_many or below is Organization:
                continue
            path = f"{deeper.field.name}__{relation.field.name}"
            rows = below._base_manager.filter(**{path: organization})
            found[_kind(below)] = max(found[_kind(below)], rows.count())
    return Counter({kind: count for kind, count in found.items() if count})


def _kind(model: Any) -> str:
    name = str(model._meta.verbose_name_plural)
    return name[0].upper() + name[1:]
