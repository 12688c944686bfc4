"""`manage.py serve` as the tests start it: the real server, in processes of its own."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import runpy
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests.support.services import START_TIMEOUT, die_with_parent, free_port, wait_for_port
from tests.support.waiting import until

METRICS_TOKEN = "a token of the tests' own"
ROOT = Path(__file__).resolve().parents[2]
MANAGE = "manage.py"
# Three fifths of a server's start. None of them reads a setting: these are each server's own.
LIBRARIES = [
    *("django.contrib.admin", "django.core.management", "import_export", "tablib"),
    *("django.db.backends.sqlite3.base", "django.db.backends.postgresql.base", "psycopg"),
    *("channels.generic.websocket", "channels_redis.pubsub", "redis.asyncio", "msgspec", "jwt"),
    *("uvicorn", "uvloop", "httptools", "websockets", "limits.aio.storage", "environs", "psutil"),
    *("django.test", "pygments.formatters", "pygments.lexers", "yaml", "uritemplate", "inflection"),
]
# A process that has imported them, and of which a process is forked for each server.
forkserver = multiprocessing.get_context("forkserver")
forkserver.set_forkserver_preload(LIBRARIES)


@dataclass(slots=True)
class Server:
    port: int
    process: BaseProcess
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/ws"

    def resident_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1])

    async def logged(self, text: str, *, within: float = 10) -> None:
        """Wait until the server has logged this."""
        await until(lambda: text in self.log.read_text(errors="replace"), within=within)

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    async def ended(self, *, within: float) -> int | None:
        """Its exit code; None while it runs."""
        await asyncio.to_thread(self.process.join, within)
        return self.process.exitcode


@contextlib.contextmanager
def serving(
    log: Path,
    settings: Mapping[str, str] | None = None,
    *,
    processes: int = 1,
    port: int | None = None,
    by: str = "serve",
    **more: str,
) -> Iterator[Server]:
    """Serve with these settings; `more` win. by: 'serve', or 'daphne'."""
    port = port or free_port()
    command = {
        "serve": [MANAGE, "serve", f"--port={port}", f"--processes={processes}"],
        "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "bos.asgi:application"],
    }
    # uvicorn starts further processes as this one was started.
    forked = by == "serve" and processes == 1
    environment = {**(settings or {}), **more}
    with _started(command[by], log, environment, patience=15, forked=forked) as process:
        wait_for_port(port, lambda: process.exitcode)
        yield Server(port, process, log)


@contextlib.contextmanager
def working(log: Path, **environment: str) -> Iterator[BaseProcess]:
    """`manage.py work`, from when it has begun."""
    with _started([MANAGE, "work"], log, environment, patience=30) as process:
        deadline = time.monotonic() + START_TIMEOUT
        while "Working" not in log.read_text():
            if not process.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(log.read_text())
            time.sleep(0.02)  # a file tells nobody that it has grown
        yield process


@contextlib.contextmanager
def _started(
    arguments: list[str],
    log: Path,
    environment: dict[str, str],
    *,
    patience: float,
    forked: bool = True,
) -> Iterator[BaseProcess]:
    """patience: seconds within which it ends after SIGTERM."""
    log.touch()
    ours = {"LOG_LEVEL": "WARNING", "BOS_METRICS_TOKEN": METRICS_TOKEN}
    full = os.environ | ours | environment
    process = forkserver.Process(target=_become, args=(arguments, log, full, forked))
    process.start()
    try:
        yield process
    finally:
        if process.is_alive():
            process.terminate()
            process.join(patience)
        if process.is_alive():
            process.kill()
            raise TimeoutError(f"{arguments} does not end")


def _become(arguments: list[str], log: Path, environment: dict[str, str], forked: bool) -> None:
    """In the process: run Python with these arguments."""
    die_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    with log.open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    if not forked:
        os.execv(sys.executable, [sys.executable, *arguments])
    hash_passwords_quickly()
    sys.argv = arguments
    runpy.run_path(MANAGE, run_name="__main__")


def hash_passwords_quickly() -> None:
    """A third of a second a password otherwise: the servers hash anew what the tests hashed so."""
    PBKDF2PasswordHasher.iterations = 1_000
