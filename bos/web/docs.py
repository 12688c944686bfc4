"""Pages to read both descriptions on, under /docs: by libraries, from this host."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return redirect("api_docs")


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show the REST API; requests can be tried with a token or key."""
    return render(request, "docs/api.html")


@require_safe
def message_docs(request: HttpRequest) -> HttpResponse:
    """Show the messages of the WebSocket."""
    return render(request, "docs/messages.html")
