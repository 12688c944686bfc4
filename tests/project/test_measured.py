"""`make coverage` knows what processes ran that others forked, became or ended abruptly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.measured import ROOT, coverage_is_enough, measuring

# A child that ends without any clean-up, and becomes another program in between.
FORKED = """
import os, sys
child = os.fork()
if not child:
    import sync.protocol.times
    os.execv(sys.executable, [sys.executable, "-c", "import os, sync.garbage; os._exit(0)"])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_house_coverage_follows_processes_and_fails_below_its_share(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environment = os.environ | measuring(tmp_path / "coverage")
    subprocess.run([sys.executable, "-c", FORKED], cwd=ROOT, env=environment, check=True)
    assert not coverage_is_enough(tmp_path / "coverage")
    lines = capfd.readouterr().out.splitlines()
    for name in ("sync/protocol/times.py", "sync/garbage.py"):
        (line,) = (line for line in lines if line.startswith(name))
        assert " 0%" not in line
    assert any(line.startswith("sync/models.py") and " 0%" in line for line in lines)
    assert any(line.startswith("TOTAL") for line in lines)
