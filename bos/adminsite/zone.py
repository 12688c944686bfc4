"""The time zone of the user who looks: the admin shows and takes times in it, and names it.

The browser knows its zone; a script of ours (`bos/static/bos/zone.js`) says it in a cookie. It
decides how times are written, and nothing else: whatever is stored or sent is UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import timezone as fixed_zone
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.db import DataError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

COOKIE = "bos_zone"
NAME = re.compile(r"UTC|[A-Za-z]+(?:/[A-Za-z0-9_+-]+){1,2}", re.ASCII)
"""How browsers call zones. Other files lie beside them: `localtime`, `Factory`."""
LONGEST_NAME = 64


class ViewerZone(ZoneInfo):
    """A zone whose local times know their distance from UTC, and the name of it, by themselves.

    Else Django names none in the hour that comes twice when clocks are put back.
    """

    def fromutc(self, dt: datetime, /) -> datetime:
        local = super().fromutc(dt)
        distance = local.utcoffset() or timedelta(0)
        return local.replace(tzinfo=fixed_zone(distance, local.tzname() or str(self)))


def zone_named(name: str) -> tzinfo:
    """Return the zone of this name; UTC where there is none."""
    if len(name) > LONGEST_NAME or NAME.fullmatch(name) is None or name not in _names():
        return UTC
    try:
        zone = ViewerZone(name)
        if zone.tzname(None) is not None:  # `Etc/GMT+5`: Django calls it "-05", which is no zone
            return UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a broken file of the machine's
        return UTC
    return zone if _database_knows(connection.vendor, name) else UTC


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def _database_knows(vendor: str, name: str) -> bool:
    """PostgreSQL has a list of its own, and lists of the admin are divided by days there."""
    if vendor != "postgresql":
        return True
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT now() AT TIME ZONE %s", [name])
    except DataError:
        return False
    return True


def zone_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Have the admin's pages show and take times in the zone of the user who looks."""
    prefix = reverse("admin:index")

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(prefix) or not request.user.is_authenticated:
            return get_response(request)
        with timezone.override(zone_named(request.COOKIES.get(COOKIE, ""))):
            return get_response(request)

    return middleware


def zone_name() -> str:
    """Return the name of the zone in which times are shown now: `Europe/Berlin`."""
    return timezone.get_current_timezone_name()


def zone_context(request: HttpRequest) -> dict[str, Any]:
    """For every page of the admin: the zone's name stands in its header."""
    return {"zone_name": zone_name()}


def zone_script(request: HttpRequest) -> str:
    return static("bos/zone.js")


def on_the_wall(moment: datetime) -> datetime:
    """Return the time by the clock where the user is, to calculate with: a day later it is the same
    hour, also where clocks are changed meanwhile."""
    return moment.astimezone(ZoneInfo(zone_name()))


def shown_time(moment: datetime) -> str:
    """Write a time as the lists do: `2026-03-29 14:05 CEST`."""
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def exact_time(moment: datetime) -> str:
    """The same, to the second."""
    return date_format(timezone.localtime(moment), "Y-m-d H:i:s T")


def today_begins() -> datetime:
    """Return the midnight before now, where the user is."""
    return on_the_wall(timezone.now()).replace(hour=0, minute=0, second=0, microsecond=0)
