"""The admin's pages of a running server, as a browser asks for them."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from typing import Any

from tests.support import doors
from tests.support.cast import Person
from tests.support.server import Server

CSRF = "c" * 32


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        """A redirect is an answer, too."""


_open = urllib.request.build_opener(_Stay).open


class Pages:
    """Signed in as this person: the session is in the database that the server uses, too."""

    def __init__(self, server: Server, person: Person) -> None:
        session = doors.browser(person).cookies["sessionid"].value
        self._server = server
        self._headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
        }

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text."""
        status, text, _ = await asyncio.to_thread(self._ask, path, None)
        return status, text

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Status and where it leads."""
        sent = urllib.parse.urlencode(fields).encode()
        status, _, headers = await asyncio.to_thread(self._ask, path, sent)
        return status, headers.get("Location", "")

    def _ask(self, path: str, sent: bytes | None) -> tuple[int, str, Message]:
        request = urllib.request.Request(self._server.url + path, sent, self._headers)
        try:
            with _open(request, timeout=10) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode(), refused.headers
