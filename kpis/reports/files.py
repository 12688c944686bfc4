"""Files of reports, as they are handed out."""

from __future__ import annotations

from kpis.models import Report, ReportFormat

CONTENT_TYPES = {
    ReportFormat.PDF: "application/pdf",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def file_name(report: Report) -> str:
    return f"report-{report.from_day}-{report.to_day}.{ReportFormat(report.format).value}"
