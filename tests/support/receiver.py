"""A receiver of requests, on real sockets, which can fail, hang and lie."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from django.db.models.functions import Now
from standardwebhooks import Webhook as Verifier

from bos.models import Role, Webhook
from bos.webhooks.delivery import take_turn
from bos.webhooks.endpoints import webhook_create
from tests.support.cast import Tenant
from tests.support.machines import Machine, make_machine

Ended = threading.Event
Behaviour = Callable[[socket.socket, Ended], None]
"""Answers a request; the event is set when the receiver ends."""


# ------------------------------------------------------------------ ways to answer


def answers(status: int, *headers: str, content: bytes = b"") -> Behaviour:
    lines = [f"HTTP/1.1 {status} x", *headers, f"Content-Length: {len(content)}", "", ""]

    def answer(connection: socket.socket, ended: Ended) -> None:
        connection.sendall("\r\n".join(lines).encode() + content)

    return answer


def hangs(connection: socket.socket, ended: Ended) -> None:
    ended.wait(30)


def late(seconds: float) -> Behaviour:
    def answer(connection: socket.socket, ended: Ended) -> None:
        ended.wait(seconds)
        answers(200)(connection, ended)

    return answer


def hangs_up(connection: socket.socket, ended: Ended) -> None:
    connection.sendall(b"HTTP/1.1 2")


def hangs_up_in_header(connection: socket.socket, ended: Ended) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")


def hangs_up_in_content(connection: socket.socket, ended: Ended) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")


def trickles(connection: socket.socket, ended: Ended) -> None:
    """A header without end, of which a byte comes before anybody loses patience with the next."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not ended.wait(0.05):
        connection.sendall(b"x")


def never_ends(status: int, *headers: str) -> Behaviour:
    """Content without end, as fast as it goes."""

    def answer(connection: socket.socket, ended: Ended) -> None:
        connection.sendall("\r\n".join([f"HTTP/1.1 {status} x", *headers, "", ""]).encode())
        while not ended.is_set():
            connection.sendall(b"x" * 65_536)

    return answer


def taking_part(act: Callable[[], object], then: Behaviour | None = None) -> Behaviour:
    """Do something while the request is under way."""

    def answer(connection: socket.socket, ended: Ended) -> None:
        act()
        (then or answers(200))(connection, ended)

    return answer


# ------------------------------------------------------------------ the receiver


@dataclass(frozen=True, slots=True)
class Received:
    headers: dict[str, str]
    content: bytes
    at: float
    """By `time.monotonic`."""

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def sequence(self) -> int:
        return int(self.id.rpartition(":")[2])

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    def verified(self, secret: str) -> Any:
        """The body, if the signature is the secret's. Raises WebhookVerificationError."""
        return Verifier(secret).verify(self.content, self.headers)


class Receiver:
    """Answers each request as it was told to, and then with 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._behaviours: list[Behaviour] = []
        self._ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/events?from=bos"

    @property
    def sequences(self) -> list[int]:
        return [each.sequence for each in self.received]

    def will(self, *behaviours: Behaviour) -> None:
        """Answer the next requests so, one each."""
        self._behaviours += behaviours

    def let_go(self) -> None:
        """Have all that hangs go on."""
        self._ended.set()

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes what accepts
        self._listening.close()
        self._accepting.join(5)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the other end has hung up
            connection.settimeout(10)
            received = _read(connection)
            if received is None:
                return
            self.received.append(received)
            behaviour = self._behaviours.pop(0) if self._behaviours else answers(200)
            behaviour(connection, self._ended)


def _read(connection: socket.socket) -> Received | None:
    read = b""
    while b"\r\n\r\n" not in read:
        more = connection.recv(65_536)
        if not more:
            return None
        read += more
    head, _, content = read.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(content) < int(headers.get("content-length", 0)):
        more = connection.recv(65_536)
        if not more:
            return None
        content += more
    return Received(headers, content, time.monotonic())


# ------------------------------------------------------------------ endpoints


@dataclass(slots=True)
class Endpoint:
    webhook: Webhook
    secret: str
    machine: Machine

    def now(self) -> Webhook:
        """Its row."""
        found: Webhook = Webhook.objects.get(pk=self.webhook.pk)
        return found

    def set(self, **values: Any) -> None:
        Webhook.objects.filter(pk=self.webhook.pk).update(**values)

    def deliver(self) -> Webhook:
        """Give it a turn now, whatever its pause; its row after that."""
        self.set(due_at=Now())
        take_turn(self.webhook.pk)
        return self.now()


def make_endpoint(
    tenant: Tenant,
    receiver: Receiver,
    *event_types: str,
    role: Role = Role.MANAGER,
    name: str = "Till",
) -> Endpoint:
    machine = make_machine(tenant.organization, role)
    webhook, secret = webhook_create(
        tenant.organization.pk,
        name=name,
        address=receiver.address,
        account=machine.user.service_account,
        event_types=event_types,
    )
    return Endpoint(webhook, secret, machine)
