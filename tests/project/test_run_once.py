"""A test file that belongs to one database runs on that one only, however it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("backend", "collected"), [("sqlite", True), ("postgres", False)])
def test_a_unit_that_is_named_is_left_to_its_database(backend: str, collected: bool) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "--co", "-q", "tests/unit/test_feature.py"],
        cwd=ROOT,
        env=os.environ | {"BOS_TEST_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("tests/unit/test_feature.py::" in answer.stdout) == collected, answer.stdout
    assert answer.returncode == (0 if collected else 5), answer.stdout + answer.stderr
