"""Keep the old name of `kpis.reports.requests`: it stands in jobs that were enqueued before."""

from __future__ import annotations

from kpis.reports.requests import request_due

__all__ = ["request_due"]
