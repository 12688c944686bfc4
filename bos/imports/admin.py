"""Imports in the admin, and the exports of lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from bos.adminsite.scope import scope_of
from bos.adminsite.tenant import TenantAdmin, refuse_if_full
from bos.imports.cells import Unreadable
from bos.imports.files import MAX_BYTES, MAX_ROWS, csv_bytes, kind_of, too_large, xlsx_bytes
from bos.imports.kinds import kinds
from bos.imports.resources import TenantResource
from bos.imports.workflow import BUSY, begin, confirm, is_another_written
from bos.models import Import, ImportState, Organization

NO_WORKER_SECONDS = 10
STANDSTILL_SECONDS = 30
"""Longer than the file is read before anything can be told of it."""
NEXT = "Another import of your organization is being written; this one follows."
BAD_ENDS = (ImportState.REFUSED, ImportState.FAILED, ImportState.PARTLY)
NO_WORKER = "No worker has started it yet: all are busy, or “manage.py work” is not running."
STANDSTILL = (
    "It has not gone on for a while: others have their turn, or “manage.py work” is not running. "
    "The next worker goes on with it."
)

# ------------------------------------------------------------------ imports


class ImportForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    kind = forms.ChoiceField(label="Of what", widget=UnfoldAdminSelectWidget)
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.xlsx"}),
        help_text=f"CSV in UTF-8, or XLSX; at most {MAX_BYTES // 2**20} MB. "
        "The first row names the columns.",
    )

    class Meta:
        model = Import
        fields = ("organization", "kind", "file")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields["kind"]
        choices.choices = [(kind.name, kind.title) for kind in kinds()]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        try:
            kind_of(file.name)
        except Unreadable as error:
            raise forms.ValidationError(str(error)) from None
        if file.size > MAX_BYTES:
            raise forms.ValidationError(too_large(file.size))
        return file

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        if not self.errors:
            refuse_if_full(self)


class ImportAdmin(TenantAdmin):
    """A file is brought here, shown with what it would change, and confirmed."""

    form = ImportForm
    list_display = (
        "file_name",
        "of_what",
        "state",
        "found",
        "author",
        "created_at",
        "organization",
    )
    list_filter = ("organization", "kind", "state")
    list_select_related = ("author", "organization")
    search_fields = ("file_name",)
    change_form_outer_after_template = "admin/bos/import_columns.html"

    class Media:
        js = ("bos/import.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("content")

    @admin.display(description="of what", ordering="kind")
    def of_what(self, import_: Import) -> str:
        return _title(import_)

    @admin.display(description="rows")
    def found(self, import_: Import) -> str:
        outcome = import_.outcome
        if not outcome:
            return ""
        lost = outcome.get("lost", 0)  # none in one of an older version
        if outcome["problem_count"] > lost:
            return f"{outcome['problem_count']:,} problem{pluralize(outcome['problem_count'])}"
        written = f"{outcome['new']:,} new, {outcome['changed']:,} changed"
        return f"{written}, {lost:,} not written" if lost else written

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = ("kind", "file")
        return ("organization", *own) if request.user.is_superuser else own

    def save_model(self, request: HttpRequest, obj: Import, form: Any, change: bool) -> None:
        file = form.cleaned_data["file"]
        obj.author = request.user  # type: ignore[assignment]  # nobody anonymous gets here
        obj.file_name = file.name[-200:]
        obj.content = file.read()
        begin(obj)

    def response_add(
        self, request: HttpRequest, obj: Import, post_url_continue: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(_page(obj))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {
            "kinds": kinds(),
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        }
        return super().add_view(request, form_url, context | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what the file would change or has changed; nothing of it can be edited here."""
        import_ = self.get_object(request, unquote(object_id))
        if import_ is None:
            return self.missing(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": str(import_),
            "opts": self.opts,
            "media": self.media,
            "import": import_,
            "of_what": _title(import_),
            "outcome": import_.outcome,
            "is_busy": import_.state in BUSY,
            "is_checked": import_.state == ImportState.CHECKED,
            "is_bad": import_.state in BAD_ENDS,
        }
        return TemplateResponse(request, "admin/bos/import.html", context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not while it is written: half of it would be there, and nothing would say so."""
        is_written = obj is not None and obj.state == ImportState.WRITING
        return not is_written and super().has_delete_permission(request, obj)

    def get_urls(self) -> Any:
        own = self.admin_site.admin_view
        return [
            path("<uuid:id_>/progress/", own(self.progress), name="bos_import_progress"),
            path("<uuid:id_>/confirm/", own(require_POST(self.confirm)), name="bos_import_confirm"),
            *super().get_urls(),
        ]

    def progress(self, request: HttpRequest, id_: UUID) -> JsonResponse:
        import_ = self._own(request, id_)
        return JsonResponse(
            {
                "state": import_.state,
                "label": import_.get_state_display(),
                "rowsDone": import_.rows_done,
                "rowsTotal": import_.rows_total,
                "hint": _hint(import_),
            }
        )

    def confirm(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        import_ = self._own(request, id_)
        if not confirm(import_):
            self.message_user(request, "This import can no longer be confirmed.", messages.WARNING)
        return HttpResponseRedirect(_page(import_))

    def _own(self, request: HttpRequest, id_: UUID) -> Import:
        import_: Import | None = self.get_queryset(request).filter(pk=id_).first()
        if import_ is None:
            raise Http404
        return import_


def _hint(import_: Import) -> str:
    """Say why nothing happens, where that takes long."""
    seconds = (timezone.now() - import_.state_since).total_seconds()
    if import_.state in (ImportState.CHECKING, ImportState.WRITING):
        return STANDSTILL if seconds > STANDSTILL_SECONDS else ""
    if import_.state not in BUSY or seconds <= NO_WORKER_SECONDS:
        return ""
    is_next = import_.state == ImportState.CONFIRMED and is_another_written(import_)
    return NEXT if is_next else NO_WORKER


def _title(import_: Import) -> str:
    return next((kind.title for kind in kinds() if kind.name == import_.kind), import_.kind)


def _page(import_: Import) -> str:
    return reverse("admin:bos_import_change", args=(import_.pk,))


# ------------------------------------------------------------------ exports

FORMATS = {
    "csv": (csv_bytes, "text/csv; charset=utf-8"),
    "xlsx": (xlsx_bytes, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


class ExportAdmin(TenantAdmin):
    """A list that can be exported as it is filtered, and imported."""

    import_kind: str
    resource: type[TenantResource]
    list_before_template = "admin/bos/list_tools.html"

    def table(
        self, rows: Iterable[Any], scope: Organization | None
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        """Columns, and the rows' cells."""
        dataset = self.resource(scope).export(rows)
        return dataset.headers, dataset

    def get_urls(self) -> Any:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        export = self.admin_site.admin_view(self.export)
        return [path("export/<str:kind>/", export, name=name), *super().get_urls()]

    def export(self, request: HttpRequest, kind: str) -> HttpResponse:
        if kind not in FORMATS:
            raise Http404
        try:
            listed = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            raise Http404 from None
        rows = list(listed[: MAX_ROWS + 1])
        if len(rows) > MAX_ROWS:
            problem = f"The list has more than {MAX_ROWS:,} rows. Filter it first."
            self.message_user(request, problem, messages.ERROR)
            listing = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
            return HttpResponseRedirect(f"{reverse(listing)}?{request.GET.urlencode()}")
        write, content_type = FORMATS[kind]
        file_name = f"{self.import_kind}-{timezone.now():%Y-%m-%d}.{kind}"
        return HttpResponse(
            write(*self.table(rows, scope_of(request))),
            content_type=content_type,
            headers={
                "Content-Disposition": f'attachment; filename="{file_name}"',
                "Cache-Control": "private, no-store",
            },
        )


PAGES = {Import: ImportAdmin}
