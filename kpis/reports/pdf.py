"""A report as PDF: a summary, then each KPI with its figures and its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import (
    AnchorFlowable,
    CallerMacro,
    Flowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from kpis.reports.chart import GREY, GRID, INK, VERDICT, kpi_drawing
from kpis.reports.content import Content, DepartmentContent, KpiContent
from kpis.reports.fonts import BOLD, REGULAR, fitting_size, markup
from kpis.reports.texts import (
    change_text,
    made_text,
    number_text,
    path_text,
    percent_text,
    period_text,
    summary_text,
    verdict,
)

MARGIN = 40.0
FRAME_PADDING = 6.0
"""reportlab's own, inside the margins."""
WIDTH = A4[0] - 2 * MARGIN


def write_pdf(content: Content, file: BinaryIO) -> None:
    """Write the report on A4 pages; embeds its fonts (see `fonts`)."""
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN - FRAME_PADDING,
        rightMargin=MARGIN - FRAME_PADDING,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 10,
        title=f"{content.title}, {period_text(content)}",
        author=content.organization,
        subject=content.department or content.organization,
        lang="en",
        pageCompression=1,
    )

    def footer(canvas: Any, _: SimpleDocTemplate) -> None:
        canvas.setFont(REGULAR, 7)
        canvas.setFillColor(GREY)
        canvas.drawString(MARGIN, MARGIN - 8, f"{content.title}, {period_text(content)}")
        canvas.doForm(_page_form(canvas.getPageNumber()))

    story = [*_head(content), _summary(content), *_blocks(content)]
    story.append(CallerMacro(lambda macro: _finish(macro.canv, content)))
    document.build(story, onFirstPage=footer, onLaterPages=footer)


def _page_form(page: int) -> str:
    return f"page{page}"


def _finish(canvas: Any, content: Content) -> None:
    """Add what is known at the end: the number of pages, and where departments begin."""
    pages = canvas.getPageNumber()
    for page in range(1, pages + 1):
        # Pages already refer to this form, which PDF lets be defined later.
        canvas.beginForm(_page_form(page))
        canvas.setFont(REGULAR, 7)
        canvas.setFillColor(GREY)
        canvas.drawRightString(A4[0] - MARGIN, MARGIN - 8, f"page {page} of {pages}")
        canvas.endForm()
    for number, department in enumerate(content.departments):
        canvas.addOutlineEntry(_heading(content, department), _anchor("d", number))


# ------------------------------------------------------------------ first page


def _style(name: str, size: float, **options: Any) -> ParagraphStyle:
    given = {"fontName": REGULAR, "fontSize": size, "leading": size * 1.3, "textColor": INK}
    return ParagraphStyle(name, **{**given, **options})


TITLE = _style("title", 20, fontName=BOLD)
SUBTITLE = _style("subtitle", 11)
PLAIN = _style("plain", 8, textColor=GREY)
CELL = _style("cell", 7.5)
DEPARTMENT_CELL = _style("department cell", 7.5, fontName=BOLD)
DEPARTMENT = _style("department", 12, fontName=BOLD, spaceBefore=14, spaceAfter=6, keepWithNext=1)
NAME = _style("name", 9, fontName=BOLD, spaceBefore=2, spaceAfter=2)
HEADER = _style("header", 7.5, textColor=GREY)
HEADER_RIGHT = _style("header right", 7.5, textColor=GREY, alignment=TA_RIGHT)


def _head(content: Content) -> Iterator[Flowable]:
    yield Paragraph(markup(content.title), TITLE)
    names = [content.organization, *([content.department] if content.department else [])]
    yield Paragraph(" · ".join(map(markup, names)), SUBTITLE)
    yield Spacer(0, 4)
    yield Paragraph(f"{period_text(content)} (days in UTC), made {made_text(content)}", PLAIN)
    yield Paragraph(f"{summary_text(content)}.", PLAIN)
    yield Spacer(0, 12)


# ------------------------------------------------------------------ summary

COLUMNS = ("KPI", "Last", "Target", "", "Change", "in percent")
COLUMN_WIDTHS = (168.0, 88.0, 88.0, 40.0, 82.0, WIDTH - 466)
PADDING = 4.0


def _summary(content: Content) -> Table:
    rows: list[list[Any]] = [
        [Paragraph(text, HEADER_RIGHT if at else HEADER) for at, text in enumerate(COLUMNS)]
    ]
    style: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), REGULAR, CELL.fontSize, CELL.leading),
        ("TEXTCOLOR", (0, 0), (-1, -1), INK),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("LEFTPADDING", (1, 0), (-1, -1), PADDING),
        ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, GRID),
    ]
    number = 0
    for department in content.departments:
        if department.path or len(content.departments) > 1:
            style.append(("SPAN", (0, len(rows)), (-1, len(rows))))
            rows.append([Paragraph(markup(_heading(content, department)), DEPARTMENT_CELL)])
        for kpi in department.kpis:
            style.extend(_cell_styles(kpi, len(rows)))
            rows.append([_linked_name(kpi, number), *_cells(kpi)])
            number += 1
    return Table(rows, COLUMN_WIDTHS, repeatRows=1, style=TableStyle(style), hAlign="LEFT")


def _linked_name(kpi: KpiContent, number: int) -> Paragraph:
    return Paragraph(f'<a href="#{_anchor("k", number)}">{_name(kpi)}</a>', CELL)


def _cells(kpi: KpiContent) -> list[str]:
    return [
        number_text(kpi.last),
        number_text(kpi.target),
        verdict(kpi),
        change_text(kpi.change),
        percent_text(kpi.change_percent),
    ]


def _cell_styles(kpi: KpiContent, row: int) -> Iterator[tuple[Any, ...]]:
    yield ("TEXTCOLOR", (3, row), (3, row), VERDICT[verdict(kpi)])
    for column, text in enumerate(_cells(kpi), 1):
        width = COLUMN_WIDTHS[column] - 2 * PADDING
        size = fitting_size(text, font=REGULAR, size=CELL.fontSize, width=width)
        if size < CELL.fontSize:
            yield ("FONTSIZE", (column, row), (column, row), size)


# ------------------------------------------------------------------ KPIs


def _blocks(content: Content) -> Iterator[Flowable]:
    number = 0
    for at, department in enumerate(content.departments):
        heading = Paragraph(markup(_heading(content, department)), DEPARTMENT)
        above = [AnchorFlowable(_anchor("d", at)), heading]
        for kpi in department.kpis:
            name = [AnchorFlowable(_anchor("k", number)), Paragraph(_name(kpi), NAME)]
            yield KeepTogether([*above, *name, _figures(kpi, content), Spacer(0, 10)])
            above = []
            number += 1


def _figures(kpi: KpiContent, content: Content) -> Flowable:
    if not kpi.values:
        return Paragraph("No value in this period.", PLAIN)
    return kpi_drawing(kpi, content, width=WIDTH)


def _anchor(kind: str, number: int) -> str:
    return f"{kind}{number}"


def _name(kpi: KpiContent) -> str:
    unit = f' <font color="#6b7280" name="{REGULAR}">{markup(kpi.unit)}</font>' if kpi.unit else ""
    return markup(kpi.name) + unit


LONGEST_HEADING = 240


def _heading(content: Content, department: DepartmentContent) -> str:
    """A deep tree's path would fill a page; its end says most."""
    text = path_text(department.path) or content.organization
    return text if len(text) <= LONGEST_HEADING else f"… {text[-LONGEST_HEADING:]}"
