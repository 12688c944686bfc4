"""How long a report takes, end to end, and how large it is: `python -m benchmarks.reports`.

A SQLite database of its own is filled; then each file is made by a process of its own, as by a
worker, whose peak of memory is taken.

    python -m benchmarks.reports --kpis 200 --days 365 --values-a-day 1
"""

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

WRITERS = ("pdf", "xlsx")
FIRST_DAY = date(2024, 1, 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__)
    parser.add_argument("--kpis", type=int, default=200)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--values-a-day", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the files in this directory")
    parser.add_argument("--make", choices=WRITERS, help=argparse.SUPPRESS)
    return parser.parse_args()


def fill(kpis: int, days: int, values_a_day: int) -> None:
    """KPIs of ten departments, three in four with a target."""
    import random
    from datetime import UTC, datetime
    from decimal import Decimal

    from django.core.management import call_command

    from bos.models import Department, Organization
    from kpis.models import Kpi, KpiValue

    call_command("migrate", verbosity=0)
    chance = random.Random(0)
    organization = Organization.objects.create(name="Northwind")
    departments: list[Department] = []
    for n in range(10):
        parent = departments[n // 3] if n % 3 else None
        departments.append(
            Department.objects.create(organization=organization, name=f"Team {n}", parent=parent)
        )
    begin = datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
    for n in range(kpis):
        level = 10 ** chance.uniform(1, 6)
        kpi = Kpi.objects.create(
            organization=organization,
            department=departments[n % 10],
            name=f"Key figure number {n + 1}",
            unit=("EUR", "%", "h", "")[n % 4],
            target=Decimal(f"{level:.2f}") if n % 4 else None,
            direction=("higher", "lower")[n % 2],
        )
        values = []
        for step in range(days * values_a_day):
            level *= 1 + chance.gauss(0, 0.02)
            at = begin + timedelta(days=step / values_a_day, minutes=1)
            value = Decimal(f"{level:.4f}")
            values.append(KpiValue(kpi=kpi, value=value, at=at, actor_id="benchmark"))
        KpiValue.objects.bulk_create(values)


def make(name: str, days: int, path: Path) -> dict[str, float]:
    """Make one file in this process; seconds, bytes and megabytes."""
    from django.db.models import Q

    from bos.models import Organization
    from kpis.reports.content import report_content

    if name == "pdf":
        from kpis.reports.pdf import write_pdf as write
    else:
        from kpis.reports.xlsx import write_xlsx as write
    before = peak()
    started = time.perf_counter()
    content = report_content(
        organization_id=Organization.objects.get().pk,
        department_id=None,
        from_=FIRST_DAY,
        to=FIRST_DAY + timedelta(days=days - 1),
        visible=Q(),
    )
    read = time.perf_counter()
    with path.open("wb") as file:
        write(content, file)
    return {
        "queries_s": read - started,
        "file_s": time.perf_counter() - read,
        "bytes": path.stat().st_size,
        "idle_mb": before,
        "peak_mb": peak(),
    }


def peak() -> float:
    """Of this process, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def in_own_process(name: str, given: argparse.Namespace) -> dict[str, float]:
    size = ["--kpis", str(given.kpis), "--days", str(given.days)]
    command = [sys.executable, "-m", "benchmarks.reports", "--make", name, *size]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    import django

    given = arguments()
    if given.make:
        django.setup()
        directory = Path(os.environ["BENCHMARK_DIRECTORY"])
        print(json.dumps(make(given.make, given.days, directory / f"report.{given.make}")))
        return
    with tempfile.TemporaryDirectory(prefix="bos-reports-") as home:
        directory = given.keep or Path(home)
        directory.mkdir(parents=True, exist_ok=True)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "bos.settings",
            "DATABASE_URL": f"sqlite:///{home}/reports.sqlite3",
            "SECRET_KEY": secrets.token_hex(32),
            "BENCHMARK_DIRECTORY": str(directory),
        }
        django.setup()
        fill(given.kpis, given.days, given.values_a_day)
        print(f"{given.kpis} KPIs, {given.days} days, {given.values_a_day} values a day")
        for name in WRITERS:
            figures = in_own_process(name, given)
            print(
                "{name:5} {all_s:5.1f} s (queries {queries_s:.1f}, file {file_s:.1f})"
                "  {bytes:10,} bytes  peak {peak_mb:.0f} MB, {idle_mb:.0f} of them before".format(
                    name=name, all_s=figures["queries_s"] + figures["file_s"], **figures
                )
            )


if __name__ == "__main__":
    main()
