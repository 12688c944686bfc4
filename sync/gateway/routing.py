"""Where WebSockets are served: /v1/ws and nowhere else (decision W1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sync.gateway.consumer import GatewayConsumer

ENDPOINT = "/v1/ws"


def websocket_application() -> Callable[..., Awaitable[None]]:
    consumer = GatewayConsumer.as_asgi()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == ENDPOINT:
            await consumer(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close"})

    return application
