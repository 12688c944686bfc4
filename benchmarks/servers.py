"""Starts the servers under load, each alone on its core, and says how to talk to them."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine
from tests.support.services import die_with_parent, free_port

ROOT = Path(__file__).resolve().parent.parent

START_SECONDS = 60
KPI = "770e8400-e29b-41d4-a716-446655440002"
TOKEN_SECONDS = 3600
STOP_SECONDS = 20
"""The product promises to drain within 10 s."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A running server, as the load client sees it."""

    port: int
    root_pid: int
    tokens: list[str]
    channel: str
    kpis: list[str]
    publisher_tokens: list[str] = field(default_factory=list)
    bystander_tokens: list[str] = field(default_factory=list)
    """Of users of another organization"""
    frames_per_event: int = 1
    dialect: str = "bos"
    path: str = "/v1/ws"
    publish_path: str = ""
    on_server_core: bool = True
    """Alone on the server's core: what else runs there disturbs it"""

    def pids(self) -> list[int]:
        return machine.process_tree(self.root_pid)


@contextlib.contextmanager
def pinned_server(
    command: list[str], *, port: int, environment: dict[str, str], log: Path
) -> Iterator[int]:
    """Run a server on the first core until the block ends; yields its pid once it listens."""
    core, _ = machine.cores()

    def confined() -> None:
        die_with_parent()
        os.sched_setaffinity(0, {core})

    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=confined,
        )
        try:
            _wait_until_listening(process, port, log)
            yield process.pid
        finally:
            _stop(process)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise RuntimeError(f"the server did not start:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # Whatever is left of its own session: a child that outlived it would share the core with the
    # next server.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def naive_tokens(secret: str) -> list[str]:
    """Of the users that the naive server has."""
    import jwt

    expires_at = int(time.time()) + TOKEN_SECONDS
    return [
        jwt.encode({"sub": str(user), "organization": "1", "exp": expires_at}, secret, "HS256")
        for user in range(1, 11)
    ]


@contextlib.contextmanager
def _channels_server(
    command: list[str], *, port: int, environment: dict[str, str], directory: Path
) -> Iterator[Target]:
    secret = secrets.token_hex(32)
    told = environment | {"NAIVE_TOKEN_SECRET": secret}
    log = directory / "channels.log"
    with pinned_server(command, port=port, environment=told, log=log) as pid:
        tokens = naive_tokens(secret)
        yield Target(
            port=port,
            root_pid=pid,
            tokens=tokens,
            publisher_tokens=tokens[:1],
            channel="organization:1",
            kpis=[KPI],
        )


@contextlib.contextmanager
def naive_server(*, redis_url: str, directory: Path) -> Iterator[Target]:
    """benchmarks.naive on Daphne."""
    port = free_port()
    application = "benchmarks.naive:application"
    command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), application]
    environment = {"NAIVE_DATABASE": str(directory / "naive.sqlite3"), "REDIS_URL": redis_url}
    serving = _channels_server(command, port=port, environment=environment, directory=directory)
    with serving as target:
        yield target


@contextlib.contextmanager
def plain_server(
    *, redis_url: str, directory: Path, database_url: str | None = None
) -> Iterator[Target]:
    """benchmarks.plain on uvicorn, as the product; without a database it makes a SQLite file."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), "--loop", "uvloop"]
    command += ["--log-level", "warning", "benchmarks.plain:application"]
    environment = {
        "PLAIN_DATABASE": database_url or f"sqlite:///{directory / 'plain.sqlite3'}",
        "REDIS_URL": redis_url,
    }
    serving = _channels_server(command, port=port, environment=environment, directory=directory)
    with serving as target:
        yield target
