"""Make the page of its sources: `bos/static/bos/workspace/`, which is committed and served.

    python clients/workspace/bundle.py            write it
    python clients/workspace/bundle.py --check    fail where types are wrong, or it is stale
    python clients/workspace/bundle.py --watch    write it again at each change, for working on it
    python clients/workspace/bundle.py --install  only install the packages that this needs

Files are named by their content, so that browsers may keep them for ever; `manifest.json` names
those that the page begins with. esbuild makes them, in a version that package-lock.json pins.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = (HERE / "src", HERE.parent / "javascript" / "src")
SERVED = ROOT / "bos" / "static" / "bos" / "workspace"
MODULES = HERE / "node_modules"
LOCK = HERE / "package-lock.json"
INSTALLED = MODULES / ".bos-lock.json"
ENTRIES = ("src/main.tsx", "src/styles/index.css")
OPTIONS = (
    *("--bundle", "--splitting", "--format=esm", "--target=es2022", "--minify", "--charset=utf8"),
    *("--jsx=automatic", "--jsx-import-source=preact", "--legal-comments=none"),
    *("--entry-names=[name]-[hash]", "--chunk-names=[name]-[hash]", "--log-level=warning"),
)
SERVED_PACKAGES = ("preact", "@preact/signals", "@preact/signals-core", "marked", "three", "uplot")


def install() -> None:
    """Install what package-lock.json names, once. Ends the program where that cannot be done."""
    if INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes():
        return
    own = Path(sys.executable).parent / "npm"
    npm = str(own) if own.exists() else shutil.which("npm")
    if npm is None:
        print("skipped: there is no npm for this platform")
        raise SystemExit(0)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    quiet = ("--no-audit", "--no-fund", "--silent", "--ignore-scripts")
    # Where no registry answers, nobody waits for minutes.
    soon = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000")
    done = subprocess.run([npm, "ci", *quiet, *soon], cwd=HERE, env=environment, check=False)  # noqa: S603 -- our own tool
    if done.returncode != 0:
        print("skipped: the packages of the page cannot be installed here")
        raise SystemExit(0)
    shutil.copy(LOCK, INSTALLED)


def tool(name: str) -> list[str]:
    """Return how a program of the packages is called."""
    own = Path(sys.executable).parent / "node"
    node = [str(own)] if own.exists() else []
    return [*node, str(MODULES / ".bin" / name)]


def bundle() -> dict[str, bytes]:
    """Return what the page serves, by name."""
    with tempfile.TemporaryDirectory() as directory:
        out, meta = Path(directory, "out"), Path(directory, "meta.json")
        command = [str(MODULES / ".bin" / "esbuild"), *ENTRIES, *OPTIONS]
        command += [f"--outdir={out}", f"--metafile={meta}"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)  # noqa: S603 -- our own tool
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        made = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
        outputs = json.loads(meta.read_text())["outputs"]
    made["manifest.json"] = (json.dumps(manifest(outputs), indent=1) + "\n").encode()
    made["LICENSES.txt"] = licenses().encode()
    return made


def manifest(outputs: dict[str, Any]) -> dict[str, Any]:
    """Return which script and style the page begins with, and what the script imports at once."""
    by_name = {Path(path).name: output for path, output in outputs.items()}
    [script] = [n for n, o in by_name.items() if o.get("entryPoint") == ENTRIES[0]]
    [style] = [n for n, o in by_name.items() if o.get("entryPoint") == ENTRIES[1]]
    imported: set[str] = set()
    waiting = [script]
    while waiting:
        for one in by_name[waiting.pop()]["imports"]:
            name = Path(one["path"]).name
            if one["kind"] == "import-statement" and name not in imported:
                imported.add(name)
                waiting.append(name)
    return {"script": script, "style": style, "imports": sorted(imported)}


def licenses() -> str:
    """Return the licences of the packages whose code is in it."""
    texts = []
    for package in SERVED_PACKAGES:
        [text] = [p for p in (MODULES / package).iterdir() if p.name.upper().startswith("LICENSE")]
        texts.append(f"{package}\n\n{text.read_text(encoding='utf-8').strip()}\n")
    return "\n\n".join(texts)


def write(files: dict[str, bytes]) -> None:
    """Write these files where they are served, and remove all others there."""
    SERVED.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if name != "manifest.json":
            (SERVED / name).write_bytes(content)
    (SERVED / "manifest.json").write_bytes(files["manifest.json"])
    for path in SERVED.iterdir():
        if path.name not in files:
            path.unlink()


def stale(files: dict[str, bytes]) -> list[str]:
    """Return the names of what is served that is not what the sources say now."""
    there = {path.name: path.read_bytes() for path in SERVED.glob("*")}
    return sorted(name for name in files.keys() | there if files.get(name) != there.get(name))


def watch() -> None:
    """Write it again whenever a source has changed, until Ctrl-C."""
    before = 0.0
    while True:
        files = (path for folder in SOURCES for path in folder.rglob("*") if path.is_file())
        newest = max(path.stat().st_mtime for path in files)
        if newest != before:
            before = newest
            try:
                write(bundle())
                print("written", time.strftime("%X"))
            except SystemExit as error:
                print(error)
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="only check types, and that it is fresh"
    )
    parser.add_argument("--watch", action="store_true", help="write it at each change")
    parser.add_argument("--install", action="store_true", help="only install what it needs")
    options = parser.parse_args()
    install()
    if options.install:
        return 0
    if options.watch:
        watch()
    if not options.check:
        write(bundle())
        return 0
    typed = subprocess.run([*tool("tsc"), "--project", str(HERE)], check=False)  # noqa: S603 -- our own tool
    old = stale(bundle())
    if old:
        print(f"{', '.join(old)}: not what clients/workspace/src says; run `make workspace`")
    return 1 if old or typed.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
