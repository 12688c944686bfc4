"""The steps of an import in the admin, as a person and a worker take them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from bos.imports import workflow
from bos.imports.files import csv_bytes
from bos.models import Import, ImportState
from kpis.models import Kpi, KpiValue
from sync.eventlog import log
from tests.support.cast import Cast

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ADD = "/admin/bos/import/add/"


def upload(browser: Browser, kind: str, content: bytes, name: str = "file.csv", **more: Any) -> Any:
    """Post the form; the answer."""
    file = SimpleUploadedFile(name, content)
    return browser.post(ADD, {"kind": kind, "file": file, **more})


def bring(browser: Browser, kind: str, content: bytes | str, name: str = "file.csv") -> Import:
    """Bring a file and have it checked, as a worker would."""
    content = content.encode() if isinstance(content, str) else content
    answer = upload(browser, kind, content, name)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    import_: Import = Import.objects.get(pk=answer["Location"].rstrip("/").split("/")[-2])
    workflow.check(str(import_.pk))
    import_.refresh_from_db()
    return import_


def go_on(browser: Browser, import_: Import) -> Import:
    """Confirm it and have it written."""
    assert import_.state == ImportState.CHECKED, (import_.problem, import_.outcome)
    browser.post(reverse("admin:bos_import_confirm", args=(import_.pk,)))
    workflow.write(str(import_.pk))
    import_.refresh_from_db()
    return import_


def import_file(browser: Browser, kind: str, content: bytes | str, name: str = "f.csv") -> Import:
    done = go_on(browser, bring(browser, kind, content, name))
    assert done.state == ImportState.DONE, (done.problem, done.outcome)
    return done


def problems(import_: Import) -> list[tuple[int, str]]:
    """(row, column) of each problem."""
    assert import_.state == ImportState.REFUSED, import_.state
    return [(problem["row"], problem["column"]) for problem in import_.outcome["problems"]]


def values_file(rows: Iterable[tuple[Any, ...]], columns: str = "kpi,time,value") -> bytes:
    return csv_bytes(columns.split(","), rows)


def history(kpi: Kpi) -> list[tuple[datetime, Decimal | int]]:
    rows = KpiValue.objects.filter(kpi=kpi).order_by("at", "pk")
    return list(rows.values_list("at", "value"))


def events_after(cast: Cast, sequence: int) -> list[Any]:
    return log.read(cast.home.id, after=sequence, upto=sequence + 20_000, limit=20_000)


def head(cast: Cast) -> int:
    return log.head(cast.home.id).sequence
