"""The kernel's settings: `settings.SYNC`, typed. Times in seconds, sizes in bytes.

Only `authenticator` has no default that serves.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    authenticator: str = ""
    """Dotted path of a `sync.protocol.authenticator.Authenticator`."""
    redis_urls: tuple[str, ...] = ()
    redis_prefix: str = "sync"
    """Begins every key in Redis: projects that share a Redis have one each."""
    environment_prefix: str = ""
    """How the project calls these settings where it reads them from the environment: `SHOP_` for
    SHOP_AUTH_TIMEOUT. Checks name them so."""
    allowed_origins: tuple[str, ...] = ()
    auth_timeout: float = 10
    reauth_grace: float = 60
    heartbeat_interval: float = 30
    heartbeat_timeout: float = 10
    idle_timeout: float = 300
    max_message_bytes: int = 2**20
    max_unauthenticated_bytes: int = 2**14
    """The largest message before AUTH."""
    max_message_items: int = 10_000
    """Values of a message, those inside of others included."""
    max_connections_per_user: int = 10
    unauthenticated_per_address: int = 50
    """WebSockets of one address (IPv6: /64) in a process that have not signed in."""
    unauthenticated_per_process: int = 1000
    handshakes_per_second: float = 50
    """Of one address in a process; ten times as many at once."""
    frames_per_second: float = 200
    """WebSocket frames of a connection, of whatever kind; ten times as many at once."""
    bytes_per_minute: int = 8 * 2**20
    """Of a connection's messages."""
    messages_per_minute: int = 100
    user_messages_per_minute: int = 300
    user_work_per_minute: int = 15_000
    organization_work_per_minute: int = 120_000
    """In units of `sync.delivery.budgets`."""
    send_queue_bytes: int = 2**20
    send_loop: bool = True
    """Write to many sockets at once in C, where that has been compiled."""
    idempotency_seconds: float = 600
    history_days: float = 7
    # HTTP requests, that of a WebSocket's handshake included.
    request_timeout: float = 10
    """For a request's head, and again for each 64 kB of its body."""
    max_header_bytes: int = 2**16
    max_body_bytes: int = 10 * 2**20
    # Not in the environment: consequences of the above, or of what was measured.
    max_subscriptions: int = 500
    head_check: float = 1.0
    """How often the log's heads are compared: how late an event is while Redis is away."""
    # L3 gives a slow client 15 s from the queue being full to its end: these two together.
    slow_patience: float = 8
    """How long a client may take to read what waits, before it is closed."""
    close_patience: float = 5
    """How long a client may take to read why it is closed, before the socket is."""
    coalesce: float = 0.001
    """How long what is ready waits for more, to go out in one write."""

    def name_of(self, setting: str) -> str:
        """Return what people know this setting by."""
        if self.environment_prefix:
            return f"{self.environment_prefix}{setting.upper()}"
        return f"SYNC[{setting!r}]"


def read_settings() -> SyncSettings:
    """Raises ImproperlyConfigured for a setting that there is not."""
    sync: dict[str, Any] = getattr(settings, "SYNC", {})
    if unknown := sync.keys() - {field.name for field in fields(SyncSettings)}:
        raise ImproperlyConfigured(f"SYNC has no setting {', '.join(sorted(unknown))}.")
    return SyncSettings(**sync)


@lru_cache(maxsize=1)
def sync_settings() -> SyncSettings:
    return read_settings()
