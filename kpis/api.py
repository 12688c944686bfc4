"""REST: the history of the KPIs that somebody may see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bos.bearer import AuthenticatedPrincipal
from kpis.models import Kpi, KpiValue
from kpis.realtime import visible_to
from sync.codecs import wire_number
from sync.times import wire_time


class Period(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=3650, default=90)


class HistoryView(APIView):
    """`{"<kpi id>": [["2025-01-20T00:00:00Z", 12.5], ...]}`, oldest first."""

    @extend_schema(
        parameters=[OpenApiParameter("days", int, description="how many days back, default 90")],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        form = Period(data=request.query_params)
        form.is_valid(raise_exception=True)
        principal = cast(AuthenticatedPrincipal, request.user).principal
        kpis = Kpi.objects.of(principal.organization_id).filter(visible_to(principal))
        since = timezone.now() - timedelta(days=form.validated_data["days"])
        history: dict[str, list[tuple[str, Any]]] = {str(kpi.pk): [] for kpi in kpis}
        values = KpiValue.objects.filter(kpi__in=kpis, at__gte=since).order_by("at")
        for kpi_id, at, value in values.values_list("kpi_id", "at", "value"):
            history[str(kpi_id)].append((wire_time(at), wire_number(value)))
        return Response(history)
