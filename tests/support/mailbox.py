"""A mail server of the tests' own, which takes mails, or does not, and keeps those that it took."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from bos.jobs.queue import path_of
from bos.models import Job
from tests.support.services import free_port

LINK = re.compile(r"https?://\S+/account/password/set/\S+/")


@dataclass(slots=True)
class Mailbox:
    """refusals: answers instead of taking the next mails; '' takes one."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    recipient_refusals: list[str] = field(default_factory=list)

    async def handle_RCPT(  # as aiosmtpd calls it
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.recipient_refusals and (refusal := self.recipient_refusals.pop(0)):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # as aiosmtpd calls it
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        if self.refusals and (refusal := self.refusals.pop(0)):
            return refusal
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    box.port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def links_in(mail: EmailMessage) -> list[str]:
    return LINK.findall(text_of(mail))


def send_by(box: Mailbox, settings: Any) -> None:
    """Have this process send its mails to this server. settings: pytest-django's fixture."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    settings.MAIL_IS_ON = True


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
