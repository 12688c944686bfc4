"""How much of `sync` the tests run: lines, over every process that they start, fork or become.

Coverage starts in each of them by itself, where COVERAGE_PROCESS_START names its settings. What a
process that is killed has run is lost: a server that a test kills counts for nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "pyproject.toml"


def measuring(directory: Path) -> dict[str, str]:
    """Return the environment in which a process leaves in `directory` which lines it ran."""
    directory.mkdir(exist_ok=True)
    return {
        "COVERAGE_PROCESS_START": str(SETTINGS),
        "COVERAGE_FILE": str(directory / "lines"),
    }


def coverage_is_enough(directory: Path) -> bool:
    """Print the share of `sync` that was run; whether it reaches `fail_under` in pyproject.toml."""
    environment = os.environ | {"COVERAGE_FILE": str(directory / "lines")}
    command = [sys.executable, "-m", "coverage"]
    subprocess.run(
        [*command, "combine", "--quiet", str(directory)], cwd=ROOT, env=environment, check=True
    )
    report = subprocess.run([*command, "report"], cwd=ROOT, env=environment, check=False)
    return report.returncode == 0
