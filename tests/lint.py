"""`python -m tests.lint`: style, types and layers; says what is wrong and where."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PACKAGES = ("sync", "bos", "kpis", "collaboration")
CHECKS = (
    ("ruff", "check", "--quiet", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("lint-imports", "--no-cache"),
    ("mypy", "--no-error-summary", *PACKAGES),
)


def main() -> int:
    failed = 0
    for name, *arguments in CHECKS:
        done = subprocess.run(
            [BIN / name, *arguments],
            cwd=ROOT,
            env=os.environ | {"DEBUG": "on"},  # mypy's plugin loads the settings
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
