"""The archive of KPIs in the admin: archive, restore, and erase for good (decision V6)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from bos import things
from bos.adminsite.confirm import Button, Question, Section, Typed, ask, list_of, page_of
from bos.adminsite.scope import scope_of, tenant_of
from bos.imports.admin import ExportAdmin
from kpis.archive.services import archived, belongings_of, kpi_erase, kpi_restore, kpis_archive
from kpis.models import Kpi
from sync.eventlog.threads import retry_on_conflict

PAGE = 50


class Archive(ExportAdmin):
    """Mixin of the KPIs' pages. A KPI that is in use has no button to delete it."""

    actions: Any = ("archive_kpis",)
    out_of_sight = "It is archived."

    def get_urls(self) -> Any:
        def own(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("archived/", own(require_safe(self.archived_view)), name="archived_kpis"),
            path("<uuid:id_>/archive/", own(self.archive_view), name="kpis_kpi_archive"),
            path("<uuid:id_>/restore/", own(require_POST(self.restore)), name="kpis_kpi_restore"),
            path("<uuid:id_>/erase/", own(self.erase_view), name="kpis_kpi_erase"),
            *super().get_urls(),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Archive the selected KPIs", permissions=["change"])
    def archive_kpis(self, request: HttpRequest, kpis: QuerySet[Kpi]) -> None:
        count = kpis_archive(list(kpis))
        self.message_user(request, f"{count} KPI{pluralize(count)} archived.", messages.SUCCESS)

    @retry_on_conflict
    def archive_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        self._require_admin(request)
        kpi: Kpi | None = self.get_queryset(request).filter(pk=id_).first()
        if kpi is None:
            raise Http404
        if request.method == "POST":
            kpis_archive([kpi])
            self.message_user(request, f"“{kpi}” is archived.", messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:archived_kpis"))
        question = Question(
            title=f"Archive “{kpi}”?",
            text=[
                "Nobody sees it any more; reports, insights, alerts, imports and exports leave it "
                "out. Nothing is deleted: it can be restored with all its data."
            ],
            sections=(Section("What is kept", _counts(kpi)),),
            buttons=(Button("archive", "Archive"),),
            back=page_of(self, kpi),
        )
        return ask(self, request, question)

    def archived_view(self, request: HttpRequest) -> HttpResponse:
        """The archived KPIs, the latest first."""
        self._require_admin(request)
        rows = self._archived(request).select_related("department", "organization")
        name = request.GET.get("q", "").strip()
        if name:
            rows = rows.filter(name__icontains=name)
        page = Paginator(rows, PAGE).get_page(request.GET.get("p"))
        counted = dict(
            Kpi.everything.filter(pk__in=[kpi.pk for kpi in page.object_list])
            .annotate(count=Count("values"))
            .values_list("pk", "count")
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "Archived KPIs",
            "opts": self.opts,
            "page": page,
            "kpis": [(kpi, counted.get(kpi.pk, 0)) for kpi in page.object_list],
            "searched": name,
            "listed": list_of(self),
        }
        return TemplateResponse(request, "admin/bos/archived_kpis.html", context)

    @retry_on_conflict
    def restore(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        kpi = self._one(request, id_)
        kpi_restore(kpi)
        self.message_user(request, f"“{kpi}” is in use again.", messages.SUCCESS)
        return HttpResponseRedirect(page_of(self, kpi))

    @retry_on_conflict
    def erase_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        """Delete an archived KPI with its history: its name has to be typed."""
        kpi = self._one(request, id_)
        posted = request.POST if request.method == "POST" else None
        form = Typed(posted, word=kpi.name, what="its name")
        if form.is_valid():
            kpi_erase(kpi)
            self.message_user(request, f"“{kpi}” is erased.", messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:archived_kpis"))
        question = Question(
            title=f"Erase “{kpi}” for good?",
            text=["Its whole history is deleted with it. This cannot be undone."],
            sections=(Section("What goes", _counts(kpi)),),
            form=form,
            buttons=(Button("erase", "Erase for good", "danger"),),
            back=reverse("admin:archived_kpis"),
        )
        return ask(self, request, question)

    def _require_admin(self, request: HttpRequest) -> None:
        if not self.has_change_permission(request):
            raise PermissionDenied

    def _archived(self, request: HttpRequest) -> QuerySet[Kpi]:
        scope = scope_of(request)
        return archived(None if scope is None else tenant_of(request).pk)

    def _one(self, request: HttpRequest, id_: UUID) -> Kpi:
        self._require_admin(request)
        kpi = self._archived(request).filter(pk=id_).first()
        if kpi is None:
            raise Http404
        return kpi


def _counts(kpi: Kpi) -> list[tuple[str, int | None]]:
    found = belongings_of(kpi)
    return [
        ("values", found.values),
        ("alerts", found.alerts),
        ("alert rules", found.rules),
        ("insights", found.insights),
        *((label, count) for label, count, _ in things.attached_to("kpi", kpi)),
    ]
