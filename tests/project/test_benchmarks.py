"""Results are merged, judged and drawn as they are; no server is started here."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import chart, report
from benchmarks.demands import PRODUCT, Demand
from benchmarks.peers import start
from benchmarks.results import Results
from benchmarks.room import blocked
from benchmarks.workloads import NAIVE, UWS, WORKLOADS, WS

FANOUT = next(one for one in WORKLOADS if one.name == "fanout")
IDLE = next(one for one in WORKLOADS if one.name == "idle")


def about(**told: Any) -> dict[str, Any]:
    common = {"date": "2026-11-29", "machine": "a machine", "versions": "CPython 3", "notes": []}
    return common | {"command": "python -m benchmarks", "missing": {}} | told


def result(**figures: Any) -> dict[str, Any]:
    return {"valid": True, "disturbed": False, "reason": ""} | figures


def measured(rounds: dict[str, list[float]], **told: Any) -> Results:
    """rounds: deliveries a second of each server in each round"""
    results = Results(about=about(**told))
    for target, values in rounds.items():
        for round_, value in enumerate(values, 1):
            figures = result(deliveries_per_s=value)
            results.add("fanout", target, round_=round_, result=figures)
    return results


def row_of(text: str, *parts: str) -> str:
    [row] = [line for line in text.splitlines() if all(part in line for part in parts)]
    return row


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    results = measured({PRODUCT: [60, 300, 90], UWS: [100, 200, 100]})
    demand = FANOUT.demands[0]
    assert results.ratios(FANOUT, demand) == [0.6, 1.5, 0.9]
    row = row_of(report.markdown(results), "at least 0.62 x uWebSockets.js")
    assert "0.90 x [0.60 to 1.50]" in row
    assert row.endswith("| met |")


@pytest.mark.parametrize(("mine", "verdict"), [(300, "met"), (299, "**missed by 0%**")])
def test_a_demand_is_met_at_its_bound_and_missed_below(mine: float, verdict: str) -> None:
    results = measured({PRODUCT: [mine], WS: [100]})
    assert row_of(report.markdown(results), "at least 3 x ws").endswith(f"| {verdict} |")


@pytest.mark.parametrize(("ms", "met"), [(15.0, True), (15.1, False)])
def test_a_demand_of_at_most_is_met_at_its_bound_and_missed_above(ms: float, met: bool) -> None:
    demand = next(one for one in IDLE.demands if one.figure == "bystander_p99_ms")
    assert demand.met(ms) == met


def test_a_run_that_is_not_valid_does_not_count_and_is_told() -> None:
    results = measured({PRODUCT: [100], WS: [50]})
    broken = result(deliveries_per_s=1e9) | {"valid": False, "reason": "3 lost"}
    results.add("fanout", PRODUCT, round_=2, result=broken)
    text = report.markdown(results)
    assert list(results.values("fanout", PRODUCT, "deliveries_per_s").values()) == [100]
    assert "Not counted: fanout, product, 1 run: 3 lost." in text


def test_a_round_has_no_result_unless_one_of_its_runs_counts() -> None:
    results = measured({PRODUCT: [100], WS: [50]})
    disturbed = result() | {"valid": False, "disturbed": True, "reason": "others ran there"}
    results.add("fanout", PRODUCT, round_=1, result=disturbed)
    assert results.without_result() == set()
    results.add("fanout", PRODUCT, round_=2, result=disturbed)
    assert results.without_result() == {("fanout", PRODUCT, 2)}


def test_a_part_that_is_measured_again_takes_the_place_of_its_old_results_alone() -> None:
    older = measured({PRODUCT: [100, 100], WS: [50, 50]}, missing={UWS: "node is not installed"})
    newer = measured({UWS: [200], PRODUCT: [150]}, command="again")
    merged = newer.merged_into(older)
    assert list(merged.values("fanout", PRODUCT, "deliveries_per_s").values()) == [150]
    assert list(merged.values("fanout", WS, "deliveries_per_s").values()) == [50, 50]
    assert merged.about["missing"] == {}
    assert "(`again`)" in merged.about["notes"][-1]


def test_what_was_told_in_bulk_is_shown_and_kept_when_something_else_is_measured_again() -> None:
    older = measured({PRODUCT: [100]}, bulk={"python -m benchmarks.bulk": ["import: 3 s"]})
    merged = measured({WS: [50]}).merged_into(older)
    assert "import: 3 s" in report.markdown(merged).splitlines()
    again = measured({}, bulk={"python -m benchmarks.bulk": ["import: 2 s"]})
    assert "import: 3 s" not in report.markdown(again.merged_into(older))


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = measured({PRODUCT: [1, 2], NAIVE: [3]})
    results.write(tmp_path / "build" / "results.json")
    assert Results.read(tmp_path / "build" / "results.json") == results


def test_a_server_that_cannot_be_had_is_said() -> None:
    text = report.markdown(measured({PRODUCT: [100], WS: [50]}, missing={UWS: "no node"}))
    assert "missing: no node" in row_of(text, "| uWebSockets.js |")
    assert "not measured: no node" in row_of(text, "at least 0.62 x uWebSockets.js")


def test_the_report_stands_between_its_marks_alone(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(document, "new")
    assert document.read_text() == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"
    document.write_text("without marks")
    with pytest.raises(RuntimeError, match="lacks the markers"):
        report.write(document, "new")


def test_prose_is_wrapped_and_loses_no_word() -> None:
    text = "word " * 200 + "end"
    lines = list(report.wrapped(text, indent="  "))
    assert max(map(len, lines)) <= report.LONGEST_LINE
    assert " ".join(line.strip() for line in lines) == text


def test_the_chart_has_a_bar_for_each_server_in_proportion() -> None:
    picture = ElementTree.fromstring(chart.svg(measured({PRODUCT: [50], WS: [25], NAIVE: [1]})))
    bars = [one for one in picture.iter() if one.tag.endswith("rect")]
    widths = [int(bar.attrib["width"]) for bar in bars]
    assert widths[0] == pytest.approx(2 * widths[1], abs=1)
    assert [bar.attrib["class"] for bar in bars] == ["product", "other", "other"]
    assert {PRODUCT, WS, NAIVE} <= {one.text for one in picture.iter()}


def test_every_demand_is_on_something_that_is_measured() -> None:
    by_name = {workload.name: workload for workload in WORKLOADS}
    for workload in WORKLOADS:
        for demand in workload.demands:
            assert demand.target in workload.targets
            assert demand.beside is None or demand.beside in workload.targets
            assert demand.of is None or by_name[demand.of].cast == workload.cast
            assert (demand.at_least is None) != (demand.at_most is None)


def test_the_product_is_measured_before_those_that_it_is_divided_by() -> None:
    for workload in WORKLOADS:
        assert workload.targets[0] == PRODUCT


def test_peers_are_named_as_the_workloads_name_them() -> None:
    named = {target for workload in WORKLOADS for target in workload.targets}
    assert {peer.name for peer in start.PEERS} <= named


def test_a_ratio_needs_both_in_the_same_round() -> None:
    results = measured({PRODUCT: [100, 100, 100], WS: [50]})
    demand = Demand(title="", figure="deliveries_per_s", beside=WS, at_least=1)
    assert results.ratios(FANOUT, demand) == [2]


def test_the_peers_are_locked_to_contents_and_to_no_registry() -> None:
    packages = json.loads((start.HERE / "package-lock.json").read_text())["packages"]
    installed = [package for name, package in packages.items() if name]
    assert all("integrity" in package and "resolved" not in package for package in installed)
    assert "://" not in (start.HERE / "requirements.txt").read_text()


def test_database_work_that_is_blocked_no_more_makes_no_result() -> None:
    tried = threading.Event()

    @contextlib.contextmanager
    def locked_out() -> Iterator[None]:
        tried.set()
        if tried.is_set():
            raise sqlite3.OperationalError("database is locked")
        yield

    with pytest.raises(RuntimeError, match="nothing was blocked any more"), blocked(locked_out):
        assert tried.wait(5)
