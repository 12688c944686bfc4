"""Which server and which credentials: options, the environment, the user's own file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from bos_client.addresses import Address
from bos_client.client import Client, State, StateChange
from bos_client.command.exits import NotSignedIn, failed
from bos_client.command.output import Output
from bos_client.errors import BosError, SignInError
from bos_client.tokens import StoredSession, Token, servers_in

BROKEN_PIPE = 128 + 13
R = TypeVar("R")


def credentials_file() -> Path:
    """Return the file in the user's own configuration folder."""
    return Path(click.get_app_dir("bos")) / "credentials.json"


@dataclass(slots=True)
class Settings:
    """url, token: as they were given, or None."""

    url: str | None
    token: str | None
    output: Output

    @property
    def address(self) -> Address:
        """Raises click.UsageError, or NotSignedIn where no server is named at all."""
        if self.url is not None:
            return address_of(self.url)
        try:
            known = servers_in(credentials_file())
        except SignInError as error:
            raise failed(error) from None
        if not known:
            raise NotSignedIn("Which server? Sign in with `bos login --url URL`, or set BOS_URL.")
        if len(known) > 1:
            raise click.UsageError(f"Which server? Name it by --url: {', '.join(known)}")
        return Address.of(known[0])

    @property
    def stored(self) -> StoredSession:
        return StoredSession(self.address.base, credentials_file())

    @property
    def source(self) -> Token:
        """Raises NotSignedIn where there are no credentials to try."""
        if self.token is not None:
            return self.token
        stored = self.stored
        if stored.stored() is None:
            base = self.address.base
            raise NotSignedIn(f"Nobody is signed in at {base}: `bos login --url {base}`.")
        return stored

    def run(self, work: Callable[[Client], Awaitable[None]]) -> None:
        """Do this with a client that is live. Raises ClickException."""
        run(self._with_client(work))

    async def _with_client(self, work: Callable[[Client], Awaitable[None]]) -> None:
        async with Client(self.address.base, token=self.source) as client:
            await client.live(patient=False)  # a person is told at once
            remove = client.on_state(self._say)
            try:
                await _unless_stopped(client, work(client))
            finally:
                remove()

    def _say(self, change: StateChange) -> None:
        if change.state is State.WAITING:
            self.output.note(f"{change.error} Again in {change.retry_in or 0:.1f} s.")
        elif change.state is State.LIVE:
            self.output.note("Connected again: nothing was missed.")


def address_of(url: str) -> Address:
    """Raises click.UsageError where it is none."""
    try:
        return Address.of(url)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


async def _unless_stopped(client: Client, work: Awaitable[None]) -> None:
    """Do this; raises the error by which the client stops meanwhile."""
    task = asyncio.ensure_future(work)

    def hear(change: StateChange) -> None:
        if change.state is State.STOPPED:
            task.cancel()

    remove = client.on_state(hear)
    try:
        await task
    except asyncio.CancelledError:
        if client.state.error is not None:
            raise client.state.error from None
        raise
    finally:
        remove()
        task.cancel()


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run it to its end. Raises ClickException, with the exit code that says why."""

    async def until_told() -> R:
        task = asyncio.current_task()
        assert task is not None
        with contextlib.suppress(NotImplementedError):  # on Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        outcome = asyncio.run(until_told())
    except BosError as error:
        raise failed(error) from None
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except BrokenPipeError:
        # The reader has gone. What Python still has to write at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE) from None
    return outcome
