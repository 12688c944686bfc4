"""Django's way to a mail server, which says when the text of a mail is about to leave.

Up to then nothing was sent, and a mail may be tried again; from then until the server has answered
nobody knows whether it has taken it.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.mail.backends import smtp

_GOES_ON = 354
_DOTS = re.compile(rb"^\.", re.MULTILINE)


def _nothing() -> None:
    pass


class _Telling(smtplib.SMTP):
    """Calls `before_text` between the server's go-ahead and the text of a mail."""

    before_text: Callable[[], None] = staticmethod(_nothing)

    def data(self, msg: Any) -> tuple[int, bytes]:
        """As smtplib does it. msg: with line ends of CRLF, as Django writes it."""
        code, answer = self.docmd("data")
        if code != _GOES_ON:
            raise smtplib.SMTPDataError(code, answer)
        self.before_text()
        text = _DOTS.sub(b"..", msg)
        self.send(text if text.endswith(b"\r\n") else text + b"\r\n")
        self.send(b".\r\n")
        if self.sock is not None:
            # It may look into the mail before it answers.
            self.sock.settimeout(settings.EMAIL_ANSWER_TIMEOUT)
        code, answer = self.getreply()
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        return code, answer


class _Encrypted(_Telling, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _Encrypted if self.use_ssl else _Telling

    def tell_before_text(self, call: Callable[[], None]) -> None:
        """Call this before the text of the next mail. The connection is open."""
        assert isinstance(self.connection, _Telling), "it was opened by this class"
        self.connection.before_text = call
