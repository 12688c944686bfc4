"""How well insights hold over real series: `python -m benchmarks.insights [--write] [name ...]`.

Every forecast and every judgement knows only what was known then. With --write the tables of
docs/insights.md are made anew; with names of series only these are looked at.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `manage.py work` does

from benchmarks.insights import anomalies, forecasts, tables
from benchmarks.insights.real_series import ALL

PAGE = Path(__file__).resolve().parents[2] / "docs" / "insights.md"
BEGIN, END = "<!-- insights:begin -->", "<!-- insights:end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/insights.md")
    parser.add_argument("series", nargs="*", help="files of benchmarks/series, without .csv")
    options = parser.parse_args()
    chosen = [real for real in ALL if not options.series or real.file in options.series]
    began = time.monotonic()
    forecast, judged = {}, {}
    for real in chosen:
        forecast[real] = forecasts.evaluate(real)
        judged[real] = anomalies.evaluate(real)
        print(tables.forecast_row(real.label, [forecast[real]]), flush=True)
        print(tables.judged_row(real.label, [judged[real]]), flush=True)
    minutes = (time.monotonic() - began) / 60
    made = tables.page(forecast, judged, minutes)
    print(made)
    if options.write:
        page = PAGE.read_text()
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")


if __name__ == "__main__":
    main()
