"""Make JavaScript of the TypeScript in src: `dist` for npm, and modules that a server serves.

    python clients/javascript/build.py            dist/: modules and their declarations
    python clients/javascript/build.py --page     bos/static/bos/client/: modules, committed
    python clients/javascript/build.py --check    fail where those are stale

deno does it, which is one of the packages that development needs.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = HERE / "src"
DIST = HERE / "dist"
PAGE = ROOT / "bos" / "static" / "bos" / "client"
NOT_OF_THE_PAGE = {"tanstack.js"}
ENVIRONMENT = {
    "DENO_DIR": f"{sys.prefix}/deno",  # nothing in the home of whoever runs this
    "DENO_NO_UPDATE_CHECK": "1",
    "NO_COLOR": "1",
}
OF_A_MODULE = re.compile(r"""((?:from|import)\s*\(?["']\./[\w/-]+)\.ts(["'])""")
AMD = re.compile(r"^/// <amd-module .*\n", re.MULTILINE)
MARK = "// Written by `make clients` of clients/javascript/src: change it there.\n"


def deno() -> str:
    """Return the path of deno. Ends the program where there is none."""
    own = Path(sys.executable).parent / "deno"
    found = str(own) if own.exists() else shutil.which("deno")
    if found is None:
        print("skipped: there is no deno for this platform")
        raise SystemExit(0)
    return found


def transpiled(*options: str) -> dict[str, str]:
    """Return the modules of src as JavaScript by their names, with what the options add."""
    sources = sorted(str(path) for path in SOURCES.glob("*.ts"))
    with tempfile.TemporaryDirectory() as directory:
        command = [deno(), "transpile", *options, "--outdir", directory, *sources]
        done = subprocess.run(  # noqa: S603 -- our own tool over our own files
            command,
            cwd=HERE,
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        made = sorted(path for path in Path(directory).rglob("*") if path.is_file())
        return {path.name: _finished(path.read_text(encoding="utf-8")) for path in made}


def _finished(text: str) -> str:
    """Name modules as they are called in JavaScript, and nothing of this machine."""
    return OF_A_MODULE.sub(r"\1.js\2", AMD.sub("", text))


def page_modules() -> dict[str, str]:
    """Return the modules that a server serves, by name."""
    made = transpiled("--no-check")
    return {name: MARK + made[name] for name in made if name not in NOT_OF_THE_PAGE}


def write(directory: Path, files: dict[str, str]) -> None:
    """Write these files into the directory, and remove all others from it."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")


def stale() -> list[str]:
    """Return the names of the page's modules that are not what src says now."""
    made = page_modules()
    there = {path.name: path.read_text(encoding="utf-8") for path in PAGE.glob("*")}
    return sorted(name for name in made.keys() | there if made.get(name) != there.get(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", action="store_true", help="write what a server serves")
    parser.add_argument("--check", action="store_true", help="only say whether that is stale")
    options = parser.parse_args()
    if options.check:
        old = stale()
        if old:
            print(f"{', '.join(old)}: not what clients/javascript/src says; run `make clients`")
        return 1 if old else 0
    if options.page:
        write(PAGE, page_modules())
    else:
        write(DIST, transpiled("--declaration"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
