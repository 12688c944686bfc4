"""The processes of `manage.py serve`: listening, starting, and saying so when one dies."""

from __future__ import annotations

import errno
import logging
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import uvicorn
from django.core.management.base import CommandError
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from sync.gateway.exposition import Exchange, exposition

logger = logging.getLogger("bos.processes")

BACKLOG = 4096
WORKER_PATIENCE = 10.0
# A worker that dies at once, again and again, takes no whole core for it.
RESTART_SECONDS = 3.0

LISTEN_HINTS = {
    errno.EADDRINUSE: " Another program may have the port: choose another with --port, or end it.",
    errno.EADDRNOTAVAIL: " It is no address of this machine: choose another with --host.",
    errno.EACCES: " A port below 1024 needs a privilege: choose another with --port.",
}

ASKED_TO_END = {0, -signal.SIGTERM, -signal.SIGINT}

Told = Callable[[], None]


def bind(host: str, port: int) -> list[socket.socket]:
    """Take the port on every address that the host means. Raises CommandError where it cannot."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise CommandError(f"--host {host} is no address of this machine.") from None
    sockets = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            made.bind(address)
            # Here, not in what is started later: two who took the port at once would both go on.
            made.listen(BACKLOG)
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {url_of(host, port)}: {error.strerror or error}."
                f"{LISTEN_HINTS.get(error.errno or 0, '')}"
            ) from None
        sockets.append(made)
    return sockets


def url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Config(uvicorn.Config):
    """numbers: where the processes that serve leave theirs for each other, if they are several."""

    numbers: Path | None = None

    def load(self) -> None:
        """Load the application first: it sets Django up, which the protocol classes need."""
        self.load_app()
        if self.numbers is not None:
            exposition.share(self.numbers)
        super().load()


class OneProcess(uvicorn.Server):
    """Serves in this process, and says when it does."""

    def __init__(self, config: uvicorn.Config, ready: Told) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


class Processes(Multiprocess):
    """Serves in several; one that has died, or answers nothing, is started anew, with a line."""

    def __init__(self, config: Config, sockets: list[socket.socket], ready: Told) -> None:
        super().__init__(config, sockets)
        self._ready: Told | None = ready
        self._numbers = _directory_for_numbers()
        config.numbers = self._numbers

    def run(self) -> None:
        try:
            super().run()
        finally:
            shutil.rmtree(self._numbers, ignore_errors=True)

    def keep_subprocess_alive(self) -> None:
        before = list(self.processes)
        super().keep_subprocess_alive()
        for process in before:
            if process not in self.processes:  # it has died, or was killed for not answering
                extra = {"pid": process.pid} | how_it_ended(process.exitcode)
                logger.error("server process died", extra=extra)
        Exchange(self._numbers).bury([p.pid for p in self.processes if p.pid is not None])
        if self._ready is not None and all(p.is_ready(timeout=1) for p in self.processes):
            self._ready()
            self._ready = None

    @property
    def could_not_start(self) -> bool:
        return any(process.exitcode == STARTUP_FAILURE for process in self.processes)


def _directory_for_numbers() -> Path:
    """Raises CommandError where there is no place for temporary files."""
    try:
        return Path(mkdtemp(prefix="bos-numbers-"))
    except OSError as error:
        raise CommandError(
            f"Several processes need a directory for temporary files ({error.strerror or error}):"
            " set TMPDIR to one that can be written."
        ) from None


def serve(config: Config, sockets: list[socket.socket], ready: Told) -> None:
    """Serve until SIGTERM or an interrupt. ready: called once what comes is answered."""
    if config.workers > 1:
        processes = Processes(config, sockets, ready)
        processes.run()
        if processes.could_not_start:
            sys.exit(STARTUP_FAILURE)
        return
    config.load_app()
    server = OneProcess(config, ready)
    with suppress(KeyboardInterrupt):
        server.run(sockets=sockets)
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def how_it_ended(exit_code: int | None) -> dict[str, Any]:
    """As fields of a log line: `signal=SIGKILL`, or `exit_code=1`."""
    if exit_code is not None and exit_code < 0:
        with suppress(ValueError):
            return {"signal": signal.Signals(-exit_code).name}
        return {"signal": -exit_code}
    return {"exit_code": exit_code}


class Child:
    """A process beside ours that is started anew when it dies, unless it was asked to end, and ends
    with us.

    with Child([...]): ...
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._ending = threading.Event()
        # The kernel tells a child of the end of the thread that has started it, so this one stays.
        self._thread = threading.Thread(target=self._keep, name="bos-child", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Child:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(WORKER_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(WORKER_PATIENCE)

    def _keep(self) -> None:
        while not self._ending.is_set():
            self._process = process = subprocess.Popen(self._command)  # noqa: S603 -- ours
            if self._ending.is_set():  # just now: nobody else ends this one
                process.terminate()
            code = process.wait()
            if self._ending.is_set():
                return
            extra = {"pid": process.pid} | how_it_ended(code)
            if code in ASKED_TO_END:  # as we are, too, by Ctrl+C
                logger.warning("worker ended", extra=extra)
                return
            logger.error("worker died", extra=extra)
            self._ending.wait(RESTART_SECONDS)
