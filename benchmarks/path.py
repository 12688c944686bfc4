"""`python -m benchmarks.path`: the way of a KPI_UPDATE, in functions and in changes of package.

One server process over SQLite; one client sets a KPI, and it and another one get the change. What
counts are the distinct functions of the four packages that run from the request to the last
delivery, in all threads, and the distinct calls between two of them that lead from one package, or
wing of `sync`, to another. What runs by itself meanwhile (a renewed lease) is not in every run, and
does not count. `--root` takes another version of the code, `--list` names the functions.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.product import manage
from benchmarks.servers import ROOT
from tests.support.services import die_with_parent, free_port, wait_for_port

RUNS = 7
WARM_UP = 3  # what runs once only, such as a late import, is not the way of a change
QUIET_SECONDS = 0.5  # after the last delivery: what was put off has run by then
PATIENCE_SECONDS = 20

Call = tuple[str, str]


class Traced:
    """A server whose calls can be noted."""

    def __init__(self, root: Path, environment: dict[str, str], log: IO[bytes]) -> None:
        self.port = free_port()
        tracing = str(Path(__file__).with_name("tracing.py"))
        command = [sys.executable, tracing, str(root), "manage.py", "serve", "--processes=1"]
        self._process = subprocess.Popen(
            [*command, f"--port={self.port}"],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=die_with_parent,
        )
        self._read("Serving")
        wait_for_port(self.port, self._process.poll)

    def calls_of(self, change: Callable[[], None]) -> set[Call]:
        """Return which function called which while this was done, and until all was quiet."""
        self._say("begin")
        self._read("NOTING")
        change()
        time.sleep(QUIET_SECONDS)
        self._say("end")
        return {(caller, callee) for caller, callee in json.loads(self._read("PATH "))}

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _read(self, beginning: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(beginning):
                return line.removeprefix(beginning)
        raise RuntimeError(f"the server has ended before it said {beginning!r}")


def sign_in(port: int, user: dict[str, str]) -> ClientConnection:
    """Return a connection that is signed in and follows its organization."""
    body = json.dumps({"email": user["email"], "password": user["password"]}).encode()
    headers = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:{port}/auth/token"
    with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:
        token = json.load(answer)["access"]
    address = f"ws://127.0.0.1:{port}/v1/ws"
    socket = connect(address, subprotocols=[Subprotocol("bos-v1")], legacy=True)
    signed_in = ask(socket, "AUTH", {"token": token})
    channel = f"organization:{signed_in['payload']['organizationId']}"
    ask(socket, "SUBSCRIBE", {"channels": [channel]})
    return socket


def ask(socket: ClientConnection, type: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Send a request, and return its answer."""
    request_id = uuid.uuid4().hex
    socket.send(json.dumps({"type": type, "payload": payload, "requestId": request_id}))
    return receive(socket, lambda message: message.get("requestId") == request_id)


def receive(socket: ClientConnection, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the next message that is it."""
    while True:
        message: dict[str, Any] = json.loads(socket.recv(PATIENCE_SECONDS))
        if is_it(message):
            return message


@contextlib.contextmanager
def prepared(root: Path) -> Iterator[tuple[Traced, dict[str, Any]]]:
    """A traced server over fresh demo data, and the organization that is in it."""
    with tempfile.TemporaryDirectory(prefix="bos-path-") as directory:
        environment = {
            "DATABASE_URL": f"sqlite:///{directory}/path.sqlite3",
            "SECRET_KEY": secrets.token_hex(32),
            "DEBUG": "on",
            "REDIS_URL": "",
        }
        manage("migrate", environment=environment, root=root)
        seeded = json.loads(
            manage("seed_demo", "--json", "--force", environment=environment, root=root)
        )
        with open(f"{directory}/log", "wb") as log:
            server = Traced(root, os.environ | environment, log)
            try:
                yield server, seeded["organizations"][0]
            finally:
                server.stop()


def trace(root: Path) -> list[set[Call]]:
    """Return the calls of each of several KPI_UPDATEs, from the request to the last delivery."""
    with prepared(root) as (server, organization):
        users = {user["role"]: user for user in organization["users"]}
        kpi = next(k["id"] for k in organization["kpis"] if k["visibility"] == "organization")
        publisher = sign_in(server.port, users["manager"])
        follower = sign_in(server.port, users["viewer"])

        def change(value: float) -> None:
            assert ask(publisher, "KPI_UPDATE", {"kpiId": kpi, "value": value})["payload"]
            for socket in (publisher, follower):
                receive(socket, lambda message: message["type"] == "SYNC_UPDATE")

        for n in range(WARM_UP):
            change(n)
        runs = [server.calls_of(partial(change, 1000 + n)) for n in range(RUNS)]
        publisher.close()
        follower.close()
    return runs


def package_of(function: str) -> str:
    return function.split(".", 1)[0]


def wing_of(function: str) -> str:
    """The wing of `sync` that a function is in; of any other package, the package."""
    first, second, *rest = function.partition(":")[0].split(".")
    return f"{first}.{second}" if first == "sync" and rest else first


def crossings(calls: set[Call], part: Callable[[str], str]) -> Counter[str]:
    """Count the calls that lead from one part to another."""
    return Counter(
        f"{part(caller)} -> {part(callee)}"
        for caller, callee in calls
        if caller and part(caller) != part(callee)
    )


def table(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))


def report(runs: list[set[Call]]) -> str:
    always = set.intersection(*runs)
    functions = {callee for _, callee in always}
    between = {"packages": crossings(always, package_of), "wings": crossings(always, wing_of)}
    lines = [
        f"KPI_UPDATE, from the request to two subscribers; what is in each of {len(runs)} runs:",
        f"{len(functions)} functions: {table(Counter(map(wing_of, functions)))}",
    ]
    for name, counted in between.items():
        lines.append(f"{counted.total()} calls between {name}: {table(counted)}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.path")
    parser.add_argument("--root", type=Path, default=ROOT, help="another version of the code")
    parser.add_argument("--list", action="store_true", help="name the functions and the crossings")
    given = parser.parse_args()
    runs = trace(given.root.resolve())
    print(report(runs))
    if given.list:
        always = set.intersection(*runs)
        print("\n".join(sorted({callee for _, callee in always})))
        for caller, callee in sorted(always):
            if caller and wing_of(caller) != wing_of(callee):
                print(f"{caller} -> {callee}")


if __name__ == "__main__":
    main()
