"""Where access tokens come from: a fixed one, a function, a password, or stored credentials."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import http.client
import inspect
import json
import os
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from bos_client.addresses import Address
from bos_client.errors import (
    CertificateError,
    ConnectionLost,
    NotBosError,
    SignInError,
)

EARLY = 60.0
"""A token is renewed so many seconds before its end, or in the middle of a shorter life."""
PATIENCE = 10.0
REFUSALS = {400, 401, 403}
BUSY = 429
SERVER_ERRORS = 500
NO_CONTENT = 204


class TokenSource(Protocol):
    """Gives an access token. fresh: the last one was refused, or is about to end.

    Raises SignInError where only signing in anew helps, ConnectionLost where it may pass.
    """

    async def __call__(self, *, fresh: bool) -> str: ...


TokenFunction = Callable[..., "str | Awaitable[str]"]
Token = str | TokenFunction


class Fixed:
    """A token for which there is no other."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def __call__(self, *, fresh: bool) -> str:
        return self._token


class Given:
    """A function of the application's: `token(fresh=...)`, plain or async."""

    def __init__(self, function: TokenFunction) -> None:
        self._function = function

    async def __call__(self, *, fresh: bool) -> str:
        token = self._function(fresh=fresh)
        token = await token if inspect.isawaitable(token) else token
        if not isinstance(token, str):
            raise TypeError(f"the source gave {token!r}")
        return token


def source_of(token: Token) -> TokenSource:
    return Fixed(token) if isinstance(token, str) else Given(token)


def life_of(token: str) -> float | None:
    """Return how many seconds a token lives, from its beginning to its end; None if it hides it.

    Both times are the server's own: this computer's clock may be wrong.
    """
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"] - claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None


def renew_after(life: float) -> float:
    """Return how long after its beginning a token is to be renewed."""
    return max(life - EARLY, life / 2)


# ------------------------------------------------------------------ HTTP


class Spent(ConnectionLost):
    """The request was sent, and its answer was lost: it may have been acted on."""


async def post(
    url: str, path: str, body: dict[str, str], *, tls: ssl.SSLContext | None = None
) -> dict[str, Any]:
    """Return what the server answers. Raises SignInError, ConnectionLost, NotBosError."""
    return await asyncio.to_thread(_post, Address.of(url), path, body, tls)


def _post(
    address: Address, path: str, body: dict[str, str], tls: ssl.SSLContext | None
) -> dict[str, Any]:
    connection = _connection(address, tls)
    where = f"{address.base}{path}"
    try:
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise CertificateError(f"{address.base}: {error.verify_message}") from None
        except OSError as error:
            raise ConnectionLost(f"No connection with {address.base}: {error}") from None
        try:
            prefix = urlsplit(address.base).path
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            connection.request("POST", f"{prefix}{path}", json.dumps(body).encode(), headers)
            response = connection.getresponse()
            content = response.read(2**20)
        except http.client.HTTPException as error:
            if isinstance(error, http.client.RemoteDisconnected):
                raise Spent(f"The answer of {where} was lost.") from None
            raise NotBosError(f"{where} does not speak HTTP: {error!r}") from None
        except OSError as error:
            raise Spent(f"The answer of {where} was lost: {error}") from None
        return _answer(where, response, content)
    finally:
        connection.close()


def _connection(address: Address, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """Connect by the proxy of the environment, if it names one for this host."""
    parts = urlsplit(address.base)
    host, port, secure = address.host, parts.port, parts.scheme == "https"
    proxy = None if address.is_loopback or proxy_bypass(host) else getproxies().get(parts.scheme)
    via = urlsplit(proxy) if proxy else None
    to = (via.hostname or "", via.port) if via else (host, port)
    connection = (
        http.client.HTTPSConnection(
            *to, timeout=PATIENCE, context=tls or ssl.create_default_context()
        )
        if secure
        else http.client.HTTPConnection(*to, timeout=PATIENCE)
    )
    if via:
        connection.set_tunnel(host, port or (443 if secure else 80))
    return connection


def _answer(where: str, response: http.client.HTTPResponse, content: bytes) -> dict[str, Any]:
    status = response.status
    if status == NO_CONTENT:
        return {}
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if status == BUSY or status >= SERVER_ERRORS:
        wait = response.headers.get("Retry-After", "")
        message = answer.get("message") if isinstance(answer, dict) else None
        raise ConnectionLost(
            message or f"{where} answers {status}.",
            retry_after=float(wait) if wait.isdecimal() else None,
            code=str(answer.get("code", "")) if isinstance(answer, dict) else "",
        )
    if not isinstance(answer, dict):
        raise NotBosError(f"{where} answers {status}, and no JSON: no BOS is there.", status=status)
    if status in REFUSALS:
        message = str(answer.get("message", "The server refuses to sign in."))
        raise SignInError(message, code=str(answer.get("code", "")))
    if status >= 300:  # every other answer that is no success
        raise NotBosError(f"{where} answers {status}: no BOS is there.", status=status)
    return answer


# ------------------------------------------------------------------ signed in


class Pair(msgspec.Struct):
    """The tokens that a sign-in has brought last.

    renew_at: when to renew them, by this computer's clock, counted from when they came.
    """

    access: str
    refresh: str
    renew_at: float = 0.0

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Pair:
        access, refresh = answer.get("access"), answer.get("refresh")
        if not isinstance(access, str) or not isinstance(refresh, str):
            raise NotBosError("The server answers a sign-in without tokens: no BOS is there.")
        life = life_of(access)
        return cls(access, refresh, 0.0 if life is None else time.time() + renew_after(life))


class PasswordSession:
    """A token source that signs in by address and password, and renews what it has got.

    organization: its id, if address and password are the same in several.
    """

    def __init__(
        self,
        url: str,
        email: str,
        password: str,
        *,
        organization: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url, self._tls = url, tls
        self._credentials = {"email": email, "password": password}
        if organization is not None:
            self._credentials["organization"] = organization
        self._pair: Pair | None = None
        self._lock = asyncio.Lock()

    async def __call__(self, *, fresh: bool) -> str:
        async with self._lock:
            if self._pair is None:
                self._pair = await self._sign_in()
            elif fresh or time.time() >= self._pair.renew_at > 0:
                self._pair = await self._renew(self._pair)
            return self._pair.access

    async def _sign_in(self) -> Pair:
        return Pair.of(await post(self._url, "/auth/token", self._credentials, tls=self._tls))

    async def _renew(self, pair: Pair) -> Pair:
        """Use the refresh token, which works once; where it is spent, sign in anew."""
        try:
            return Pair.of(await _refresh(self._url, pair, self._tls))
        except (SignInError, Spent):
            self._pair = None
            return await self._sign_in()


async def _refresh(url: str, pair: Pair, tls: ssl.SSLContext | None) -> dict[str, Any]:
    return await post(url, "/auth/refresh", {"refresh": pair.refresh}, tls=tls)


@dataclass(frozen=True, slots=True)
class Stored:
    """Credentials of one server in a file, which only their owner may read."""

    url: str
    email: str
    pair: Pair


class StoredSession:
    """A token source that several processes share: by a file, and a lock on it.

    The tokens are stored before they are used, and renewed by one process at a time; another one
    that waits for it takes what it has stored.
    """

    def __init__(self, url: str, path: Path, *, tls: ssl.SSLContext | None = None) -> None:
        self._address = Address.of(url)
        self._path, self._tls = path, tls
        self._used = ""
        """The access token that was given last."""

    def stored(self) -> Stored | None:
        """Return what is stored for this server."""
        return _stored_in(self._path).get(self._address.base)

    async def sign_in(
        self,
        email: str,
        password: str,
        *,
        organization: str | None = None,
        code: str | None = None,
    ) -> None:
        """Sign in, and store what that brings. code: of a user with a second factor."""
        given = {"email": email, "password": password, "organization": organization, "code": code}
        body = {name: value for name, value in given.items() if value is not None}

        def keep() -> None:
            with self._locked():  # first: what cannot be kept need not be asked for
                pair = Pair.of(_post(self._address, "/auth/token", body, self._tls))
                self._store(Stored(self._address.base, email, pair))

        await asyncio.to_thread(keep)

    async def sign_out(self) -> bool:
        """End the sign-in, here and at the server; returns whether there was one."""

        def forget() -> Stored | None:
            with self._locked():
                stored = self.stored()
                self._store(None)
                return stored

        stored = await asyncio.to_thread(forget)
        if stored is None:
            return False
        with contextlib.suppress(SignInError):  # it had ended by itself
            body = {"refresh": stored.pair.refresh}
            await post(self._address.base, "/auth/logout", body, tls=self._tls)
        return True

    async def __call__(self, *, fresh: bool) -> str:
        stored = self.stored()
        if stored is None:
            raise SignInError(f"Nobody is signed in at {self._address.base}.")
        pair = stored.pair
        if (fresh and pair.access == self._used) or time.time() >= pair.renew_at > 0:
            pair = await asyncio.to_thread(self._renewed, pair)
        self._used = pair.access
        return pair.access

    def _renewed(self, before: Pair) -> Pair:
        """In a thread, which goes on to its end whoever waits for it no longer: a renewal that was
        asked for and not stored would end the sign-in of everybody."""
        with self._locked():
            stored = self.stored()
            if stored is None:
                raise SignInError(f"Nobody is signed in at {self._address.base}.")
            if stored.pair.access != before.access:
                return stored.pair  # another process was first
            try:
                body = {"refresh": stored.pair.refresh}
                answer = _post(self._address, "/auth/refresh", body, self._tls)
            except (SignInError, Spent) as error:
                self._store(None)  # used again, it would end the sign-in of everybody
                raise SignInError(f"The sign-in has ended: {error.message}") from None
            pair = Pair.of(answer)
            self._store(Stored(self._address.base, stored.email, pair))
            return pair

    # ------------------------------------------------------------------ the file

    def _store(self, stored: Stored | None) -> None:
        try:
            kept = _stored_in(self._path)
        except SignInError:
            kept = {}  # nobody can read it: what is stored now replaces it
        kept.pop(self._address.base, None)
        if stored is not None:
            kept[self._address.base] = stored
        # Another file first: whoever reads meanwhile, or after a crash, finds the old or the new.
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".credentials-")
        with os.fdopen(handle, "wb") as file:  # made with the mode 0600
            file.write(msgspec.json.format(msgspec.json.encode(kept)))
        Path(name).replace(self._path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock that all processes share; the system gives it back where one dies.

        Raises SignInError where the file cannot be written.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _lock(self._path.with_suffix(".lock")):
                yield
        except OSError as error:
            raise SignInError(f"{self._path} cannot be written: {error}") from None


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("a+b") as file:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]  # there only
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def servers_in(path: Path) -> list[str]:
    """Return the addresses of the servers for which this file has credentials."""
    return list(_stored_in(path))


def _stored_in(path: Path) -> dict[str, Stored]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Stored])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, OSError) as error:
        raise SignInError(f"{path} cannot be read: {error}") from None
