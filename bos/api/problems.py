"""How the REST API says no: one shape for every refusal, as it stands in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers


@extend_schema_serializer(component_name="Problem")
class Problem(serializers.Serializer[Any]):
    """Every refusal of this API."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField(required=False)
