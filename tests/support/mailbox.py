"""A mail server that takes, refuses, or keeps its clients waiting."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

from bos.jobs.queue import path_of
from bos.models import Job
from tests.support.services import free_port

PATIENCE = 50
LINK = re.compile(r"https?://\S+/account/password/set/\S+/")


@dataclass  # without slots: aiosmtpd looks at every attribute, and those of slots may not be had
class Mailbox:
    """refuse: answers by the command that gets them, MAIL, RCPT or DATA (the text of a mail).
    refusals: answers instead of taking the next mails, one each; '' takes one; recipient_refusals:
    likewise of recipients.
    before: called with the command in a thread of its own, and waited for, before it is answered.
    """

    port: int
    refuse: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    recipient_refusals: list[str] = field(default_factory=list)
    before: Callable[[str], object] | None = None
    received: list[EmailMessage] = field(default_factory=list)
    texts: int = 0
    """Mails whose text came whole, taken or not."""

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._answer("MAIL")

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        refused = self.recipient_refusals.pop(0) if self.recipient_refusals else ""
        answer = refused or await self._answer("RCPT")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.texts += 1
        refused = self.refusals.pop(0) if self.refusals else ""
        answer = refused or await self._answer("DATA")
        if answer.startswith("250"):
            message: Any = message_from_bytes(envelope.content, policy=default)
            self.received.append(message)
        return answer

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.received if mail["To"] == address]

    async def _answer(self, command: str) -> str:
        if self.before is not None:
            await asyncio.to_thread(self.before, command)
        return self.refuse.get(command, "250 OK")


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    box = Mailbox(free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


class Hold:
    """Keeps a mail server at a command until it is let go."""

    def __init__(self, command: str) -> None:
        self._command = command
        self.reached, self._go = threading.Event(), threading.Event()

    def __call__(self, command: str) -> None:
        if command == self._command:
            self.reached.set()
            self._go.wait(PATIENCE)

    def let_go(self) -> None:
        self._go.set()


def html_of(mail: EmailMessage) -> str:
    return _part(mail, "html")


def text_of(mail: EmailMessage) -> str:
    return _part(mail, "plain")


def _part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None, f"no {kind}"
    content: str = body.get_content()
    return content


def links_in(mail: EmailMessage) -> list[str]:
    return LINK.findall(text_of(mail))


def do_jobs(work: Callable[..., Any]) -> int:
    """Do what is enqueued of this work, as a worker would; how many jobs those were."""
    done = 0
    for job in Job.objects.order_by("pk"):
        task = job.task
        if task["func"] == path_of(work):
            job.delete()
            work(*task["args"])
            done += 1
    return done


def send_by(box: Mailbox, settings: Any) -> None:
    """Have this process send its mails to this server. settings: pytest-django's fixture."""
    settings.EMAIL_BACKEND = "bos.outside.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    settings.EMAIL_TIMEOUT, settings.EMAIL_ANSWER_TIMEOUT = 5, 5
    settings.MAIL_IS_ON = True
    settings.MAIL_FROM = settings.DEFAULT_FROM_EMAIL = "BOS <bos@board.example>"
    settings.PUBLIC_URL = "https://board.example"


@contextmanager
def mail_into_a_box(settings: Any) -> Iterator[Mailbox]:
    """Turn mail on, to a server that the test holds. settings: pytest-django's."""
    with mail_server() as box:
        send_by(box, settings)
        yield box
