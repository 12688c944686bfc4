"""A client's driver: a process that reads commands and writes reports, one JSON object a line."""

from __future__ import annotations

import asyncio
import json
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from patterns import Json

START_S = 60.0  # a busy machine may need long to start an interpreter
LONGEST_LINE = 1 << 24


class DriverFailed(Exception):
    """The driver has not started, or has died."""


@dataclass(eq=False)
class Report:
    """A report of the driver."""

    content: dict[str, Json]
    at: float
    taken: bool = False

    @property
    def event(self) -> str:
        return str(self.content.get("event"))


@dataclass
class Driver:
    """The process. `stir` is called for each report, `note` gets a line of the trace."""

    command: Sequence[str]
    stir: Callable[[], None] = lambda: None
    note: Callable[[str], None] = lambda line: None
    heard: Callable[[Report], None] = lambda report: None
    client: str = ""
    cannot: frozenset[str] = frozenset()
    reports: list[Report] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _process: Process | None = None
    _readers: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Start the process and wait until it is ready."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.command, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=LONGEST_LINE
            )
        except OSError as error:
            raise DriverFailed(f"{' '.join(self.command)}: {error}") from None
        ready = asyncio.Event()
        self.stir = ready.set
        self._readers = [
            asyncio.create_task(self._read_reports()),
            asyncio.create_task(self._read_errors()),
        ]
        try:
            await asyncio.wait_for(ready.wait(), START_S)
        except TimeoutError:
            raise DriverFailed(f"the driver said nothing in {START_S:.0f} s") from None
        if not self.reports or self.reports[0].event != "ready":
            raise DriverFailed("\n".join(["the driver is not 'ready'", *self.wrong, *self.errors]))
        hello = self.reports.pop(0).content
        self.client = str(hello.get("client", " ".join(self.command)))
        self.cannot = frozenset(hello.get("cannot", ()))

    def forget(self) -> None:
        """Begin anew: what was reported so far belongs to another conversation."""
        self.reports, self.wrong, self.errors = [], [], []

    def tell(self, command: dict[str, Json]) -> None:
        """Write a command."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def end(self) -> None:
        """End the process: at the end of stdin by itself, or else by force."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 2)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await asyncio.gather(*self._readers)

    def kill(self) -> None:
        """End the process by force."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def _read_reports(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._read_report(line)
            self.stir()
        self.wrong.append("the driver has ended")
        self.stir()

    def _read_report(self, line: bytes) -> None:
        try:
            content = json.loads(line)
        except ValueError:
            content = None
        if not isinstance(content, dict) or "event" not in content:
            self.wrong.append(f"the driver has written no report: {line[:200]!r}")
            return
        report = Report(content, time.monotonic())
        self.reports.append(report)
        self.heard(report)

    async def _read_errors(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.errors.append(line.decode(errors="replace").rstrip())
            self.note(f"stderr: {self.errors[-1]}")
