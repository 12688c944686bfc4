"""`manage.py serve` as the tests start it: the real server, in processes of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.services import START_TIMEOUT, die_with_parent, free_port, wait_for_port

ROOT = Path(__file__).resolve().parent.parent


@dataclass(slots=True)
class Server:
    port: int
    process: subprocess.Popen[bytes]
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
        async with asyncio.timeout(within):
            while text not in self.log.read_text(errors="replace"):
                await asyncio.sleep(0.02)  # a file tells nobody that it has grown

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(
    log: Path, *, processes: int = 1, port: int | None = None, by: str = "serve", **environment: str
) -> Iterator[Server]:
    """by: 'serve', or 'daphne' as running.md says."""
    port = port or free_port()
    command = {
        "serve": ["manage.py", "serve", f"--port={port}", f"--processes={processes}"],
        "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "bos.asgi:application"],
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command[by]],
            cwd=ROOT,
            env=os.environ | {"LOG_LEVEL": "WARNING"} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
    try:
        wait_for_port(port, process)
        yield Server(port, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@contextlib.contextmanager
def working(log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py work`, from when it has begun."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "work"],
            cwd=ROOT,
            env=os.environ | {"LOG_LEVEL": "WARNING"} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while "Working" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text())
            time.sleep(0.02)  # a file tells nobody that it has grown
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
