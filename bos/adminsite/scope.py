"""The rows that a user may see in the admin: those of their organization, or all."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.http import HttpRequest


def sees_all(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


def tenant_of(request: HttpRequest) -> Any:
    user: Any = request.user  # nobody anonymous gets here
    return user.organization


def scope_of(request: HttpRequest) -> Any:
    """The organization whose rows this user may know of; None: of every organization."""
    return None if sees_all(request) else tenant_of(request)


def has_tenant(model: Any) -> bool:
    is_model = isinstance(model, type) and issubclass(model, Model)
    return is_model and any(f.name == "organization" for f in model._meta.fields)
