"""The jobs of `kpis.jobs` by name: those who enqueue one need not import what does it."""

from __future__ import annotations

JUDGE = "kpis.jobs.judge"
PREDICT = "kpis.jobs.predict"
MAKE_REPORT = "kpis.jobs.make_report"
RUN_CONNECTOR = "kpis.jobs.run_connector"
TRY_CONNECTOR = "kpis.jobs.try_connector"
