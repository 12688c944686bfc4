"""Background work in the admin: for superusers, because a schedule may call any function."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django_q import admin as stock
from django_q.models import Failure, OrmQ, Schedule, Success

from bos.adminsite.tenant import ZonedAdmin


class ForSuperusers(ZonedAdmin):
    """The rows are of every organization, and of none."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)


class ScheduleAdmin(ForSuperusers, stock.ScheduleAdmin):
    list_display = ("name", "schedule_type", "minutes", "next_run", "get_last_run", "get_success")


class SuccessAdmin(ForSuperusers, stock.TaskAdmin):
    list_display = ("name", "func", "started", "stopped", "time_taken")
    list_filter = ()  # there are as many groups as tasks


class FailureAdmin(ForSuperusers, stock.FailAdmin):
    list_display = ("name", "func", "started", "stopped", "short_result")
    list_filter = ()


class QueueAdmin(ForSuperusers, stock.QueueAdmin):
    list_display = ("id", "name", "func", "lock", "task_id")


PAGES = {Schedule: ScheduleAdmin, Success: SuccessAdmin, Failure: FailureAdmin, OrmQ: QueueAdmin}
