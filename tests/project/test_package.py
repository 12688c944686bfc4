"""`pip wheel .` makes a package that has what running needs, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from sync.delivery import send_loop
from tests.support.measured import ROOT

PACKAGES = ("bos", "collaboration", "kpis", "sync", "templates")
SOURCES = (*PACKAGES, "LICENSE", "README.md", "pyproject.toml")
# Beside Python: what a page, the demo and the licences of others' work are made of.
DATA = {".html", ".txt", ".csv", ".md"}
JUNK = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", "node_modules", "*.so")
COMPILED = f"sync/delivery/_send_loop{sysconfig.get_config_var('EXT_SUFFIX')}"
# As a stranger who has installed it: from nowhere else, in an empty folder.
INSTALLED = """
import sys
from datetime import date
import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template.loader import get_template
import bos, kpis.demo.series
assert bos.__file__.startswith(sys.argv[1]), bos.__file__
django.setup()
get_template("workspace.html"), get_template("admin/bos/live.html")
get_template("account/mail/reset.txt"), get_template("account/base.html")
assert finders.find("bos/passkeys.js") and finders.find("vendor/uplot/uPlot.iife.min.js")
call_command("check")
from sync.delivery import send_loop
assert send_loop.in_use() == (sys.argv[2] == "compiled")
today = date(2026, 1, 1)
assert kpis.demo.series.flights(today) and kpis.demo.series.bikes(today)
"""


@pytest.fixture(scope="module", params=["compiled", "without a compiler"])
def compiled(request: pytest.FixtureRequest) -> bool:
    """Whether the machine that builds the package has a C compiler."""
    if request.param == "compiled" and not send_loop.build():
        pytest.skip("there is no C compiler here, or no headers of Python")
    return bool(request.param == "compiled")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, compiled: bool) -> Path:
    """The package, built without a registry, from a copy: a build leaves things behind."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=JUNK)
        else:
            shutil.copy(source, copy / name)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "-w", "made")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", ".", *options]
    environment = os.environ | ({} if compiled else {"CC": "no-such-compiler"})
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (copy / "made").iterdir()
    return made


def needed() -> set[str]:
    """List the files that running needs, by their paths in the package."""
    return {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        if path.suffix in DATA | {".py"} or "static" in path.parts
    }


def test_the_package_has_what_running_needs_and_nothing_else(wheel: Path, compiled: bool) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        licence = next(name for name in names if name.endswith("/LICENSE") and "dist-info" in name)
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == needed() | ({COMPILED} if compiled else set())
    assert {
        "bos/migrations/0001_initial.py",
        "bos/static/vendor/uplot/LICENSE",
        "kpis/demo/flights.csv",
        "kpis/demo/SOURCES.md",
        "sync/db/postgresql/base.py",
        "templates/admin/bos/import.html",
    } <= names
    tops = {name.split("/")[0] for name in names - about}
    assert tops == set(PACKAGES)


def test_the_package_serves_its_pages_and_its_demo_from_where_it_is_installed(
    wheel: Path, compiled: bool, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "DEBUG": "on",
        "DJANGO_SETTINGS_MODULE": "bos.settings",
        "PYTHONPATH": str(site),
    }
    way = "compiled" if compiled else "pure"
    command = [sys.executable, "-c", INSTALLED, str(site), way]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
