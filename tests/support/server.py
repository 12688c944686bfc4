"""`manage.py` as the tests start it, in processes of its own: `serve` and `work` above all."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
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
# Four fifths of a server's start. None of them reads a setting: these are each server's own.
LIBRARIES = [
    *("django.contrib.admin", "django.core.management.commands.migrate", "django.test"),
    *("django.contrib.admin.views.main", "django.contrib.admindocs.views", "inflection"),
    *("django.contrib.auth.password_validation", "django.contrib.postgres.fields"),
    *("django.contrib.sessions.backends.db", "django.contrib.staticfiles.storage"),
    *("django.db.backends.sqlite3.base", "django.db.backends.postgresql.base", "psycopg"),
    *("rest_framework.serializers", "rest_framework.metadata", "rest_framework_simplejwt.utils"),
    *("drf_spectacular.utils", "unfold.dataclasses", "import_export.resources", "tablib"),
    *("simple_history.models", "picklefield", "whitenoise.middleware", "csp.middleware"),
    *("channels.generic.websocket", "channels.routing", "channels_redis.pubsub", "redis.asyncio"),
    *("uvicorn.protocols.http.httptools_impl", "uvicorn.loops.uvloop", "uvicorn.lifespan.on"),
    *("uvicorn.protocols.websockets.websockets_sansio_impl", "websockets", "limits.aio.storage"),
    *("msgspec", "jwt", "environs", "dj_database_url", "psutil", "prometheus_client"),
    *("pythonjsonlogger.json", "pygments.formatters", "pygments.lexers", "yaml", "uritemplate"),
    *("django.middleware.gzip", "pydoc", "requests", "requests_hardened", "fido2.server"),
    *("standardwebhooks", "cryptography.fernet"),
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
    process = forkserver.Process(target=_become, args=(arguments, log, log, full, forked))
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


def manage(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run manage.py with these variables until it ends by itself; None takes one away."""
    changed = os.environ | {name: value for name, value in environment.items() if value is not None}
    for name in [name for name, value in environment.items() if value is None]:
        changed.pop(name, None)
    with tempfile.TemporaryDirectory() as directory:
        said, wrong = Path(directory, "said"), Path(directory, "wrong")
        process = forkserver.Process(
            target=_become, args=([MANAGE, *arguments], said, wrong, changed, True)
        )
        process.start()
        process.join(START_TIMEOUT)
        code = process.exitcode
        process.kill()
        if code is None:
            raise TimeoutError(f"{arguments} does not end")
        return subprocess.CompletedProcess(arguments, code, said.read_text(), wrong.read_text())


def _become(
    arguments: list[str], said: Path, wrong: Path, environment: dict[str, str], forked: bool
) -> None:
    """In the process: run Python with these arguments.

    said, wrong: the files that it writes to, and writes what went wrong to; one may be both.
    """
    die_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for path, descriptor in ((said, 1), (wrong, 2)):
        with path.open("ab") as output:
            os.dup2(output.fileno(), descriptor)
    if not forked:
        os.execv(sys.executable, [sys.executable, *arguments])
    hash_passwords_quickly()
    sys.argv = arguments
    runpy.run_path(MANAGE, run_name="__main__")


def hash_passwords_quickly() -> None:
    """A third of a second a password otherwise: the servers hash anew what the tests hashed so."""
    PBKDF2PasswordHasher.iterations = 1_000
