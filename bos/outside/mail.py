"""Mails: their parts, and the conversation with the mail server."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from contextlib import suppress
from email.utils import formataddr, parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.urls import reverse

from bos.models import Delivery, DeliveryKind, User
from bos.outside.outcomes import Away, Later, NotSent, Refused, Unanswered
from bos.outside.smtp import EmailBackend
from bos.outside.stopping import stop_token
from bos.outside.writing import Words, link
from bos.texts import cut

SUBJECT_LENGTH = 150
WORDS_OF_SERVER = 200
FILE_BYTES = 5_000_000
"""A larger file is not attached: its link is there."""


def mail_of(delivery: Delivery, user: User, words: Words) -> EmailMultiAlternatives:
    """Return the mail, as text and HTML. Raises Refused where it cannot be written."""
    stop = stop_page(user, words.stops)
    context = {
        "words": words,
        "letters": [{"words": letter, "link": link(letter.path)} for letter in words.letters],
        "is_bundle": delivery.kind in (DeliveryKind.DIGEST, DeliveryKind.MORE),
        "user": user,
        "organization": delivery.organization,
        "home": link("/"),
        "choices": link(reverse("account-messages")),
        "stop": stop,
    }
    mail = EmailMultiAlternatives(
        subject=cut(words.subject, SUBJECT_LENGTH),
        body=render_to_string("outside/mail.txt", context),
        from_email=settings.MAIL_FROM,
        to=[address_of(user)],
        headers=headers_of(delivery, stop),
    )
    mail.attach_alternative(render_to_string("outside/mail.html", context), "text/html")
    if delivery.kind == DeliveryKind.MESSAGE:
        read = words.letters[0].file
        file = None if read is None else read()
        if file is not None and len(file.content) < FILE_BYTES:
            mail.attach(file.name, file.content, file.content_type)
    return mail


def address_of(user: User) -> str:
    """Raises Refused where what is stored is no address."""
    try:
        validate_email(user.email)
        return formataddr((cut(user.name, 100), user.email))
    except (ValidationError, UnicodeError) as error:
        raise Refused("No mail can be written to this address.") from error


def headers_of(delivery: Delivery, stop: str) -> dict[str, str]:
    """Return what tells other machines what this is; the same id each time that it is sent."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    headers = {
        "Message-ID": f"<{delivery.pk}@{host}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if stop:
        headers["List-Unsubscribe"] = f"<{stop}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def stop_page(user: User, stops: str) -> str:
    """Return the address that ends such mails with one click (RFC 8058); none for a test."""
    if not stops:
        return ""
    return link(reverse("stop-messages", args=(stop_token(user, stops),)))


class PostOffice:
    """The mail server, through one connection for many mails. Close it in the end."""

    def __init__(self) -> None:
        self._connection: Any = None

    def send(self, mail: EmailMultiAlternatives, before_text: Callable[[], None]) -> None:
        """Send a mail. Raises what `bos.outside.outcomes` has, and what `before_text` raises.

        before_text: called just before its text leaves, where the way to the server can tell.
        """
        is_new = self._connection is None
        handed = False

        def hand_over() -> None:
            nonlocal handed
            before_text()
            handed = True

        connection = self._opened()
        try:
            if isinstance(connection, EmailBackend):
                connection.tell_before_text(hand_over)
            else:
                hand_over()
            connection.send_messages([mail])
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            outcome = _outcome(error, handed)
            if is_new or not isinstance(outcome, Away):
                raise outcome from error
            self.send(mail, before_text)  # the server may have had enough of the connection
        except Exception as error:
            self.close()  # in the middle of a mail
            if handed:
                raise Unanswered(UNANSWERED) from error
            raise

    def _opened(self) -> Any:
        if self._connection is None:
            connection = get_connection()
            try:
                connection.open()
            except smtplib.SMTPAuthenticationError as error:
                problem = "The mail server does not take the name and password of EMAIL_URL."
                raise Away(problem) from error
            except (smtplib.SMTPException, OSError) as error:
                raise Away("The mail server cannot be reached, or does not answer.") from error
            self._connection = connection
        return self._connection

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                connection.close()


def _outcome(error: Exception, handed: bool) -> NotSent:
    """Return what the answer of the mail server means."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(error.recipients.values()))
            words = f"The mail server does not take this address: {_said(code, said)}"
            return Refused(words) if code >= PERMANENT else Later(words)
        case smtplib.SMTPSenderRefused():
            sender = parseaddr(settings.MAIL_FROM)[1]
            answer = _said(error.smtp_code, error.smtp_error)
            return Away(f"The mail server takes no mail from {sender}: {answer}")
        case smtplib.SMTPDataError():
            answer = _said(error.smtp_code, error.smtp_error)
            words = f"The mail server does not take this mail: {answer}"
            if error.smtp_code == CLOSING:
                return Away(words)
            return Refused(words) if error.smtp_code >= PERMANENT else Later(words)
        case smtplib.SMTPNotSupportedError():
            return Refused("The mail server takes no address with such letters.")
    if handed:
        return Unanswered(UNANSWERED)
    return Away("The mail server hung up, or does not answer.")


UNANSWERED = (
    "The mail server did not say whether it has taken the mail. It may have arrived, so it is not"
    " sent again by itself."
)
CLOSING, PERMANENT = 421, 500
"""Answers of a mail server: it closes; from which on it will not take this mail another time."""


def _said(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return cut(f"{code} {text}", WORDS_OF_SERVER)
