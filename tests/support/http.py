"""HTTP/1.1 by hand: as many requests at once as one likes, and headers as they came."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from tests.support.server import Server


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def fetch(
    server: Server,
    path: str,
    *,
    body: Any = None,
    headers: dict[str, str] | None = None,
    method: str = "",
    within: float = 30,
) -> Answer:
    """This, or GET, or POST of this as JSON; on a connection of its own."""
    sent = b"" if body is None else json.dumps(body).encode()
    lines = {"Host": f"127.0.0.1:{server.port}", "Connection": "close"}
    if body is not None:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(sent))}
    text = "".join(f"{name}: {value}\r\n" for name, value in (lines | (headers or {})).items())
    method = method or ("GET" if body is None else "POST")
    request = f"{method} {path} HTTP/1.1\r\n{text}\r\n"
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            writer.write(request.encode() + sent)
            return answer_of(await reader.read())
        finally:
            writer.close()


def answer_of(text: bytes) -> Answer:
    head, _, body = text.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    return Answer(int(status.split()[1]), headers, body)
