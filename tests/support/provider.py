"""Providers of OpenID Connect: a real one in a process of its own, and one that can lie."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client as Browser

from bos.identity.oidc import new_slug
from bos.models import IdentityProvider
from bos.sealed import seal
from tests.support.cast import Tenant
from tests.support.rest import an_address
from tests.support.services import free_port, wait_for_port

CLIENT = "bos"
SECRET = "a secret of the client"


def provider_row(tenant: Tenant, issuer: str, **fields: Any) -> IdentityProvider:
    """A provider of this organization, as its administrator has entered it."""
    made: IdentityProvider = IdentityProvider.objects.create(
        organization=tenant.organization,
        name="Home SSO",
        slug=new_slug("Home SSO"),
        issuer=issuer,
        client_id=CLIENT,
        client_secret=seal(SECRET),
        **fields,
    )
    return made


def login_path(row: IdentityProvider) -> str:
    return f"/account/oidc/{row.slug}/login/"


def callback_path(row: IdentityProvider) -> str:
    return f"/account/oidc/{row.slug}/callback/"


def asked_of(answer: Any) -> dict[str, str]:
    """Return the parameters with which a redirect leads to a provider."""
    assert answer.status_code == 302, answer.content
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer["Location"]).query))


# ------------------------------------------------------------------ a real one


@dataclass(slots=True)
class RealProvider:
    """oidc-provider-mock: whoever comes says by which name they are known there."""

    issuer: str

    def knows(self, subject: str, **claims: Any) -> None:
        told = requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=10)
        told.raise_for_status()

    def lets_in(self, browser: Browser, row: IdentityProvider, subject: str) -> Any:
        """The answer to whoever comes back from it as this subject."""
        led = browser.get(login_path(row))
        assert led.status_code == 302, led.content
        back = requests.post(
            led["Location"], data={"sub": subject}, allow_redirects=False, timeout=10
        )
        address = urllib.parse.urlsplit(back.headers["Location"])
        return browser.get(f"{address.path}?{address.query}")


@contextlib.contextmanager
def real_provider() -> Iterator[RealProvider]:
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    environment = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for_port(port, process.poll)
            yield RealProvider(f"http://localhost:{port}")
        finally:
            process.terminate()


# ------------------------------------------------------------------ one that can lie

_KEY = rsa.generate_private_key(65537, 2048)
_OTHER = rsa.generate_private_key(65537, 2048)


@dataclass(slots=True)
class LyingProvider:
    """Answers as it is told to. claims: of the next ID token, over those that would be right;
    None leaves one out."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    token: str | None = None
    """The ID token instead of one that is signed."""
    key: Any = _KEY
    algorithm: str = "RS256"
    raw: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Whole answers by path."""
    nonce: str = ""
    heard: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """The paths that were asked for, and what was posted."""

    def lets_in(self, browser: Browser, row: IdentityProvider, **query: str) -> Any:
        asked = asked_of(browser.get(login_path(row)))
        self.nonce = asked["nonce"]
        return browser.get(callback_path(row), {"code": "c", "state": asked["state"]} | query)

    def id_token(self) -> str:
        if self.token is not None:
            return self.token
        now = int(time.time())
        right = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "1",
            "iat": now,
            "exp": now + 60,
            "nonce": self.nonce,
        }
        told = {name: value for name, value in (right | self.claims).items() if value is not None}
        return jwt.encode(told, self.key, self.algorithm, headers={"kid": "one"})

    def answer(self, path: str) -> tuple[int, bytes]:
        if path in self.raw:
            return self.raw[path]
        documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                **self.discovery,
            },
            "/jwks": {"keys": [_public(_KEY)]},
            "/userinfo": self.userinfo,
        }
        if path == "/token":
            documents[path] = {"access_token": "a", "id_token": self.id_token()}
        return (200, json.dumps(documents[path]).encode()) if path in documents else (404, b"")


def another_key() -> Any:
    return _OTHER


def _public(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    told: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return told | {"kid": "one", "use": "sig"}


@contextlib.contextmanager
def lying_provider() -> Iterator[LyingProvider]:
    provider = LyingProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._tell({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._tell(dict(urllib.parse.parse_qsl(body)))

        def _tell(self, posted: dict[str, str]) -> None:
            provider.heard.append((self.path, posted))
            status, content = provider.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests say what was wrong."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        yield provider
        server.shutdown()


def a_browser() -> Browser:
    return Browser(REMOTE_ADDR=an_address())


def a_subject() -> str:
    return secrets.token_hex(8)
