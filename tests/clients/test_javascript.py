"""The client in JavaScript, in Node (K2); in Chromium: tests/browser/test_client.py."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from tests.clients.node import NODE, NPM
from tests.clients.trials import Said, assert_nothing_is_lost_or_doubled, change, result_of, task
from tests.lint import ENVIRONMENT, tool_of
from tests.support.cast import PASSWORD, Cast
from tests.support.client import Client
from tests.support.cutting import cutting
from tests.support.server import ROOT, Server

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="there is no Node for this platform"),
    pytest.mark.timeout(180),
]
HERE = Path(__file__).parent
PACKAGE = ROOT / "clients" / "javascript"
MOST_BYTES = 12_000


async def node(program: str, task: Said, *, cwd: Path | None = None) -> Process:
    """Start one of the programs beside this file."""
    command = [*(NODE or ()), str(HERE / program), json.dumps(task)]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=cwd)


async def said_by(process: Process) -> Said:
    output, _ = await process.communicate()
    assert process.returncode == 0
    said: Said = json.loads(output)
    return said


# ------------------------------------------------------------------ nothing lost, nothing twice


async def test_k2_in_node_nothing_is_lost_or_doubled_however_often_it_is_cut(
    unlimited: Server, cast: Cast
) -> None:
    with cutting(unlimited.url) as way:
        process = await node("node_trial.ts", task(cast) | {"url": way.url})
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        running = asyncio.create_task(said_by(process))
        await change(unlimited, cast, way)
        result = await result_of(running, way)
    await assert_nothing_is_lost_or_doubled(result, cast)


def test_k2_its_parts_do_what_they_say() -> None:
    units = [*(NODE or ()), "--test", str(PACKAGE / "tests" / "units.test.ts")]
    done = subprocess.run(units, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "pass 12" in done.stdout


# ------------------------------------------------------------------ bad input


async def test_k2_what_must_not_be_is_told_by_an_error_of_its_own_kind(
    server: Server, cast: Cast
) -> None:
    whose = {"token": cast.mia.token, "email": cast.mia.email, "kpi": str(cast.home.revenue.pk)}
    said = await said_by(await node("bad_input.ts", {"url": server.url} | whose))
    assert said == {
        "wrongToken": "SignInError INVALID_TOKEN",
        "wrongPassword": "SignInError INVALID_CREDENTIALS",
        "notBos": "NotBosError ",
        "nobody": "ConnectionLost ",
        "noAddress": "NotBosError",
        "clock -1": ["live", True],
        "closed -1": ["ClosedError true", "ClosedError false"],
        "clock 1": ["live", True],
        "closed 1": ["ClosedError true", "ClosedError false"],
        "closed while connecting": "stopped",
        "closed while authenticating": "stopped",
        "closed while syncing": "stopped",
        "closed while live": "stopped",
        "unsendable": "TypeError ",
        "names": ["RequestRefused INVALID_CHANNEL"] * 5,
        "listeners": 0,
        "leave": "RequestRefused NOT_FOUND",
        "stillThere": [True, 1],
        "left": [False, 0, 0],
    }


# ------------------------------------------------------------------ the package


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `npm pack` makes it."""
    if tool_of("deno") is None:
        pytest.skip("there is no deno for this platform")
    directory = tmp_path_factory.mktemp("package")
    build = [sys.executable, str(PACKAGE / "build.py")]
    subprocess.run(build, check=True, timeout=150)
    pack = [*(NPM or ()), "pack", "--silent", "--pack-destination", str(directory)]
    subprocess.run(pack, cwd=PACKAGE, check=True, timeout=60, stdout=subprocess.DEVNULL)
    [packed] = directory.iterdir()
    return packed


@pytest.fixture
def folder(tarball: Path, tmp_path: Path) -> Path:
    """An empty folder, and the package in it as npm installs it."""
    shutil.copy(tarball, tmp_path / "bos-client.tgz")
    install = [*(NPM or ()), "install", "--offline", "--no-audit", "--no-fund", "./bos-client.tgz"]
    subprocess.run(install, cwd=tmp_path, check=True, timeout=60, stdout=subprocess.DEVNULL)
    return tmp_path


def example() -> str:
    """The ten lines of the README."""
    text = (PACKAGE / "README.md").read_text()
    found = re.search(r"```ts\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


async def test_k2_ten_lines_in_an_empty_folder_show_live_kpis(
    folder: Path, server: Server, cast: Cast
) -> None:
    lines = example()
    assert len(lines.splitlines()) <= 10
    for ours, theirs in {
        "http://127.0.0.1:8000": server.url,
        "viewer@harbor.example": cast.vera.email,
        "bos-demo-2026": PASSWORD,
    }.items():
        assert ours in lines
        lines = lines.replace(ours, theirs)
    (folder / "kpis.ts").write_text(lines)
    process = await asyncio.create_subprocess_exec(
        *(NODE or ()), "kpis.ts", cwd=folder, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        assert (await process.stdout.readline()).decode() == "Revenue: 100 EUR\n"
        async with await Client.connect(server, cast.mia) as mia:
            await mia.set_value(cast.home.revenue, 120.5)
        assert (await process.stdout.readline()).decode() == "Revenue: 120.5 EUR\n"
    finally:
        process.kill()
        await process.wait()


def test_k2_the_client_is_smaller_than_12_kb(tmp_path: Path) -> None:
    """Minified and compressed, without the adapter."""
    deno, made = tool_of("deno"), tmp_path / "bundle.js"
    bundle = ["bundle", "--quiet", "--minify", "-o", str(made), str(PACKAGE / "src/index.ts")]
    done = subprocess.run([deno or "deno", *bundle], env=ENVIRONMENT, check=False, timeout=60)
    if done.returncode != 0:
        pytest.skip("deno could not fetch its bundler")
    small = subprocess.run(["gzip", "-9", "-c", str(made)], check=True, capture_output=True)
    assert 5_000 < len(small.stdout) <= MOST_BYTES


# ------------------------------------------------------------------ TanStack DB


@pytest.fixture(scope="session")
def tanstack() -> Path:
    """A folder with the version of @tanstack/db that package-lock.json names."""
    folder = Path(sys.prefix) / "npm"
    lock = PACKAGE / "package-lock.json"
    if not (folder / lock.name).exists() or (folder / lock.name).read_text() != lock.read_text():
        folder.mkdir(exist_ok=True)
        shutil.copy(PACKAGE / "package.json", folder)
        shutil.copy(lock, folder)
        quiet = ["--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
        command = [*(NPM or ()), "ci", "--omit=peer", *quiet]
        if subprocess.run(command, cwd=folder, check=False, timeout=120).returncode != 0:
            (folder / lock.name).unlink()
            pytest.skip("@tanstack/db cannot be installed here")
    return folder


async def test_k2_a_collection_of_tanstack_db_shows_a_write_at_once_and_takes_a_refused_one_back(
    tanstack: Path, server: Server, cast: Cast
) -> None:
    whose = {"email": cast.mia.email, "password": PASSWORD, "kpi": str(cast.home.revenue.pk)}
    said = await said_by(await node("collection.ts", {"url": server.url} | whose, cwd=tanstack))
    assert said == {
        "rows": 1,
        "before": 100,
        "set": [77, 77, None],
        "refused": [1.23456789, 77, "RequestRefused"],
        "store": 77,
    }
