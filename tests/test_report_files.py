"""Contents of report files, read back from them: PDF by pypdf, XLSX by openpyxl (B4)."""

from __future__ import annotations

import io
import re
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.generic import Destination
from reportlab.pdfbase.pdfmetrics import stringWidth

from bos.models import Department
from kpis.models import Direction, Kpi, KpiValue, Visibility
from kpis.reports.axes import tick_texts, ticks
from kpis.reports.content import Content, DepartmentContent, KpiContent, NothingToReport
from kpis.reports.content import report_content as read_content
from kpis.reports.pdf import write_pdf
from kpis.reports.texts import NONE, number_text, percent_text
from kpis.reports.xlsx import write_xlsx
from tests.support.cast import Cast, Tenant

FIRST, LAST = date(2025, 1, 1), date(2025, 1, 31)
PERIOD = "2025-01-01 to 2025-01-31"
EVERYBODY = Q(visibility=Visibility.ORGANIZATION)
EXACT = [
    "0.1", "-5.25", "0", "0.0001", "99999999999.9999", "-99999999999.9999",
    "999999999999999", "-999999999999999", "100000000000000.0000", "1234567890.1234",
]  # fmt: skip


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def keep(kpi: Kpi, at: datetime, value: object) -> None:
    KpiValue.objects.create(kpi=kpi, value=Decimal(str(value)), at=at, actor_id="test")


def history(kpi: Kpi, *values: object, first: date = FIRST) -> Kpi:
    """One value a day; None is a day without."""
    for number, value in enumerate(values):
        if value is not None:
            keep(kpi, noon(first + timedelta(days=number)), value)
    return kpi


def make_kpi(tenant: Tenant, name: str, **fields: Any) -> Kpi:
    kpi: Kpi = Kpi.objects.create(organization=tenant.organization, name=name, **fields)
    return kpi


def content_of(
    tenant: Tenant, department: Department | None = None, visible: Q = EVERYBODY, **period: date
) -> Content:
    return read_content(
        organization_id=tenant.id,
        department_id=None if department is None else str(department.pk),
        from_=period.get("from_", FIRST),
        to=period.get("to", LAST),
        visible=visible,
    )


def made_up(name: str = "Revenue", *values: object, **fields: Any) -> Content:
    """The content of one KPI, that no database has seen."""
    days = {FIRST + timedelta(days=n): Decimal(str(value)) for n, value in enumerate(values)}
    usual: dict[str, Any] = {"unit": "EUR", "direction": Direction.HIGHER, "target": None}
    kpi = KpiContent(name=name, values=days, **(usual | fields))
    return Content(
        title="KPI report",
        organization="Home",
        department=None,
        from_=FIRST,
        to=LAST,
        made_at=noon(LAST),
        departments=(DepartmentContent(path=(), kpis=(kpi,)),),
    )


def names(content: Content) -> list[str]:
    return [kpi.name for kpi in content.kpis]


def only_kpi(content: Content) -> KpiContent:
    (kpi,) = content.kpis
    return kpi


def pdf(content: Content) -> PdfReader:
    file = io.BytesIO()
    write_pdf(content, file)
    return PdfReader(file)


def text_of(reader: PdfReader) -> str:
    """In one line: where lines break is not what is asked."""
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def xlsx_file(content: Content, **options: int) -> io.BytesIO:
    file = io.BytesIO()
    write_xlsx(content, file, **options)
    return file


def xlsx(content: Content, **options: int) -> Any:
    return openpyxl.load_workbook(xlsx_file(content, **options))


def table(sheet: Any, header_row: int) -> list[dict[str, Any]]:
    """The rows under a row of headings."""
    headings, *rows = sheet.iter_rows(min_row=header_row, values_only=True)
    return [dict(zip(headings, row, strict=True)) for row in rows]


def summary(workbook: Any) -> dict[str, dict[str, Any]]:
    return {row["KPI"]: row for row in table(workbook["Summary"], 5)}


# ------------------------------------------------------------------ which KPIs


def test_b4_a_departments_report_has_it_and_those_below_and_nothing_else(cast: Cast) -> None:
    home = cast.home
    beside = Department.objects.create(organization=home.organization, name="Finance")
    below = Department.objects.create(
        organization=home.organization, name="Desk", parent=home.support
    )
    for name, department in (
        ("of support", home.support), ("of desk", below), ("of sales", home.sales),
        ("of finance", beside), ("of nobody", None),
    ):  # fmt: skip
        history(make_kpi(home, name, department=department), 1)
    history(cast.other.revenue, 1)
    content = content_of(home, home.support)
    assert content.department == "Support"
    assert [department.path for department in content.departments] == [
        ("Sales", "Support"), ("Sales", "Support", "Desk"),
    ]  # fmt: skip
    assert names(content) == ["of support", "of desk"]
    text = text_of(pdf(content))
    assert "Home · Support" in text
    assert "of finance" not in text
    assert set(summary(xlsx(content))) == {"of support", "of desk"}


def test_b4_an_organizations_report_has_those_without_a_department_and_then_the_tree(
    cast: Cast,
) -> None:
    home = cast.home
    beside = Department.objects.create(organization=home.organization, name="finance")
    for name, department in (
        ("z of sales", home.sales), ("A of sales", home.sales), ("of support", home.support),
        ("of finance", beside), ("of nobody", None),
    ):  # fmt: skip
        history(make_kpi(home, name, department=department), 1)
    content = content_of(home)
    assert names(content) == [
        "of nobody", "of finance", "A of sales", "Revenue", "z of sales", "of support",
    ]  # fmt: skip
    assert [department.path for department in content.departments] == [
        (), ("finance",), ("Sales",), ("Sales", "Support"),
    ]  # fmt: skip


def test_b4_what_the_reader_may_not_see_is_nowhere_in_the_files(cast: Cast) -> None:
    Kpi.objects.filter(pk=cast.home.margin.pk).update(name="Kept back")
    history(cast.home.revenue, 1)
    history(cast.home.margin, 55511)
    history(cast.other.revenue, 55522)
    content = content_of(cast.home)
    assert names(content) == ["Revenue"]
    text = text_of(pdf(content))
    with ZipFile(xlsx_file(content)) as parts:
        text += "".join(parts.read(name).decode() for name in parts.namelist())
    for hidden in ("Kept back", "55511", "55,511", "55522", "55,522", "Other"):
        assert hidden not in text
    assert names(content_of(cast.home, cast.home.sales, Q())) == ["Kept back", "Revenue"]


def test_b4_a_department_of_another_organization_is_not_there(cast: Cast) -> None:
    history(cast.other.revenue, 1)
    with pytest.raises(NothingToReport, match="department"):
        content_of(cast.home, cast.other.sales, Q())


def test_b4_departments_in_a_circle_end_nowhere_else_than_in_the_report(cast: Cast) -> None:
    """Only raw SQL can make one."""
    home = cast.home
    columns = Department._meta.db_table, home.support.pk.hex, home.sales.pk.hex
    with connection.cursor() as cursor:
        cursor.execute("UPDATE {} SET parent_id = '{}' WHERE id = '{}'".format(*columns))
    history(home.revenue, 1)
    assert names(content_of(home)) == ["Revenue"]
    assert names(content_of(home, home.support)) == ["Revenue"]


def test_b4_a_report_without_a_kpi_or_without_a_value_says_that_there_is_nothing(
    cast: Cast,
) -> None:
    with pytest.raises(NothingToReport, match="No KPI has a value in this period"):
        content_of(cast.home)
    history(cast.home.revenue, 1)
    with pytest.raises(NothingToReport, match="no KPI"):
        content_of(cast.home, cast.home.support)
    with pytest.raises(NothingToReport, match="no KPI"):
        content_of(cast.home, visible=Q(pk=cast.other.revenue.pk))
    with pytest.raises(NothingToReport, match="no KPI"):
        content_of(cast.home, visible=Q(pk=uuid.uuid4()))
    with pytest.raises(NothingToReport, match="No KPI has a value"):
        content_of(cast.home, from_=LAST, to=FIRST)
    with pytest.raises(NothingToReport, match="No KPI has a value"):
        content_of(cast.home, from_=date(9999, 12, 1), to=date.max)
    with pytest.raises(NothingToReport, match="No KPI has a value"):
        content_of(cast.home, from_=date.min, to=date(2, 1, 1))


def test_b4_reading_takes_four_queries_all_of_the_tenant_however_many_the_kpis(cast: Cast) -> None:
    history(cast.home.revenue, 1, 2, 3)
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            content_of(cast.home)
        assert len(queries) <= 4
        tenant = cast.home.organization.pk.hex
        assert all(tenant in query["sql"].replace("-", "") for query in queries)
        for number in range(12):
            history(make_kpi(cast.home, f"KPI {number}", department=cast.home.sales), 1, 2)


# ------------------------------------------------------------------ which values


def test_b4_a_days_value_is_its_last_and_the_period_is_of_whole_utc_days(cast: Cast) -> None:
    kpi, tick = cast.home.revenue, timedelta(microseconds=1)
    begin = datetime.combine(FIRST, time.min, UTC)
    end = datetime.combine(LAST + timedelta(days=1), time.min, UTC)
    keep(kpi, end, 9)
    keep(kpi, end - tick, 8)
    keep(kpi, end - 2 * tick, 7)
    keep(kpi, begin, 2)
    keep(kpi, begin - tick, 1)
    keep(kpi, noon(FIRST), 3)
    keep(kpi, noon(FIRST), 4)
    assert only_kpi(content_of(cast.home)).values == {FIRST: Decimal(4), LAST: Decimal(8)}


def test_b4_the_figures_of_a_kpi_are_those_of_its_days(cast: Cast) -> None:
    history(cast.home.revenue, "100.5", None, 80, 120, "110.5")
    kpi = only_kpi(content_of(cast.home))
    assert (kpi.first, kpi.last) == (Decimal("100.5"), Decimal("110.5"))
    assert (kpi.lowest, kpi.highest, kpi.change) == (Decimal(80), Decimal(120), Decimal(10))
    assert kpi.change_percent is not None
    assert percent_text(kpi.change_percent) == "+10.0 %"
    assert (kpi.last_meets_target, kpi.days_on_target, len(kpi.values)) == (False, 1, 4)


@pytest.mark.parametrize(
    ("values", "percent"),
    [((0, 5), NONE), ((-100, -50), "+50.0 %"), ((4, 3), "-25.0 %"), ((5, 5), "0.0 %"),
     (("99999.9999", "99999.9998"), "0.0 %"), (("0.0001", "999999999999999"), "+1.0e+21 %")],
)  # fmt: skip
def test_b4_a_change_in_percent_is_of_the_first_values_size(
    values: tuple[object, ...], percent: str
) -> None:
    content = made_up("Revenue", *values)
    assert percent_text(only_kpi(content).change_percent) == percent
    assert text_of(pdf(content)).count(percent) >= 1
    cell = summary(xlsx(content))["Revenue"]["Change in percent"]
    assert (cell is None) == (percent == NONE)


@pytest.mark.parametrize(
    ("direction", "value", "verdict"),
    [("higher", "119.9999", "missed"), ("higher", 120, "met"), ("lower", 120, "met"),
     ("lower", "120.0001", "missed")],
)  # fmt: skip
def test_b4_a_target_is_met_from_its_better_side_and_by_itself(
    cast: Cast, direction: str, value: object, verdict: str
) -> None:
    cast.home.revenue.direction = direction
    cast.home.revenue.save()
    history(cast.home.revenue, value)
    content = content_of(cast.home)
    assert only_kpi(content).last_meets_target is (verdict == "met")
    row = summary(xlsx(content))["Revenue"]
    assert (row["Status"], row["Better"]) == (verdict, direction)
    assert f"{'≤' if direction == 'lower' else '≥'} 120 {verdict}" in text_of(pdf(content))


# ------------------------------------------------------------------ XLSX


def test_b4_every_cell_is_exactly_the_value_in_the_database_on_its_day(cast: Cast) -> None:
    kpi = history(make_kpi(cast.home, "Exact", target=Decimal("0.3")), *EXACT[:4], None, *EXACT[4:])
    rows = {row["Day (UTC)"]: row for row in table(xlsx(content_of(cast.home))["Values"], 2)}
    assert list(rows) == [noon(FIRST + timedelta(days=n)).replace(hour=0, tzinfo=None)
                          for n in range(31)]  # fmt: skip
    cells = {day.date(): Decimal(str(row["Exact"])) for day, row in rows.items() if row["Exact"]
             is not None}  # fmt: skip
    stored = KpiValue.objects.filter(kpi=kpi, at__lt=noon(LAST))
    assert cells == {value.at.date(): value.value for value in stored}
    assert len(cells) == len(EXACT)
    assert {row["Target of Exact"] for row in rows.values()} == {0.3}


def test_b4_the_summary_has_every_figure_as_a_number(cast: Cast) -> None:
    history(cast.home.revenue, "100.5", None, 80, 120, "110.5")
    Kpi.objects.filter(pk=cast.home.margin.pk).update(visibility=Visibility.ORGANIZATION)
    workbook = xlsx(content_of(cast.home))
    rows = summary(workbook)
    assert rows["Revenue"] == {
        "Department": "Sales", "KPI": "Revenue", "Unit": "EUR", "Last": 110.5, "Target": 120,
        "Status": "missed", "Change": 10, "Change in percent": pytest.approx(10 / 100.5),
        "First": 100.5, "Lowest": 80, "Highest": 120, "Days with a value": 4, "Days on target": 1,
        "Better": "higher",
    }  # fmt: skip
    empty = {heading for heading, value in rows["Margin"].items() if value is None}
    assert empty == {"Last", "Target", "Status", "Change", "Change in percent", "First", "Lowest",
                     "Highest", "Days on target"}  # fmt: skip
    sheet = workbook["Summary"]
    assert [sheet["A2"].value, sheet["B3"].value.date(), sheet["C3"].value.date()] == [
        "Home", FIRST, LAST,
    ]  # fmt: skip
    assert sheet["B3"].number_format == "yyyy-mm-dd"
    assert abs(sheet["B4"].value - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)


def test_b4_headers_are_frozen_and_verdicts_have_colours(cast: Cast) -> None:
    history(cast.home.revenue, 1)
    workbook = xlsx(content_of(cast.home))
    assert workbook.sheetnames == ["Summary", "Values", "Charts"]
    summary_sheet, values = workbook["Summary"], workbook["Values"]
    assert (summary_sheet.freeze_panes, values.freeze_panes) == ("C6", "B3")
    rules = [rule for of_range in summary_sheet.conditional_formatting for rule in of_range.rules]
    assert [rule.formula for rule in rules] == [['"met"'], ['"missed"']]
    assert all(width.width >= 11 for width in values.column_dimensions.values())


def test_b4_each_kpi_with_a_value_has_a_native_line_chart_with_its_target(cast: Cast) -> None:
    history(make_kpi(cast.home, "A", target=5), 1, None, 3)
    history(make_kpi(cast.home, "B", unit="kg"), 1)
    make_kpi(cast.home, "C", target=7)
    charts = xlsx(content_of(cast.home))["Charts"]._charts
    drawn = [[series.val.numRef.f for series in chart.series] for chart in charts]
    assert drawn == [["Values!$B$3:$B$33", "Values!$C$3:$C$33"], ["Values!$D$3:$D$33"]]
    for chart in charts:
        assert isinstance(chart, openpyxl.chart.LineChart)
        assert {series.cat.numRef.f for series in chart.series} == {"Values!$A$3:$A$33"}
    cached = [point.v for point in charts[0].series[0].val.numRef.numCache.pt]
    assert [*map(float, cached)] == [1, 3]  # drawn by viewers, too, that do not calculate


HOSTILE = ["=1+1", "@SUM(A1)", "+1", "-1", "{=1}", "http://x.example/", "mailto:a@b.c", "12", "1/2",
           "=HYPERLINK(\"http://x.example\")", "'x", "a\\b", "internal:Sheet!A1"]  # fmt: skip


def test_b4_no_text_of_a_user_becomes_a_formula_a_link_or_a_number(cast: Cast) -> None:
    home = cast.home
    for text in HOSTILE:
        history(make_kpi(home, text, unit=text[:32], department=home.support), 1)
    Department.objects.filter(pk=home.support.pk).update(name="=2+2")
    type(home.organization).objects.filter(pk=home.organization.pk).update(name="=3+3")
    content = content_of(home, home.support)
    workbook = xlsx(content)
    assert set(summary(workbook)) == set(HOSTILE)
    for sheet in workbook:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in {"s", "n", "d"}, cell
                assert cell.hyperlink is None
    assert workbook["Summary"]["A2"].value == "=3+3"
    with ZipFile(xlsx_file(content)) as parts:
        charts = [parts.read(name).decode() for name in parts.namelist() if "charts/" in name]
    formulas = {found for chart in charts for found in re.findall(r"<c:f>(.*?)</c:f>", chart)}
    assert len(charts) == len(HOSTILE)
    assert all(re.fullmatch(r"Values!\$[A-Z]\$\d+(:\$[A-Z]\$\d+)?", f) for f in formulas)


def test_b4_more_kpis_than_a_sheet_has_columns_go_on_another() -> None:
    kpi = only_kpi(made_up("Revenue", 1, 2, target=Decimal(1)))
    whole = made_up()
    five = DepartmentContent(path=(), kpis=(kpi,) * 5)
    content = Content(**{**vars(whole), "departments": (five,)})
    workbook = xlsx(content, kpis_per_sheet=2)
    assert workbook.sheetnames == ["Summary", "Values", "Values 2", "Values 3", "Charts"]
    last = workbook["Charts"]._charts[4].series[0]
    assert last.val.numRef.f == "'Values 3'!$B$3:$B$33"


# ------------------------------------------------------------------ PDF


def test_b4_a_pdf_tells_of_each_kpi_and_counts_its_pages(cast: Cast) -> None:
    home = cast.home
    kpis = [
        history(
            make_kpi(home, f"Figure {n:02}", unit="kg", target=1000 + n, department=home.sales),
            5, 10_000 + n + Decimal("0.25"),
        )
        for n in range(15)
    ]  # fmt: skip
    reader = pdf(content_of(home))
    text = text_of(reader)
    assert PERIOD in text
    assert "Home" in text
    for n, kpi in enumerate(kpis):
        assert text.count(f"{kpi.name} kg {10_000 + n:,}.25") == 2  # in the summary and by itself
        assert f"Target ≥ {1000 + n:,} met" in text
    for number, page in enumerate(reader.pages, 1):
        assert f"page {number} of {len(reader.pages)}" in page.extract_text()
    assert len(reader.pages) == 4  # six KPIs a page after the summary
    (entry,) = reader.outline
    assert isinstance(entry, Destination)
    assert entry.title == "Sales"
    assert reader.metadata is not None
    assert reader.metadata.title == f"KPI report, {PERIOD}"


def test_b4_a_kpi_without_a_value_in_the_period_is_told_of_as_such(cast: Cast) -> None:
    history(cast.home.revenue, 1)
    make_kpi(cast.home, "Silent")
    text = text_of(pdf(content_of(cast.home)))
    assert "2 KPIs; 0 of 1 with a target meet it; 1 without a value in this period" in text
    assert "Silent No value in this period." in text


@pytest.mark.parametrize("value", EXACT)
def test_b4_every_digit_of_a_value_is_in_the_pdf(value: str) -> None:
    text = text_of(pdf(made_up("Revenue", 1, value, target=Decimal(value))))
    written = f"{Decimal(value):,f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    assert f"Revenue EUR {written} {written} met" in text


@pytest.mark.parametrize(
    "name",
    ['<b>Bold</b> & "quoted" <font color="red">', "&amp; &#65; </para>", "<a href='x'>", "<br/>",
     "Größe in m² • ½ €", "%(name)s {0} \\n"],
)  # fmt: skip
def test_b4_a_name_is_written_as_it_is_and_not_as_markup(name: str) -> None:
    text = text_of(pdf(made_up(name, 1, unit=name[:32])))
    assert text.count(f"{name} {name[:32].strip()}") == 2


def bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


@pytest.mark.parametrize(
    "name", ["Выручка за год", "Έσοδα", "Őrült łódź", "売上高と利益", "销售额增长率", "매출 성장률"]
)
def test_b4_letters_that_vera_lacks_come_from_another_font(name: str) -> None:
    """On a machine without DejaVu some lose their accents."""
    content = made_up(name, 1)
    assert bare(text_of(pdf(content))).count(bare(name)) == 2
    assert [*summary(xlsx(content))] == [name]


@pytest.mark.parametrize(
    ("name", "written"),
    [("Umsatz 🚀", "Umsatz ?"), ("यह", "??"), ("a\u200bb\u202e\u00ad", "ab"), ("e\u0301", "é"),
     ("a\x01\x7fb", "ab"), ("  a \n\t b ", "a b"), ("\u200b", "")],
)  # fmt: skip
def test_b4_a_letter_that_no_font_has_is_a_question_mark(name: str, written: str) -> None:
    assert f"in percent {written} EUR 1".replace("  ", " ") in text_of(pdf(made_up(name, 1)))


@dataclass(frozen=True)
class Line:
    """A text in Vera where it stands on its page, in points."""

    page: int
    baseline: float
    left: float
    right: float
    text: str

    def touches(self, other: Line) -> bool:
        return (
            abs(self.baseline - other.baseline) < 4
            and self.left < other.right
            and other.left < self.right
            and self.page == other.page
        )


def lines(reader: PdfReader) -> list[Line]:
    found: dict[tuple[int, float, float], Line] = {}
    for number, page in enumerate(reader.pages):

        def visit(
            text: str, cm: Any, tm: Any, font: Any, size: float, number: int = number
        ) -> None:
            if text.strip() and font is not None and "Vera" in font["/BaseFont"]:
                name = "VeraBd" if "Bold" in font["/BaseFont"] else "Vera"
                left, baseline = tm[4] * cm[0] + cm[4], tm[5] * cm[3] + cm[5]
                # What follows in another font is said to begin where the line does.
                place = (number, baseline, left)
                begun = found.get(place, Line(number, baseline, left, left, ""))
                right = begun.right + stringWidth(text.rstrip("\n"), name, size)
                found[place] = Line(number, baseline, left, right, begun.text + text)

        page.extract_text(visitor_text=visit)
    return list(found.values())


@pytest.mark.parametrize(
    "name", ["W" * 200, "a long name " * 16, "no/space/at/all/" * 12, "漢" * 200]
)
def test_b4_nothing_runs_over_the_margin_or_into_its_neighbour(name: str) -> None:
    huge = Decimal("-99999999999.9999")
    path = tuple(f"{'M' * 190} {n}" for n in range(30))
    far = only_kpi(made_up(name, 1, huge, unit="W" * 32, target=huge))
    near = only_kpi(made_up(name, huge, huge + Decimal("0.0001"), unit="W" * 32, target=huge))
    whole = made_up()
    content = Content(
        **{
            **vars(whole),
            "organization": "M" * 200,
            "department": "M" * 200,
            "departments": (DepartmentContent(path=path, kpis=(far, near, far)),),
        }
    )
    reader = pdf(content)
    assert len(reader.pages) <= 4
    found = lines(reader)
    assert len(found) > 50
    assert max(line.right for line in found) <= float(reader.pages[0].mediabox.width) - 39
    assert [pair for pair in combinations(found, 2) if pair[0].touches(pair[1])] == []
    assert "".join(text_of(reader).split()).count("".join(name.split())) == 6
    xlsx(content)


# ------------------------------------------------------------------ numbers and axes

VALUES = st.decimals(-(10**15) + 1, 10**15 - 1, places=4)


@given(VALUES, VALUES)
@settings(max_examples=200)
def test_b4_an_axis_has_three_to_five_ticks_around_its_values(one: Decimal, other: Decimal) -> None:
    lowest, highest = sorted((one, other))
    at = ticks(lowest, highest)
    assert 3 <= len(at) <= 5
    assert at[0] <= lowest <= highest <= at[-1]
    assert len(set(tick_texts(at))) == len(at)


@pytest.mark.parametrize(
    ("value", "text"),
    [("1500.5000", "1,500.5"), ("100.0000", "100"), ("1E+3", "1,000"), ("0.0000", "0"),
     ("-0.5000", "-0.5"), ("10", "10")],
)  # fmt: skip
def test_b4_a_number_is_written_without_zeros_that_say_nothing(value: str, text: str) -> None:
    assert number_text(Decimal(value)) == text


@pytest.mark.parametrize("days", [1, 2, 1098])
def test_b4_files_are_made_of_one_day_and_of_three_years(days: int) -> None:
    whole = made_up("Revenue", *range(days), target=Decimal(days))
    content = Content(**{**vars(whole), "to": FIRST + timedelta(days=days - 1)})
    assert f"Days on target 0 of {days}" in text_of(pdf(content))
    assert len(table(xlsx(content)["Values"], 2)) == days
