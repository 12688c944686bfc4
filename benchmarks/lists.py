"""The admin lists of an organization with many rows: `... lists DIRECTORY PERCENT`.

10,000 KPIs of 500 owners in 64 departments, and a million values. The database lies in DIRECTORY
and is made once. One line of JSON: the median of the requests' time, in the process, without a
network, and the size of the answer as it is sent to a browser that takes gzip. A run in which the
process waited for others for more than PERCENT of the time does not count.
"""

import json
import os
import secrets
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import machine

KPIS, OWNERS, DEPARTMENTS, VALUES_EACH = 10_000, 500, 64, 100
REQUESTS = 7
PAGES = {"kpi_list": "/admin/kpis/kpi/", "value_list": "/admin/kpis/kpivalue/"}


def fill() -> None:
    """Create the organization with its rows, unless it is there."""
    from bos.models import Department, Organization, User
    from kpis.models import Kpi
    from sync.protocol.identity import SYSTEM, acting

    if Organization.objects.exists():
        return
    with acting(SYSTEM):
        organization = Organization.objects.create(name="Large")
        owners = User.objects.bulk_create(
            User(
                email=f"owner{n}@bench.example",
                name=f"Owner {n}",
                role="admin" if n == 0 else "member",
                organization=organization,
                password="!",
            )
            for n in range(OWNERS)
        )
        departments = [
            Department.objects.create(organization=organization, name=f"Department {n}")
            for n in range(DEPARTMENTS)
        ]
        Kpi.objects.bulk_create(
            Kpi(
                organization=organization,
                name=f"KPI {n}",
                unit="u",
                value=n,
                department=departments[n % DEPARTMENTS],
                owner=owners[n % OWNERS],
            )
            for n in range(KPIS)
        )
    _add_values(str(owners[0].pk))


def _add_values(actor_id: str) -> None:
    """By SQL: a million objects would take a minute to make."""
    from django.db import connection
    from django.utils import timezone

    statement = (
        "INSERT INTO kpis_kpivalue (kpi_id, value, at, actor_id) "
        "SELECT id, %s, %s, %s FROM kpis_kpi"
    )
    now = timezone.now()
    with connection.cursor() as cursor:
        for day in range(VALUES_EACH):
            cursor.execute(statement, [day, now - timedelta(days=day), actor_id])


def measured(*, max_wait_percent: float) -> dict[str, Any]:
    """The figures; `disturbed` where the process did not get its core."""
    from django.test import Client

    from bos.models import User

    client = Client(HTTP_HOST="127.0.0.1", HTTP_ACCEPT_ENCODING="gzip")
    client.force_login(User.objects.get(email="owner0@bench.example"))
    result: dict[str, Any] = {"valid": True, "disturbed": False, "reason": ""}
    begun, waited_before = time.perf_counter(), machine.waited_seconds()
    for name, path in PAGES.items():
        seconds = []
        for _ in range(1 + REQUESTS):  # the first one also loads templates
            started = time.perf_counter()
            answer = client.get(path)
            seconds.append(time.perf_counter() - started)
            if answer.status_code != 200:
                return {
                    "valid": False,
                    "disturbed": False,
                    "reason": f"{path}: {answer.status_code}",
                }
        result[f"{name}_ms"] = statistics.median(seconds[1:]) * 1000
        result[f"{name}_kb"] = len(answer.content) / 1000
    waited = machine.waited_seconds() - waited_before
    result["server_waited_percent"] = percent = waited / (time.perf_counter() - begun) * 100
    if percent > max_wait_percent:
        reason = f"it waited for others for {percent:.1f} % of the time"
        return result | {"valid": False, "disturbed": True, "reason": reason}
    return result


def main() -> None:
    import django
    from django.core.management import call_command

    database = Path(sys.argv[1]) / "lists.sqlite3"
    os.environ |= {
        "DATABASE_URL": f"sqlite:///{database}",
        "SECRET_KEY": secrets.token_hex(32),
        "DEBUG": "0",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "bos.settings",
    }
    django.setup()
    call_command("migrate", verbosity=0)
    fill()
    print(json.dumps(measured(max_wait_percent=float(sys.argv[2]))))


if __name__ == "__main__":
    main()
