"""A client of BOS: nothing lost, nothing twice, right after every break.

    async with connect("https://bos.example", token=PasswordSession(url, email, password)) as bos:
        await bos.subscribe(f"organization:{...}")
        answer = await bos.request(KpiUpdate(kpi_id=..., value=42.5))

`bos_client.protocol` has all messages and entities.
"""

from bos_client.client import Client, State, StateChange, connect
from bos_client.errors import (
    BosError,
    CertificateError,
    ClosedError,
    ConnectionLost,
    GivenUp,
    NotBosError,
    ProtocolError,
    RateLimited,
    RequestRefused,
    SignInError,
    Timeout,
)
from bos_client.rounds import Dropped
from bos_client.sessions import Cursor, Cursors, Session
from bos_client.store import Change, Changes, Store
from bos_client.tokens import PasswordSession, StoredSession, TokenSource
from bos_client.wire import Unknown

__all__ = [
    "BosError",
    "CertificateError",
    "Change",
    "Changes",
    "Client",
    "ClosedError",
    "ConnectionLost",
    "Cursor",
    "Cursors",
    "Dropped",
    "GivenUp",
    "NotBosError",
    "PasswordSession",
    "ProtocolError",
    "RateLimited",
    "RequestRefused",
    "Session",
    "SignInError",
    "State",
    "StateChange",
    "Store",
    "StoredSession",
    "Timeout",
    "TokenSource",
    "Unknown",
    "connect",
]
