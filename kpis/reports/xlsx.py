"""A report as XLSX: the summary, the values as a table of days by KPIs, and native line charts.

Numbers are numbers and days are days. Names and units are only ever written as text, by
`write_string`: a KPI called `=1+1` is no formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from functools import cached_property
from typing import Any, BinaryIO

from xlsxwriter import Workbook

from kpis.models import Direction
from kpis.reports.axes import range_ticks
from kpis.reports.content import Content, DepartmentContent, KpiContent
from kpis.reports.texts import NONE, path_text, verdict

SUMMARY, VALUES, CHARTS = "Summary", "Values", "Charts"
KPIS_PER_SHEET = 8000
"""A sheet has 16,384 columns, and a KPI takes up to two; further ones go to 'Values 2'."""

OPTIONS = {
    # Refused twice: not even by a later `write` may a name become any of these.
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    # Temporary files: in memory takes three times as much of it.
    "in_memory": False,
}
GREY, GRID, LINE, TARGET = "#6B7280", "#E5E7EB", "#2563EB", "#D97706"
DAY, MINUTE, PERCENT, WHOLE = "yyyy-mm-dd", "yyyy-mm-dd hh:mm", "0.0%", "#,##0"


def write_xlsx(content: Content, file: BinaryIO, *, kpis_per_sheet: int = KPIS_PER_SHEET) -> None:
    """Write the report as a workbook of the sheets Summary, Values and Charts."""
    with Workbook(file, OPTIONS) as workbook:
        workbook.set_properties(
            {
                "title": content.title,
                "author": content.organization,
                "created": content.made_at.astimezone(UTC).replace(tzinfo=None),
            }
        )
        formats = _Formats(workbook)
        placed = list(_placed(content, kpis_per_sheet))
        _Summary(workbook.add_worksheet(SUMMARY), formats).write(content, placed)
        for name in dict.fromkeys(place.sheet for place in placed):
            here = [place for place in placed if place.sheet == name]
            _Values(workbook.add_worksheet(name), formats).write(content, here)
        _write_charts(workbook, content, placed)


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A KPI, and its column among the values; the target's is the next one."""

    department: DepartmentContent
    kpi: KpiContent
    sheet: str
    column: int

    @cached_property
    def heading(self) -> str:
        return f"{self.kpi.name} ({self.kpi.unit})" if self.kpi.unit else self.kpi.name

    @cached_property
    def number_format(self) -> str:
        kpi = self.kpi
        return _number_format(kpi.values.values(), *([] if kpi.target is None else [kpi.target]))


def _number_format(values: Iterable[Decimal], *others: Decimal) -> str:
    """As many decimals as the most exact of these has."""
    fractions = (f"{value:f}".partition(".")[2].rstrip("0") for value in (*values, *others))
    decimals = max(map(len, fractions), default=0)
    return f"{WHOLE}.{'0' * decimals}" if decimals else WHOLE


def _placed(content: Content, kpis_per_sheet: int) -> Iterator[_Placed]:
    kpis = [(department, kpi) for department in content.departments for kpi in department.kpis]
    column = 1
    for number, (department, kpi) in enumerate(kpis):
        sheet, place = divmod(number, kpis_per_sheet)
        column = 1 if place == 0 else column
        name = VALUES if sheet == 0 else f"{VALUES} {sheet + 1}"
        yield _Placed(department=department, kpi=kpi, sheet=name, column=column)
        column += 1 if kpi.target is None else 2


class _Formats:
    """Formats by what is special about them: a workbook shall have each once."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def __call__(self, **properties: Any) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._workbook.add_format(properties)
        return self._made[key]

    def header(self, **properties: Any) -> Any:
        given = {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}
        return self(**given, bottom_color=GREY, **properties)


# ------------------------------------------------------------------ summary


class _Summary:
    COLUMNS = (
        # heading, least width in characters, alignment
        ("Department", 26, "left"),
        ("KPI", 38, "left"),
        ("Unit", 11, "left"),
        ("Last", 12, "right"),
        ("Target", 12, "right"),
        ("Status", 9, "center"),
        ("Change", 12, "right"),
        ("Change in percent", 11, "right"),
        ("First", 12, "right"),
        ("Lowest", 12, "right"),
        ("Highest", 12, "right"),
        ("Days with a value", 11, "right"),
        ("Days on target", 11, "right"),
        ("Better", 9, "center"),
    )
    STATUS = 5
    HEADER_ROW = 4

    def __init__(self, sheet: Any, formats: _Formats) -> None:
        self._sheet, self._formats = sheet, formats
        self._longest: dict[int, int] = {}

    def write(self, content: Content, placed: list[_Placed]) -> None:
        self._write_head(content)
        for row, place in enumerate(placed, self.HEADER_ROW + 1):
            self._write_kpi(row, place)
        for column, (heading, width, align) in enumerate(self.COLUMNS):
            self._sheet.set_column(column, column, max(width, self._longest.get(column, 0) + 2))
            format = self._formats.header(align=align)
            self._sheet.write_string(self.HEADER_ROW, column, heading, format)
        self._sheet.set_row(self.HEADER_ROW, 30)  # of two lines
        last_row = self.HEADER_ROW + len(placed)
        self._sheet.autofilter(self.HEADER_ROW, 0, last_row, len(self.COLUMNS) - 1)
        self._sheet.freeze_panes(self.HEADER_ROW + 1, 2)
        self._mark_verdicts(last_row)
        self._sheet.set_landscape()
        self._sheet.fit_to_pages(1, 0)
        self._sheet.repeat_rows(self.HEADER_ROW)

    def _write_head(self, content: Content) -> None:
        sheet, bold, grey = self._sheet, self._formats(bold=True), self._formats(font_color=GREY)
        sheet.write_string(0, 0, content.title, self._formats(bold=True, font_size=16))
        sheet.write_string(1, 0, content.organization, bold)
        sheet.write_string(1, 1, content.department or "", bold)
        sheet.write_string(2, 0, "From, to (days in UTC)", grey)
        day = self._formats(num_format=DAY, align="left")
        sheet.write_datetime(2, 1, content.from_, day)
        sheet.write_datetime(2, 2, content.to, day)
        sheet.write_string(3, 0, "Made (UTC)", grey)
        made = content.made_at.astimezone(UTC).replace(tzinfo=None, microsecond=0)
        sheet.write_datetime(3, 1, made, self._formats(num_format=MINUTE, align="left"))

    def _write_kpi(self, row: int, place: _Placed) -> None:
        kpi = place.kpi
        number = self._formats(num_format=place.number_format)
        percent = None if kpi.change_percent is None else kpi.change_percent / 100
        self._write_text(row, 0, path_text(place.department.path), "left")
        self._write_text(row, 1, kpi.name, "left")
        self._write_text(row, 2, kpi.unit, "left")
        self._write_number(row, 3, kpi.last, number)
        self._write_number(row, 4, kpi.target, number)
        self._write_text(row, self.STATUS, verdict(kpi), "center")
        self._write_number(row, 6, kpi.change, number)
        self._write_number(row, 7, percent, self._formats(num_format=PERCENT))
        for column, value in enumerate((kpi.first, kpi.lowest, kpi.highest), 8):
            self._write_number(row, column, value, number)
        whole = self._formats(num_format=WHOLE)
        self._write_number(row, 11, len(kpi.values), whole)
        self._write_number(row, 12, kpi.days_on_target, whole)
        better = "lower" if kpi.direction == Direction.LOWER else "higher"
        self._write_text(row, 13, better, "center")

    def _write_text(self, row: int, column: int, text: str, align: str) -> None:
        if text and text != NONE:
            self._sheet.write_string(row, column, text, self._formats(align=align))

    def _write_number(self, row: int, column: int, number: Decimal | int | None, fmt: Any) -> None:
        if number is not None:
            self._sheet.write_number(row, column, float(number), fmt)
            length = len(f"{number:,.4f}")
            self._longest[column] = max(length, self._longest.get(column, 0))

    def _mark_verdicts(self, last_row: int) -> None:
        for text, ink, paper in (("met", "#15803D", "#DCFCE7"), ("missed", "#B91C1C", "#FEE2E2")):
            self._sheet.conditional_format(
                self.HEADER_ROW + 1, self.STATUS, last_row, self.STATUS,
                {
                    "type": "cell",
                    "criteria": "==",
                    "value": f'"{text}"',
                    "format": self._formats(font_color=ink, bg_color=paper),
                },
            )  # fmt: skip


# ------------------------------------------------------------------ values


class _Values:
    """A row a day, a column a KPI. Its target is a column beside it: charts draw what cells say."""

    DEPARTMENT_ROW, HEADER_ROW, FIRST_ROW = 0, 1, 2

    def __init__(self, sheet: Any, formats: _Formats) -> None:
        self._sheet, self._formats = sheet, formats

    def write(self, content: Content, placed: list[_Placed]) -> None:
        sheet = self._sheet
        sheet.write_string(self.HEADER_ROW, 0, "Day (UTC)", self._formats.header())
        day_format = self._formats(num_format=DAY, align="left")
        rows = dict(zip(content.days(), range(self.FIRST_ROW, 10**7), strict=False))
        for day, row in rows.items():
            sheet.write_datetime(row, 0, day, day_format)
        sheet.set_column(0, 0, 12)
        for place in placed:
            self._write_header(place, content)
            number = self._formats(num_format=place.number_format)
            for day, value in place.kpi.values.items():
                sheet.write_number(rows[day], place.column, float(value), number)
            if place.kpi.target is not None:
                self._write_target(place, place.kpi.target, rows.values())
        sheet.freeze_panes(self.FIRST_ROW, 1)

    def _write_header(self, place: _Placed, content: Content) -> None:
        above = path_text(place.department.path) or content.organization
        grey = self._formats(font_color=GREY)
        right = self._formats.header(align="right")
        self._sheet.write_string(self.DEPARTMENT_ROW, place.column, above, grey)
        self._sheet.write_string(self.HEADER_ROW, place.column, place.heading, right)
        self._sheet.set_column(place.column, place.column, 20)

    def _write_target(self, place: _Placed, target: Decimal, rows: Iterable[int]) -> None:
        column, value = place.column + 1, float(target)
        header = self._formats.header(align="right", font_color=GREY)
        self._sheet.write_string(self.HEADER_ROW, column, f"Target of {place.heading}", header)
        self._sheet.set_column(column, column, 20)
        number = self._formats(num_format=place.number_format, font_color=GREY)
        for row in rows:
            self._sheet.write_number(row, column, value, number)


# ------------------------------------------------------------------ charts

CHART_SIZE = {"width": 620, "height": 260}
# In default cells of 64 by 20 pixels; a little room between.
CHART_COLUMNS, CHART_ROWS = 10, 14


def _write_charts(workbook: Workbook, content: Content, placed: list[_Placed]) -> None:
    sheet = workbook.add_worksheet(CHARTS)
    sheet.hide_gridlines(2)
    sheet.fit_to_pages(1, 0)
    last_row = _Values.FIRST_ROW + (content.to - content.from_).days
    drawn = [place for place in placed if place.kpi.values]
    for number, place in enumerate(drawn):
        row, column = divmod(number, 2)
        chart = _chart(workbook, place, last_row)
        sheet.insert_chart(row * CHART_ROWS, column * CHART_COLUMNS, chart)


def _chart(workbook: Workbook, place: _Placed, last_row: int) -> Any:
    chart = workbook.add_chart({"type": "line"})
    marker = {"type": "circle", "size": 4, "fill": {"color": LINE}, "border": {"none": True}}
    few = len(place.kpi.values) <= 31  # a line of one day alone would not be seen
    chart.add_series(
        _series(place, place.column, last_row)
        | {"line": {"color": LINE, "width": 1.5}, "marker": marker if few else {"type": "none"}}
    )
    if place.kpi.target is not None:
        dashed = {"color": TARGET, "width": 1.25, "dash_type": "dash"}
        chart.add_series(
            _series(place, place.column + 1, last_row)
            | {"name": "Target", "line": dashed, "marker": {"type": "none"}}
        )
        chart.set_legend({"position": "bottom", "delete_series": [0]})
    else:
        chart.set_legend({"none": True})
    # By reference: a text that begins with '=' would be taken for a formula here.
    title = [place.sheet, _Values.HEADER_ROW, place.column]
    chart.set_title({"name": title, "name_font": {"size": 10}, "overlay": False})
    chart.set_x_axis(_days_axis(last_row - _Values.FIRST_ROW))
    chart.set_y_axis(_values_axis(place))
    chart.show_blanks_as("span")
    chart.set_size(CHART_SIZE)
    return chart


def _days_axis(days: int) -> dict[str, Any]:
    unit = ("days", days // 6) if days < 90 else ("months", days // 180)
    return {
        "date_axis": True,
        "num_format": "d mmm yyyy",
        "label_position": "low",  # below negative values, too
        "major_unit_type": unit[0],
        "major_unit": max(unit[1], 1),
    }


def _values_axis(place: _Placed) -> dict[str, Any]:
    """As in the PDF: left to itself, Excel begins at zero, and a line near its target is flat."""
    at = range_ticks(place.kpi)
    return {
        "min": float(at[0]),
        "max": float(at[-1]),
        "major_unit": float(at[1] - at[0]),
        "num_format": _number_format(at),
        "major_gridlines": {"visible": True, "line": {"color": GRID}},
    }


def _series(place: _Placed, column: int, last_row: int) -> dict[str, Any]:
    first_row = _Values.FIRST_ROW
    return {
        "name": [place.sheet, _Values.HEADER_ROW, column],
        "categories": [place.sheet, first_row, 0, last_row, 0],
        "values": [place.sheet, first_row, column, last_row, column],
    }
