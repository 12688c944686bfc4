"""A KPI's figures and the line of its values, drawn side by side for the PDF."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String
from reportlab.lib.colors import HexColor

from kpis.models import Direction
from kpis.reports.axes import day_ticks, range_ticks, tick_texts
from kpis.reports.content import Content, KpiContent
from kpis.reports.fonts import BOLD, REGULAR, fitting_size, width_of
from kpis.reports.texts import NONE, change_text, number_text, percent_text, verdict

INK, GREY, GRID = HexColor("#1f2937"), HexColor("#6b7280"), HexColor("#e5e7eb")
LINE, TARGET = HexColor("#2563eb"), HexColor("#d97706")
VERDICT = {"met": HexColor("#15803d"), "missed": HexColor("#b91c1c"), NONE: GREY}

HEIGHT = 92.0
"""With its name above, six of them fit on a page."""
FIGURES_WIDTH = 160.0
_ROW = 10.5
_SMALL = 6.5
_TARGET = "target"


def kpi_drawing(kpi: KpiContent, content: Content, *, width: float) -> Drawing:
    """Of a KPI with at least one value."""
    drawing = Drawing(width, HEIGHT)
    chart = _Chart(kpi, content, left=FIGURES_WIDTH + 16, right=width)
    for shape in (*_figures(kpi), *chart.shapes()):
        drawing.add(shape)
    return drawing


# ------------------------------------------------------------------ figures


def _figures(kpi: KpiContent) -> Iterator[String]:
    last = number_text(kpi.last)
    size = fitting_size(last, font=BOLD, size=15, width=FIGURES_WIDTH)
    yield String(0, HEIGHT - 15, last, fontName=BOLD, fontSize=size, fillColor=INK)
    y = HEIGHT - 30
    for label, text in _rows(kpi):
        yield String(0, y, label, fontName=REGULAR, fontSize=7.5, fillColor=GREY)
        room = FIGURES_WIDTH - width_of(label, font=REGULAR, size=7.5) - 6
        yield String(
            FIGURES_WIDTH,
            y,
            text,
            textAnchor="end",
            fontName=REGULAR,
            fontSize=fitting_size(text, font=REGULAR, size=7.5, width=room),
            fillColor=VERDICT.get(text, INK),
        )
        y -= _ROW


def _rows(kpi: KpiContent) -> Iterator[tuple[str, str]]:
    if kpi.target is not None:
        at = "≤" if kpi.direction == Direction.LOWER else "≥"
        yield f"Target {at} {number_text(kpi.target)}", verdict(kpi)
    percent = "" if kpi.change_percent is None else f" ({percent_text(kpi.change_percent)})"
    yield "Change", change_text(kpi.change) + percent
    yield "First", number_text(kpi.first)
    yield "Lowest", number_text(kpi.lowest)
    yield "Highest", number_text(kpi.highest)
    if kpi.target is not None:
        yield "Days on target", f"{kpi.days_on_target} of {len(kpi.values)}"


# ------------------------------------------------------------------ chart


class _Chart:
    """The line over the days, with its axes and the target."""

    bottom, top = 14.0, HEIGHT - 8

    def __init__(self, kpi: KpiContent, content: Content, *, left: float, right: float) -> None:
        self._kpi, self._from, self._to = kpi, content.from_, content.to
        self._ticks = range_ticks(kpi)
        self._texts = tick_texts(self._ticks)
        widest = max(width_of(text, font=REGULAR, size=_SMALL) for text in self._texts)
        beside = 3 if kpi.target is None else width_of(_TARGET, font=REGULAR, size=_SMALL) + 4
        self._left, self._right = left + widest + 5, right - beside
        self._days = max((self._to - self._from).days, 1)

    def shapes(self) -> Iterator[Line | String | PolyLine | Circle]:
        yield from self._axes()
        if self._kpi.target is not None:
            yield from self._target(self._y(self._kpi.target))
        points = [(self._x(day), self._y(value)) for day, value in self._kpi.values.items()]
        if len(points) > 1:
            flat = [place for point in points for place in point]
            yield PolyLine(flat, strokeColor=LINE, strokeWidth=1.1, strokeLineJoin=1)
        yield Circle(*points[-1], 2, fillColor=LINE, strokeColor=None)

    def _axes(self) -> Iterator[Line | String]:
        for tick, text in zip(self._ticks, self._texts, strict=True):
            y = self._y(tick)
            yield Line(self._left, y, self._right, y, strokeColor=GRID, strokeWidth=0.5)
            yield self._text(self._left - 4, y - 2.2, text, "end")
        for day in day_ticks(self._from, self._to):
            at = "start" if day == self._from else "end" if day == self._to else "middle"
            yield self._text(self._x(day), 3, f"{day.day} {day:%b} {day.year}", at)

    def _target(self, y: float) -> Iterator[Line | String]:
        yield Line(
            self._left, y, self._right, y,
            strokeColor=TARGET, strokeWidth=0.9, strokeDashArray=(3, 2),
        )  # fmt: skip
        yield self._text(self._right + 4, y - 2, _TARGET, "start", TARGET)

    @staticmethod
    def _text(x: float, y: float, text: str, anchor: str, color: HexColor = GREY) -> String:
        return String(
            x, y, text, textAnchor=anchor, fontName=REGULAR, fontSize=_SMALL, fillColor=color
        )

    # A tenth of a point is finer than any printer shows, and a third of the file.

    def _x(self, day: date) -> float:
        part = (day - self._from).days / self._days
        return round(self._left + part * (self._right - self._left), 1)

    def _y(self, value: Decimal) -> float:
        # Of the difference: a float has 15 digits, which large values need for themselves.
        part = float(value - self._ticks[0]) / float(self._ticks[-1] - self._ticks[0])
        return round(self.bottom + part * (self.top - self.bottom), 1)
