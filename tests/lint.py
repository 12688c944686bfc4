"""`python -m tests.lint`: style, types, layers and language; says what is wrong and where."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PACKAGES = ("sync", "bos", "kpis", "collaboration", "tests", "benchmarks", "clients/conformance")
PYTHON_CLIENT = ("clients/python/src/bos_client", "clients/python/conformance.py")
PAGE = ("bos/web/page.d.ts", "bos/static/bos")
CLIENT = ("clients/javascript", "tests/clients")
WORKSPACE = ("clients/workspace/src",)
BUILDS = (
    "clients/javascript/build.py",
    "clients/workspace/bundle.py",
    "clients/workspace/screenshots.py",
)
CHECKS = (
    ("ruff", "check", "--quiet", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("lint-imports", "--no-cache"),
    ("python", "-m", "tests.language"),
    ("deno", "lint", "--quiet", *PAGE, *CLIENT, *WORKSPACE),
    # One after the other: what Node has of its own is not there in a browser.
    ("deno", "check", "--quiet", "--no-remote", *PAGE),
    ("deno", "check", "--quiet", "--no-remote", *CLIENT),
    ("python", "clients/javascript/build.py", "--check"),
    ("python", "clients/workspace/bundle.py", "--check"),
    ("mypy", "--no-error-summary", *PACKAGES, *BUILDS, *PYTHON_CLIENT),
)
ENVIRONMENT = {
    "DEBUG": "on",  # mypy's plugin loads the settings
    "DENO_DIR": f"{sys.prefix}/deno",  # nothing in the home of whoever runs this
    "DENO_NO_UPDATE_CHECK": "1",
    "NO_COLOR": "1",
}


def tool_of(name: str) -> str | None:
    """Return the path of the tool: the environment's own, else one on the PATH."""
    return str(BIN / name) if (BIN / name).exists() else shutil.which(name)


def main() -> int:
    failed = 0
    for name, *arguments in CHECKS:
        tool = tool_of(name)
        if tool is None:
            print(f"skipped {name}: there is none for this platform")
            continue
        done = subprocess.run(
            [tool, *arguments],
            cwd=ROOT,
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"{'ok' if done.returncode == 0 else 'FAILED':6} {name} {' '.join(arguments)}")
        if done.returncode != 0:
            print(done.stdout + done.stderr)
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
