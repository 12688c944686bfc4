"""The results of a measurement: kept as JSON, merged, and asked for medians and ratios."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.demands import Demand, Workload


@dataclass(kw_only=True)
class Results:
    """runs: [{"workload", "target", "round", "result"}], each result with `valid` and `reason`.

    about: {"date", "machine", "versions", "command", "notes", "missing": {server: why}, "bulk":
    {command: lines that it printed}}
    """

    about: dict[str, Any] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> "Results":
        return cls(**json.loads(file.read_text()))

    def write(self, file: Path) -> None:
        """A line a run, so that what was measured again is what differs."""
        about = json.dumps(self.about, indent=1)
        runs = ",\n".join(json.dumps(run | {"result": _short(run["result"])}) for run in self.runs)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'{{"about": {about},\n"runs": [\n{runs}\n]}}\n')

    def add(self, workload: str, target: str, *, round_: int, result: dict[str, Any]) -> None:
        run = {"workload": workload, "target": target, "round": round_, "result": result}
        self.runs.append(run)

    def merged_into(self, older: "Results") -> "Results":
        """The older results, and these instead of theirs of the same workload and server."""
        again = {(run["workload"], run["target"]) for run in self.runs}
        kept = [run for run in older.runs if (run["workload"], run["target"]) not in again]
        bulk = self.about.get("bulk", {})
        names = dict.fromkeys([*(run["workload"] for run in self.runs), *bulk])
        what, command = ", ".join(names), self.about["command"]
        told = f"Measured again on {self.about['date']}: {what} (`{command}`)."
        missing = older.about["missing"] | self.about["missing"]
        measured = {run["target"] for run in self.runs}
        return Results(
            about=older.about
            | {
                "bulk": older.about.get("bulk", {}) | bulk,
                "notes": [*older.about["notes"], told],
                "missing": {name: why for name, why in missing.items() if name not in measured},
            },
            runs=kept + self.runs,
        )

    def of(self, workload: str, target: str) -> list[dict[str, Any]]:
        """The valid results, with their round."""
        return [
            run["result"] | {"round": run["round"]}
            for run in self.runs
            if (run["workload"], run["target"]) == (workload, target) and run["result"]["valid"]
        ]

    def values(self, workload: str, target: str, figure: str) -> dict[int, float]:
        """{round: value}"""
        return {
            result["round"]: result[figure]
            for result in self.of(workload, target)
            if result.get(figure) is not None
        }

    def ratios(self, workload: Workload, demand: Demand) -> list[float]:
        """The demand's ratio in each round that has both."""
        mine = self.values(workload.name, demand.target, demand.figure)
        other = self.values(
            demand.of or workload.name, demand.beside or demand.target, demand.figure
        )
        return [mine[n] / other[n] for n in sorted(mine) if other.get(n)]

    def demanded(self, workload: Workload, demand: Demand) -> list[float]:
        """The values that the demand is on, one a round."""
        if demand.is_ratio:
            return self.ratios(workload, demand)
        return list(self.values(workload.name, demand.target, demand.figure).values())

    def invalid(self) -> list[dict[str, Any]]:
        return [run for run in self.runs if not run["result"]["valid"]]

    def without_result(self) -> set[tuple[str, str, int]]:
        """(workload, server, round) of which no run counts; one that was made again may."""
        named = [(run["workload"], run["target"], run["round"]) for run in self.runs]
        return set(named) - {
            name for name, run in zip(named, self.runs, strict=True) if run["result"]["valid"]
        }

    def targets_of(self, workload: str) -> list[str]:
        return list(dict.fromkeys(r["target"] for r in self.runs if r["workload"] == workload))


def number(value: float) -> str:
    """As few digits as tell the value to 1 % or so."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Iterable[float], unit: str = "") -> str:
    """'12.3 ms [11.9 to 14.0]'; one value alone has no spread."""
    known = list(values)
    told = " ".join(filter(None, [number(median(known)), unit]))
    if len(known) == 1:
        return told
    return f"{told} [{number(min(known))} to {number(max(known))}]"


def _short(result: dict[str, Any]) -> dict[str, Any]:
    """The result without what was not measured, in six digits: no run is more exact."""
    known = {name: value for name, value in result.items() if value is not None}
    return {
        name: float(f"{value:.6g}") if isinstance(value, float) else value
        for name, value in known.items()
    }
