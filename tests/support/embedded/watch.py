"""python watch.py SHOP TOKEN [SEQUENCE]: what happened since then, and what happens now."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import connect


async def watch(
    shop: str, token: str, after: int | None = None, *, address: str = "127.0.0.1:8000"
) -> AsyncIterator[dict[str, Any]]:
    """Yield each message of the server; after: the last sequence that was seen."""
    async with connect(f"ws://{address}/v1/ws", subprotocols=["bos-v1"]) as socket:

        async def send(type_: str, **payload: object) -> None:
            await socket.send(json.dumps({"type": type_, "payload": payload}))

        channels = [f"shop:{shop}"]
        await send("AUTH", token=token)
        await send("SUBSCRIBE", channels=channels)
        cursor = {} if after is None else {"lastSequence": after}
        await send("SYNC_REQUEST", channels=channels, **cursor)
        async for frame in socket:
            yield json.loads(frame)


async def main(shop: str, token: str, after: str | None = None) -> None:
    async for message in watch(shop, token, None if after is None else int(after)):
        print(message["type"], message.get("payload"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
