"""docs/clients.md: each example is a whole program, and does what the page says (K2, K3)."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from django.contrib.auth.hashers import make_password

from bos.models import Role, User
from kpis.demo.seed import PASSWORD
from tests.lint import tool_of
from tests.support.cast import Cast, Person
from tests.support.client import Client
from tests.support.server import ROOT, Server

GUIDE = ROOT / "docs/clients.md"
PATIENCE = 20.0
EXPECTED = {
    "A first connection": (r"^live\b", r"^signed in as Manager, manager$"),
    "A live list": (r"^Revenue 100(\.0)? EUR$",),
    "Changing something": (r"^saved as event \d+$",),
    "Sessions, notes and cursors": (r"^\[.*Manager.*\]$", r"^\[.*Look at this.*\]$"),
}
"""By the heading: what the program of each language prints, in this order."""


def programs() -> list[tuple[str, str, str]]:
    """Return heading, language and text of each program of the page."""
    found, heading = [], ""
    for part in re.split(r"^(## .+)$", GUIDE.read_text(), flags=re.MULTILINE):
        if part.startswith("## "):
            heading = part.removeprefix("## ")
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```", part, re.MULTILINE | re.DOTALL):
            found.append((heading, language, text))
    return found


class Program:
    """A running program; what it prints is looked for in its order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: list[str] = []

    async def prints(self, pattern: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self._process.stdout.readline()).decode():
                self._lines.append(line)
                if re.search(pattern, line):
                    return
        raise AssertionError(f"{pattern} is not in {self._lines}")

    async def ends(self) -> None:
        """Assert that it comes to its end without a complaint."""
        async with asyncio.timeout(PATIENCE):
            _, complained = await self._process.communicate()
        assert (self._process.returncode, complained.decode()) == (0, "")


@asynccontextmanager
async def running(language: str, text: str, server: Server, at: Path) -> AsyncIterator[Program]:
    """Run a program as a reader of the page does, against this server."""
    if language == "python":
        (at / "program.py").write_text(text)
        command = [sys.executable, str(at / "program.py")]
    else:
        deno = tool_of("deno")
        if deno is None:
            pytest.skip("there is no deno for this platform")
        (at / "program.ts").write_text(text)
        (at / "deno.json").write_text(
            f'{{"imports": {{"@bos/client": "{ROOT}/clients/javascript/src/index.ts"}}}}'
        )
        command = [deno, "run", "--quiet", "--allow-net", "--allow-env", str(at / "program.ts")]
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ
        | {
            "BOS_URL": server.url,
            "DENO_DIR": f"{sys.prefix}/deno",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT / "clients/python/src"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def manager(cast: Cast) -> Person:
    """The account that the examples sign in with: of this organization alone."""
    before = User.objects.filter(email="manager@harbor.example")  # the password decides who it is
    before.update(is_active=False)
    user = User.objects.create(
        organization=cast.home.organization,
        email="manager@harbor.example",
        name="Manager",
        role=Role.MANAGER,
        password=make_password(PASSWORD),
    )
    return Person(user)


@pytest.mark.parametrize(
    ("heading", "language", "text"),
    [pytest.param(*one, id=f"{one[0]} ({one[1]})") for one in programs()],
)
async def test_k2_k3_each_example_of_the_guide_does_what_it_says(
    heading: str,
    language: str,
    text: str,
    server: Server,
    manager: Person,
    cast: Cast,
    tmp_path: Path,
) -> None:
    async with running(language, text, server, tmp_path) as program:
        for pattern in EXPECTED[heading]:
            await program.prints(pattern)
        if heading != "A live list":
            await program.ends()
            return
        # It goes on: somebody else changes a KPI.
        async with await Client.connect(server, cast.mia) as client:
            await client.set_value(cast.home.revenue, 120.5)
            await program.prints(r"^now: Revenue 120\.5$")


def test_each_section_with_an_example_has_it_in_both_languages() -> None:
    languages: dict[str, set[str]] = {}
    for heading, language, _ in programs():
        languages.setdefault(heading, set()).add(language)
    assert languages == {heading: {"ts", "python"} for heading in EXPECTED}
