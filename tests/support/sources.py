"""A server of the tests' own that answers as it was told to: what connectors fetch from.

A process of its own: the tests' process forks to fetch, and should have no other thread then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.support.services import die_with_parent

HANGS = 60.0
"""Seconds: longer than anybody waits here."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The server, by its port."""

    port: int

    def answer(self, body: bytes | str | Any, status: int = 200, **more: Any) -> str:
        """Have a new address answer so; return it.

        more: `location` to redirect, `hangs` to say nothing, `drips` to send a byte now and then.
        """
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        content = text.encode() if isinstance(text, str) else text
        address = f"http://127.0.0.1:{self.port}/{uuid.uuid4().hex}"
        told = json.dumps({"status": status} | more)
        put = urllib.request.Request(address, content, {"X-Answer": told}, method="PUT")
        urllib.request.urlopen(put, timeout=10).close()
        return address

    def seen(self, address: str) -> list[dict[str, Any]]:
        """Return what was asked for at this address: path, query and headers of each request."""
        asked = urllib.request.Request(address, method="OPTIONS")
        with urllib.request.urlopen(asked, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found


@contextmanager
def serving_sources() -> Iterator[Sources]:
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    assert process.stdout is not None
    try:
        yield Sources(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class _Handler(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, tuple[dict[str, Any], bytes]]] = {}
    asked: ClassVar[dict[str, list[dict[str, Any]]]] = {}

    @property
    def _name(self) -> str:
        return urlsplit(self.path).path.split("/")[1]

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.answers[self._name] = json.loads(self.headers["X-Answer"]), content
        self._send(204, b"")

    def do_OPTIONS(self) -> None:
        self._send(200, json.dumps(self.asked.get(self._name, [])).encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        about = {
            "path": parts.path.removeprefix(f"/{self._name}"),
            "query": parse_qs(parts.query),
            "headers": dict(self.headers),
        }
        self.asked.setdefault(self._name, []).append(about)
        told, content = self.answers.get(self._name, ({"status": 404}, b""))
        if told.get("hangs"):
            time.sleep(HANGS)
        elif told.get("drips"):
            self._drip()
        else:
            self._send(told["status"], content, told.get("location"))

    def _drip(self) -> None:
        """Send a head that does not end: each byte is in time for whoever waits for a byte."""
        ends_at = time.monotonic() + HANGS
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while time.monotonic() < ends_at:
                self.wfile.write(b"X-A: b\r\n")
                time.sleep(0.5)
        except OSError:
            self.close_connection = True

    def _send(self, status: int, content: bytes, location: str | None = None) -> None:
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
