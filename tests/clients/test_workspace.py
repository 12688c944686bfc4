"""The parts of the page that need no browser: `clients/workspace/tests`, in Node."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.node import NODE

WORKSPACE = Path(__file__).parent.parent.parent / "clients" / "workspace"
ESBUILD = WORKSPACE / "node_modules" / ".bin" / "esbuild"


@pytest.mark.once("sqlite")
def test_p1_the_parts_of_the_page_do_what_they_say(tmp_path: Path) -> None:
    if NODE is None or not ESBUILD.exists():
        pytest.skip("the packages of the page are not installed")
    tests = sorted(str(path) for path in (WORKSPACE / "tests").glob("*.test.ts"))
    options = ("--bundle", "--platform=node", "--format=esm", "--out-extension:.js=.mjs")
    bundle = [str(ESBUILD), *tests, *options, f"--outdir={tmp_path}", "--log-level=warning"]
    subprocess.run(bundle, cwd=WORKSPACE, check=True, timeout=60)
    made = sorted(map(str, tmp_path.glob("*.mjs")))
    environment = {"LANG": "en_US.UTF-8", "TZ": "UTC"}
    done = subprocess.run(
        [*NODE, "--test", *made],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    said = re.search(r"pass (\d+)", done.stdout)
    assert said is not None
    assert int(said[1]) >= len(tests)
