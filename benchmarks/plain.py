"""The baseline of writes: a plain Channels consumer, one Django transaction a request.

It stores the same rows as the product: the KPI's value, the value's history, and the event with its
place in the organization's order. It does it as most people would: the ORM, Channels' thread for
the database, one transaction for each KPI_UPDATE, the answer once that is committed. It does less
than the product: no right is checked, no request is recorded, nothing can be caught up with.

    uvicorn --port PORT --loop uvloop benchmarks.plain:application
    daphne -p PORT benchmarks.plain:application

Environment: PLAIN_DATABASE (sqlite:///file or postgres://..., tables are created), REDIS_URL,
NAIVE_TOKEN_SECRET. Tokens and users are those of `benchmarks.naive`, and any KPI that is named is
there: it is created when it is first set.
"""

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import dj_database_url
import django
import jwt
from django.conf import settings


def _database() -> dict[str, Any]:
    database: dict[str, Any] = dict(dj_database_url.parse(os.environ["PLAIN_DATABASE"]))
    database["CONN_MAX_AGE"] = None
    if database["ENGINE"].endswith("sqlite3"):
        # As the product's: without these it would fail with "database is locked", and wait for the
        # disk at every commit.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    return database


settings.configure(
    SECRET_KEY=os.environ["NAIVE_TOKEN_SECRET"],
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["channels"],
    DATABASES={"default": _database()},
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

# These can be imported once Django is set up, and not before: E402.
from channels.db import database_sync_to_async  # noqa: E402 -- needs the settings
from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402 -- needs the settings
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 -- needs the settings
from django.db import connection, models, transaction  # noqa: E402 -- needs the settings
from django.urls import path  # noqa: E402 -- needs the settings
from django.utils import timezone  # noqa: E402 -- needs the settings


class Plain(models.Model):
    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        abstract = True
        app_label = "plain"

    def __str__(self) -> str:
        return str(self.pk)


class Kpi(Plain):
    id = models.UUIDField(primary_key=True)
    organization_id = models.CharField(max_length=64)
    name = models.CharField(max_length=200, default="Monthly Revenue")
    value = models.DecimalField(max_digits=19, decimal_places=4, null=True)
    updated_at = models.DateTimeField(auto_now=True)


class KpiValue(Plain):
    kpi = models.ForeignKey(Kpi, on_delete=models.CASCADE)
    value = models.DecimalField(max_digits=19, decimal_places=4)
    at = models.DateTimeField()
    actor_id = models.CharField(max_length=64)

    class Meta(Plain.Meta):
        indexes = (models.Index(fields=("kpi", "-at"), name="plain_by_kpi_and_time"),)


class Head(Plain):
    organization_id = models.CharField(max_length=64, primary_key=True)
    sequence = models.BigIntegerField(default=0)


class Event(Plain):
    organization_id = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    entity_type = models.CharField(max_length=32)
    entity_id = models.CharField(max_length=64)
    change_type = models.CharField(max_length=16)
    data = models.JSONField()
    actor_id = models.CharField(max_length=64)

    class Meta(Plain.Meta):
        constraints = (
            models.UniqueConstraint(fields=("organization_id", "sequence"), name="plain_sequence"),
        )


def prepare_database() -> None:
    """Create the tables that are not there."""
    there = connection.introspection.table_names()
    with connection.schema_editor() as editor:
        for model in (Kpi, KpiValue, Head, Event):
            if model._meta.db_table not in there:
                editor.create_model(model)


def wire_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@transaction.atomic
def set_value(organization_id: str, user_id: str, kpi_id: str, value: float) -> dict[str, Any]:
    """Store the value, its history and its event; return the event's data."""
    kpi, _ = Kpi.objects.select_for_update().get_or_create(
        pk=kpi_id, organization_id=organization_id
    )
    kpi.value = Decimal(str(value))
    kpi.save()
    KpiValue.objects.create(kpi=kpi, value=kpi.value, at=timezone.now(), actor_id=user_id)
    data = {
        "id": kpi_id,
        "name": kpi.name,
        "value": value,
        "target": 1500000.0,
        "updatedAt": wire_time(kpi.updated_at),
    }
    head, _ = Head.objects.select_for_update().get_or_create(pk=organization_id)
    head.sequence += 1
    head.save()
    Event.objects.create(
        organization_id=organization_id,
        sequence=head.sequence,
        at=timezone.now(),
        entity_type="kpi",
        entity_id=kpi_id,
        change_type="updated",
        data=data,
        actor_id=user_id,
    )
    return data


class PlainConsumer(AsyncJsonWebsocketConsumer):
    user_id = ""
    organization_id = ""
    subscribed = False

    @property
    def group(self) -> str:
        return f"organization.{self.organization_id}"

    async def connect(self) -> None:
        await self.accept("bos-v1")

    async def disconnect(self, code: int) -> None:
        if self.subscribed:
            await self.channel_layer.group_discard(self.group, self.channel_name)

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
        message = {"type": type, "payload": payload, "timestamp": wire_time(timezone.now())}
        await self.send_json(message | {"requestId": request.get("requestId")})

    async def authenticate(self, request: dict[str, Any]) -> None:
        try:
            claims = jwt.decode(
                request["payload"]["token"], settings.SECRET_KEY, algorithms=["HS256"]
            )
        except jwt.InvalidTokenError:
            await self.reply(
                request, "AUTH_FAILED", {"error": "INVALID_TOKEN", "message": "Invalid token"}
            )
            return
        self.user_id, self.organization_id = claims["sub"], claims["organization"]
        payload = {"userId": self.user_id, "organizationId": self.organization_id}
        payload |= {"sessionId": self.channel_name}
        payload |= {"expiresAt": wire_time(datetime.fromtimestamp(claims["exp"], UTC))}
        await self.reply(request, "AUTH_SUCCESS", payload)

    async def subscribe(self, request: dict[str, Any]) -> None:
        self.subscribed = True
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.reply(request, "SUBSCRIBED", request["payload"])

    async def update_kpi(self, request: dict[str, Any]) -> None:
        kpi_id, value = request["payload"]["kpiId"], request["payload"]["value"]
        data = await database_sync_to_async(set_value)(
            self.organization_id, self.user_id, kpi_id, value
        )
        payload = {"entityType": "kpi", "entityId": kpi_id, "changeType": "updated"}
        message = {
            "type": "SYNC_UPDATE",
            "payload": payload | {"data": data, "updatedBy": self.user_id},
            "timestamp": wire_time(timezone.now()),
        }
        await self.channel_layer.group_send(self.group, {"type": "broadcast", "message": message})
        payload = {"kpiId": kpi_id, "value": value, "updatedBy": self.user_id}
        await self.reply(request, "KPI_UPDATED", payload | {"updatedAt": data["updatedAt"]})

    async def broadcast(self, event: dict[str, Any]) -> None:
        await self.send_json(event["message"])

    async def pong(self, request: dict[str, Any]) -> None:
        await self.reply(request, "PONG", {})


prepare_database()
application = ProtocolTypeRouter({"websocket": URLRouter([path("v1/ws", PlainConsumer.as_asgi())])})
