"""Rows of what an address answers: Prometheus, CSV, JSON; for a child process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bos.imports.cells import Unreadable
from bos.imports.files import NoRows, column_name, read_table
from bos.outbound.http import request
from bos.texts import cut
from kpis.connectors.databases import Cells
from kpis.connectors.source import MOST_BYTES, MOST_ROWS, SECONDS, Source, SourceFailed
from kpis.models import ConnectorKind

QUERY = "/api/v1/query"
REDIRECTS = 3
"""A published sheet redirects to where the file is. A token goes to the first host alone."""
NOT_JSON = "The answer is not JSON."
TOO_MANY = f"There are more than {MOST_ROWS:,} rows."

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def read_answer(source: Source) -> list[Cells]:
    """Raises SourceFailed, OutboundError."""
    return _READERS[source.kind](source)


def _fetched(
    source: Source, address: str, *, accept: str = "application/json", query: str | None = None
) -> bytes:
    headers = {"Accept": accept}
    if source.token:
        headers["Authorization"] = f"Bearer {source.token}"
    answer = request(
        "GET",
        address,
        headers=headers,
        params=None if query is None else {"query": query},
        seconds=SECONDS,
        most_bytes=MOST_BYTES,
        redirects=REDIRECTS,
    )
    if answer.status in (401, 403):
        raise SourceFailed(f"The source refuses the token, or wants one: {answer.status}.")
    # Prometheus says with 400 and 422 what is wrong with a query.
    if not 200 <= answer.status < 300 and not (query is not None and answer.status in (400, 422)):
        raise SourceFailed(f"The source answers with status {answer.status}.")
    return answer.content


def _json_of(content: bytes) -> Any:
    try:
        return _decode(content)
    except (UnicodeDecodeError, RecursionError, ArithmeticError, msgspec.DecodeError):
        raise SourceFailed(NOT_JSON) from None


# ------------------------------------------------------------------ Prometheus


def _read_prometheus(source: Source) -> list[Cells]:
    told = _json_of(_fetched(source, _query_address(source.address), query=source.query))
    if not isinstance(told, dict) or "status" not in told:
        raise SourceFailed("The answer is none of Prometheus.")
    if told["status"] != "success":
        raise SourceFailed(f"Prometheus refuses the query: {cut(str(told.get('error')), 200)}.")
    try:
        samples = list(_samples(told["data"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SourceFailed("The answer is none of Prometheus.") from None
    if source.kpi and len(samples) > 1:
        raise SourceFailed(
            f"The query finds {len(samples):,} samples for one KPI: make it one, or name the label"
            " that has the KPI's key."
        )
    return [
        (None if source.kpi else labels.get(source.kpi_field), value, at)
        for labels, at, value in samples
    ]


def _query_address(address: str) -> str:
    """Return where its API answers a query; an address may have a path and a query of its own."""
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(QUERY) else path + QUERY).geturl()


def _samples(data: Any) -> Sequence[tuple[Mapping[str, Any], Any, Any]]:
    """Return labels, time and value of each sample. Raises KeyError, TypeError or ValueError."""
    match data["resultType"]:
        case "vector":
            return [(one["metric"], *_pair(one["value"])) for one in data["result"]]
        case "scalar":
            return [({}, *_pair(data["result"]))]
    raise SourceFailed("The query is one of a range or a text: ask for one moment's samples.")


def _pair(value: Any) -> tuple[Any, Any]:
    at, number = value
    return at, number


# ------------------------------------------------------------------ CSV


def _read_csv(source: Source) -> list[Cells]:
    wanted = [
        column_name(name) if name else ""
        for name in ("" if source.kpi else source.kpi_field, source.value_field, source.at_field)
    ]
    known = [name for name in wanted if name]
    content = _fetched(source, source.address, accept="text/csv, text/plain;q=0.9, */*;q=0.1")
    try:
        table = read_table("source.csv", content, max_rows=MOST_ROWS, known=known)
        table.require(*known)
    except NoRows as header:
        if not set(known) <= set(header.columns):
            raise SourceFailed(str(header)) from None
        return []
    except Unreadable as error:
        raise SourceFailed(str(error)) from None

    def cells(row: Mapping[str, Any]) -> Cells:
        kpi, value, at = (row.get(name) if name else None for name in wanted)
        return kpi, value, at

    return [cells(row.cells) for row in table.rows]


# ------------------------------------------------------------------ JSON


def _read_json(source: Source) -> list[Cells]:
    told = _json_of(_fetched(source, source.address))
    rows = _at(told, source.rows_path)
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        where = f"at “{source.rows_path}”" if source.rows_path else "in the answer"
        raise SourceFailed(f"There is no list {where}.")
    if len(rows) > MOST_ROWS:
        raise SourceFailed(TOO_MANY)
    return [
        (
            None if source.kpi else _at(row, source.kpi_field),
            _at(row, source.value_field),
            _at(row, source.at_field) if source.at_field else None,
        )
        for row in rows
    ]


def _at(value: Any, path: str) -> Any:
    """Return what is there: `/data/items` is a JSON pointer (RFC 6901), `data.items` the same.

    None where nothing is.
    """
    for part in _parts(path):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit():
            value = value[int(part)] if len(part) < 6 and int(part) < len(value) else None
        else:
            return None
    return value


def _parts(path: str) -> list[str]:
    if not path:
        return []
    if path.startswith("/"):
        return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    return path.split(".")


_READERS: Mapping[str, Callable[[Source], list[Cells]]] = {
    ConnectorKind.PROMETHEUS: _read_prometheus,
    ConnectorKind.CSV: _read_csv,
    ConnectorKind.JSON: _read_json,
}
