"""REST: the history of the KPIs that somebody may see, and the files of reports."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from bos.api.problems import Problem
from bos.auth.bearer import AuthenticatedPrincipal, BearerAuthentication
from bos.permissions import principal_of
from bos.service.keys import Scope
from kpis.history.pages import MOST_NAMED, history_page, turn
from kpis.models import Report, ReportFormat, ReportState
from kpis.permissions import readable_by
from kpis.reports.files import CONTENT_TYPES, file_name


class Period(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=3650, default=90)
    after = serializers.UUIDField(default=None, allow_null=True)
    kpis = serializers.ListField(
        child=serializers.UUIDField(), default=None, allow_null=True, max_length=MOST_NAMED
    )


class HistoryView(APIView):
    """Return the values of the KPIs that the caller may see, oldest first, of 1,000 KPIs at most.

    With `kpis`, once for each, only of these: one that the caller may not see is left out.
    `{"<kpi id>": [["2025-01-20T00:00:00Z", 12.5], ...]}`. Where there are more KPIs, `Link` with
    `rel="next"` names the next answer. A KPI with many values is thinned: of each step its lowest,
    its highest and its last value, so that no peak is missing and the newest is always there.
    `Thinned: kpis=3, step=86400` says of how many KPIs, and how many seconds the longest step has;
    without it every value is there. 503 with Retry-After where too many are asked for at once.
    """

    scope = Scope.READ

    @extend_schema(
        parameters=[
            OpenApiParameter("days", int, description="how many days back, default 90"),
            OpenApiParameter("after", UUID, description="only KPIs whose id is greater"),
            OpenApiParameter(
                "kpis", UUID, many=True, description=f"only these KPIs, {MOST_NAMED} at most"
            ),
            *(
                OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[200])
                for name in ("Link", "Thinned")
            ),
        ],
        responses=OpenApiTypes.OBJECT,
        operation_id="history",
        examples=[
            OpenApiExample(
                "One KPI",
                {
                    "1d80f1f3-9c8f-4a0f-8a39-4f6c5a3c2b11": [
                        ["2026-11-29T11:23:59Z", 280],
                        ["2026-11-29T11:24:00Z", 281],
                    ]
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        form = Period(data=request.query_params)
        form.is_valid(raise_exception=True)
        principal = cast(AuthenticatedPrincipal, request.user).principal
        asked = form.validated_data
        with turn():
            page = history_page(principal, **asked)
        response = HttpResponse(page.body, content_type="application/json")
        if page.thinned:
            response["Thinned"] = f"kpis={page.thinned}, step={page.step}"
        if page.following is not None:
            query = {"days": asked["days"], "after": page.following, "kpis": asked["kpis"] or []}
            response["Link"] = f'<{request.path}?{urlencode(query, doseq=True)}>; rel="next"'
        return response


class Expired(APIException):
    status_code = status.HTTP_410_GONE
    default_code = "REPORT_EXPIRED"
    default_detail = "This link has expired. Request the report again."


class ReportFileView(APIView):
    """Return a report's file: the `url` of REPORT_GENERATED.

    It takes an access token, or the session of the admin. 404 for whoever may not read it, 410
    once it has expired. A person who follows a link to it without being signed in comes to the
    page, which signs them in and opens it.
    """

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    scope = Scope.READ

    def handle_exception(self, exc: Exception) -> Any:
        accept = self.request.headers.get("Accept", "")
        if isinstance(exc, NotAuthenticated) and "text/html" in accept:
            address = urlencode({"next": self.request.path})
            return HttpResponseRedirect(f"{reverse('dashboard')}?{address}")
        return super().handle_exception(exc)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Errors are JSON; the file is what it is, whatever `Accept` says."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        operation_id="report_file",
        responses={
            **{(200, type_): OpenApiTypes.BINARY for type_ in CONTENT_TYPES.values()},
            410: Problem,
        },
    )
    def get(self, request: Request, report_id: UUID) -> HttpResponse:
        reports = _readable(request.user).filter(state=ReportState.READY)
        report = reports.filter(pk=report_id).select_related("file").first()
        if report is None:
            raise NotFound
        if report.expires_at is None or report.expires_at <= timezone.now():
            raise Expired
        kind = ReportFormat(report.format)
        name = file_name(report)
        return HttpResponse(
            bytes(report.file.content),
            content_type=CONTENT_TYPES[kind],
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "private, no-store",
            },
        )


def _readable(user: Any) -> QuerySet[Report]:
    if isinstance(user, AuthenticatedPrincipal):
        principal = user.principal
    elif user.is_superuser:
        return Report.objects.all()
    else:
        principal = principal_of(user)
    readable: QuerySet[Report] = Report.objects.of(principal.organization_id)
    return readable.filter(readable_by(principal))
