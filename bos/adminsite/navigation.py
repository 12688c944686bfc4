"""The admin's sidebar: what there is to do, by task."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

# (group, ((model or name of a page, symbol), ...)): those that one may see are shown.
GROUPS = (
    ("", (("index", "dashboard"),)),
    (
        "Organization",
        (
            ("bos.Organization", "domain"),
            ("bos.Department", "account_tree"),
            ("bos.Employee", "badge"),
            ("bos.User", "person"),
            ("bos.ServiceAccount", "smart_toy"),
            ("bos.OutsideChannel", "forum"),
            ("bos.Webhook", "webhook"),
            ("bos.IdentityProvider", "passkey"),
        ),
    ),
    (
        "KPIs",
        (
            ("kpis.Kpi", "speed"),
            ("kpis.KpiValue", "show_chart"),
            ("archived_kpis", "inventory_2"),
            ("kpis.AlertRule", "rule"),
            ("kpis.Alert", "notifications_active"),
            ("kpis.Connector", "cable"),
        ),
    ),
    (
        "Collaboration",
        (
            ("live", "sensors"),
            ("collaboration.Session", "groups"),
            ("collaboration.Annotation", "sticky_note_2"),
            ("collaboration.NotedThing", "push_pin"),
            ("collaboration.Invitation", "mail"),
        ),
    ),
    (
        "Insights and reports",
        (
            ("kpis.Insight", "lightbulb"),
            ("kpis.InsightState", "fact_check"),
            ("kpis.Report", "description"),
            ("kpis.ReportSchedule", "event_repeat"),
        ),
    ),
    (
        "System",
        (
            ("bos.Import", "upload_file"),
            ("bos.HistoricalUser", "history"),
            ("sync.Event", "list_alt"),
            ("bos.Notification", "notifications"),
            ("bos.Delivery", "outgoing_mail"),
            ("django_q.Schedule", "schedule"),
            ("django_q.OrmQ", "pending_actions"),
            ("django_q.Success", "task_alt"),
            ("django_q.Failure", "error"),
        ),
    ),
)


TITLES = {
    "index": "Overview",
    "archived_kpis": "Archived KPIs",
    "kpis.KpiValue": "Values",
    "bos.HistoricalUser": "History",
}
HISTORIES = (
    ("bos.HistoricalOrganization", "Organization"),
    ("bos.HistoricalDepartment", "Departments"),
    ("bos.HistoricalEmployee", "Employees"),
    ("bos.HistoricalUser", "Users"),
    ("kpis.HistoricalKpi", "KPIs"),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups with the pages that this user may open."""
    groups: list[dict[str, Any]] = [
        {"title": title, "items": [_item(*page) for page in pages if _may_open(request, page[0])]}
        for title, pages in GROUPS
    ]
    items = [item for group in groups for item in group["items"]]
    # The page is that of the longest address: the live picture is below the sessions.
    links = [item["link"] for item in items if request.path.startswith(item["link"])]
    here = max(links, key=len, default="")
    for item in items:
        item["active"] = item["link"] == here
    return [group for group in groups if group["items"]]


def _may_open(request: HttpRequest, label: str) -> bool:
    if "." not in label:
        return True
    page = admin.site._registry.get(apps.get_model(label))
    return page is not None and page.has_module_permission(request)


def _item(label: str, symbol: str) -> dict[str, Any]:
    if "." not in label:
        title = TITLES.get(label, label.title())
        return {"title": title, "icon": symbol, "link": reverse(f"admin:{label}")}
    meta = apps.get_model(label)._meta
    name = str(meta.verbose_name_plural)
    return {
        "title": TITLES.get(label, name[0].upper() + name[1:]),
        "icon": symbol,
        "link": _list_page(label),
    }


def _list_page(label: str) -> str:
    meta = apps.get_model(label)._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The histories are pages of one thing."""
    items = [{"title": title, "link": _list_page(label)} for label, title in HISTORIES]
    return [{"models": [label.lower() for label, _ in HISTORIES], "items": items}]


def icon(request: HttpRequest) -> str:
    return static("bos/icon.svg")


def style(request: HttpRequest) -> str:
    return static("bos/admin.css")
