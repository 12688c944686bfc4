"""The baseline: the same messages as most people would write them with Channels.

One consumer and one group member a socket, JSON encoded for every socket, the usual Redis layer,
Daphne. It does less than the product: no permission is checked, nothing is stored, nothing can be
caught up with.

    daphne -p PORT benchmarks.naive:application

Environment: NAIVE_DATABASE (a SQLite file, created), NAIVE_TOKEN_SECRET, REDIS_URL.
"""

import os
from datetime import UTC, datetime
from typing import Any

import django
import jwt
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ["NAIVE_TOKEN_SECRET"],
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "channels"],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["NAIVE_DATABASE"]}
    },
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
        }
    },
    USE_TZ=True,
)
django.setup()

# These can be imported once Django is set up, and not before: E402.
from channels.db import database_sync_to_async  # noqa: E402 -- needs the settings
from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402 -- needs the settings
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 -- needs the settings
from django.contrib.auth.models import User  # noqa: E402 -- needs the settings
from django.core.management import call_command  # noqa: E402 -- needs the settings
from django.urls import path  # noqa: E402 -- needs the settings

USERS = 10
"""Users with the ids 1 to 10; a token's `sub` is one of them."""


def prepare_database() -> None:
    """Create the users table and the users; harmless when they are there."""
    call_command("migrate", verbosity=0)
    users = [
        User(pk=pk, username=f"user-{pk}", email=f"user-{pk}@example.com")
        for pk in range(1, USERS + 1)
    ]
    User.objects.bulk_create(users, ignore_conflicts=True)


def timestamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class NaiveConsumer(AsyncJsonWebsocketConsumer):
    user: User | None = None
    organization_group = ""
    subscribed = False

    async def connect(self) -> None:
        await self.accept("bos-v1")

    async def disconnect(self, code: int) -> None:
        if self.subscribed:
            await self.channel_layer.group_discard(self.organization_group, self.channel_name)

    async def receive_json(self, content: dict[str, Any], **kwargs: object) -> None:
        handlers = {
            "AUTH": self.authenticate,
            "SUBSCRIBE": self.subscribe,
            "KPI_UPDATE": self.update_kpi,
            "PING": self.pong,
        }
        if handler := handlers.get(content["type"]):
            await handler(content)

    async def reply(self, request: dict[str, Any], type: str, payload: dict[str, Any]) -> None:
        await self.send_json(
            {
                "type": type,
                "payload": payload,
                "requestId": request.get("requestId"),
                "timestamp": timestamp(),
            }
        )

    async def authenticate(self, request: dict[str, Any]) -> None:
        try:
            claims = jwt.decode(
                request["payload"]["token"], settings.SECRET_KEY, algorithms=["HS256"]
            )
            self.user = await database_sync_to_async(User.objects.get)(pk=claims["sub"])
        except (jwt.InvalidTokenError, User.DoesNotExist):
            await self.reply(
                request, "AUTH_FAILED", {"error": "INVALID_TOKEN", "message": "Invalid token"}
            )
            return
        self.organization_group = f"organization.{claims['organization']}"
        expires_at = datetime.fromtimestamp(claims["exp"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        payload = {"userId": str(self.user.pk), "organizationId": claims["organization"]}
        payload |= {"sessionId": self.channel_name, "expiresAt": expires_at}
        await self.reply(request, "AUTH_SUCCESS", payload)

    async def subscribe(self, request: dict[str, Any]) -> None:
        self.subscribed = True
        await self.channel_layer.group_add(self.organization_group, self.channel_name)
        await self.reply(request, "SUBSCRIBED", request["payload"])

    async def update_kpi(self, request: dict[str, Any]) -> None:
        user = self.user
        assert user is not None, "signed in before"
        kpi_id, value = request["payload"]["kpiId"], request["payload"]["value"]
        message = {
            "type": "SYNC_UPDATE",
            "payload": {
                "entityType": "kpi",
                "entityId": kpi_id,
                "changeType": "updated",
                "data": {
                    "id": kpi_id,
                    "name": "Monthly Revenue",
                    "value": value,
                    "target": 1500000.0,
                    "updatedAt": timestamp(),
                },
                "updatedBy": str(user.pk),
            },
            "timestamp": timestamp(),
        }
        await self.channel_layer.group_send(
            self.organization_group, {"type": "broadcast", "message": message}
        )

    async def broadcast(self, event: dict[str, Any]) -> None:
        await self.send_json(event["message"])

    async def pong(self, request: dict[str, Any]) -> None:
        await self.reply(request, "PONG", {})


prepare_database()
application = ProtocolTypeRouter({"websocket": URLRouter([path("v1/ws", NaiveConsumer.as_asgi())])})
