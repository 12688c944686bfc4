"""Pages of things that something hangs on: they link to it, with how many there are."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from bos import things
from bos.adminsite.tenant import TenantAdmin


class ThingAdmin(TenantAdmin):
    """Mixin of the pages of a thing: its template includes `admin/bos/attached.html`."""

    entity_type = ""

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            context["attached"] = things.attached_to(self.entity_type, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)
