"""Pages of what the system makes: to read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from bos.adminsite.tenant import TenantAdmin


class ReadOnlyAdmin(TenantAdmin):
    """Shows rows; nobody adds or changes one by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
