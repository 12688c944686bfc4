"""REST requests against a running server, and without one."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from typing import Any

from django.test import Client as Browser

from tests.support.cast import PASSWORD, Person
from tests.support.server import Server


async def rest(
    server: Server,
    method: str,
    path: str,
    *,
    body: Any = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """The status and the JSON of the answer, in a thread of its own."""
    given = {"Content-Type": "application/json"} | dict(headers or {})
    return await asyncio.to_thread(_rest, server, method, path, body, token, given)


def _rest(
    server: Server, method: str, path: str, body: Any, token: str | None, headers: dict[str, str]
) -> tuple[int, Any]:
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, sent, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            status, text = refused.code, refused.read()
    return status, json.loads(text) if text else None


async def download(server: Server, path: str, token: str | None) -> tuple[int, bytes, str]:
    """Status, body and content type."""
    return await asyncio.to_thread(_download, server, path, token)


def _download(server: Server, path: str, token: str | None) -> tuple[int, bytes, str]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    try:
        request = urllib.request.Request(server.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read(), refused.headers["Content-Type"]


def an_address() -> str:
    """One that no other test has failed from: of IPv6 a network counts as one."""
    return f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"


class Caller:
    """Requests without a socket, from an address of its own."""

    def __init__(self, address: str = "") -> None:
        self.browser = Browser(REMOTE_ADDR=address or an_address())

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        sent = body if isinstance(body, str | bytes) else json.dumps(body)
        answer = self.browser.post(path, sent, content_type="application/json")
        return answer.status_code, json.loads(answer.content) if answer.content else None

    def get(self, path: str, token: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.browser.get(path, headers=headers)
        return answer.status_code, json.loads(answer.content)

    def sign_in(self, person: Person, password: str = PASSWORD) -> tuple[int, Any]:
        return self.post("/auth/token", {"email": person.email, "password": password})
