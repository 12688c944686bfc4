"""Why can this account not see that channel: one step after the other, each with its reason."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import click

from bos_client.client import Client
from bos_client.command.exits import Exit, exit_of
from bos_client.command.names import channel_of
from bos_client.command.settings import Settings
from bos_client.errors import (
    BosError,
    CertificateError,
    ConnectionLost,
    NotBosError,
    RequestRefused,
    SignInError,
)

PATIENCE = 5.0
PORTS = {"http": 80, "https": 443}
OF_KINDS = {
    "organization": "one follows one's own organization only: yours is organization:{organization}",
    "department": (
        "it does not exist, or you are neither in it nor in one above it; managers and admins"
        " follow all departments"
    ),
    "kpi": (
        "it does not exist, is archived, or is kept to a department that is not yours, and you do"
        " not own it"
    ),
    "user": "everybody follows their own only: yours is user:{user}",
    "session": "it does not exist, or you are neither its host, nor invited, nor took part in it",
}


async def examine(settings: Settings, channel: str) -> Exit:
    """Say of each step whether it works; the exit code of the first that does not."""
    try:
        return await _Examination(settings).run(channel)
    except SignInError as error:
        why = error.message
        settings.output.say(f"✗ {why}", step="settings", ok=False, why=why)
        return exit_of(error)
    except click.ClickException as error:
        settings.output.say(f"✗ {error.message}", step="settings", ok=False, why=error.message)
        return Exit(error.exit_code)


class _Examination:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._passed: set[str] = set()

    def _passes(self, step: str, what: str) -> None:
        if step not in self._passed:
            self._passed.add(step)
            self._settings.output.say(f"✓ {step}: {what}", step=step, ok=True, what=what)

    def _fails(self, step: str, why: str, code: Exit) -> Exit:
        self._settings.output.say(f"✗ {step}: {why}", step=step, ok=False, why=why)
        return code

    async def run(self, name: str) -> Exit:
        address = self._settings.address
        parts = urlsplit(address.base)
        port = parts.port or PORTS[parts.scheme]
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(address.host, port)
        except (OSError, TimeoutError) as error:
            why = f"nothing answers at {address.host}:{port}: {error or 'no answer'}"
            return self._fails("address", why, Exit.NO_CONNECTION)
        writer.close()
        self._passes("address", f"{address.host}:{port} answers")
        async with Client(address.base, token=self._settings.source) as client:
            try:
                await client.live(patient=False)
            except BosError as error:
                return self._not_live(error)
            return await self._channel(client, name)

    def _not_live(self, error: BosError) -> Exit:
        match error:
            case NotBosError() | CertificateError() | ConnectionLost():
                return self._fails("handshake", error.message, exit_of(error))
            case SignInError():
                self._passes("handshake", "a BOS is there")
                why = f"{error.message} ({error.code}); sign in anew: `bos login`"
                return self._fails("sign-in", why, exit_of(error))
        return self._fails("connection", error.message, exit_of(error))

    async def _channel(self, client: Client, name: str) -> Exit:
        user = client.user
        assert user is not None, "signed in"
        self._passes("handshake", "a BOS is there")
        self._passes("sign-in", f"as {user.user_name}, until {user.expires_at}")
        self._passes("role", f"{user.role} of organization:{user.organization_id}")
        channel = channel_of(client, name)
        kind = channel.partition(":")[0]
        try:
            await client.subscribe(channel)
        except RequestRefused as error:
            why = error.message
            if error.code == "UNAUTHORIZED" and kind in OF_KINDS:
                ids = {"organization": user.organization_id, "user": user.user_id}
                why = OF_KINDS[kind].format(**ids)
            elif error.code == "INVALID_CHANNEL":
                why = f"a channel is kind:id, where kind is one of {', '.join(OF_KINDS)}"
            why = f"{channel} is refused ({error.code}): {why}"
            return self._fails("channel", why, exit_of(error))
        kpis = len(client.store.kpis)
        self._passes("channel", f"{channel} is followed, and shows {kpis} KPIs")
        return Exit.OK
