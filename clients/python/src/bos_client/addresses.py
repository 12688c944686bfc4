"""The addresses of a server, all made of one."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

ENDPOINT = "/v1/ws"
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """base: `https://host[:port][/path]`, without a slash at its end."""

    base: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises ValueError where it is none: `http(s)://host[:port]` or `ws(s)://.../v1/ws`."""
        parts = urlsplit(url.strip())
        if parts.scheme not in SCHEMES or not parts.hostname or parts.username is not None:
            raise ValueError(f"{url!r} is no address of a server: use http(s)://host[:port]")
        parts.port  # noqa: B018 -- raises ValueError where it is no number
        path = parts.path.rstrip("/").removesuffix(ENDPOINT).rstrip("/")
        return cls(f"{SCHEMES[parts.scheme]}://{parts.netloc}{path}")

    @property
    def socket(self) -> str:
        return f"ws{self.base.removeprefix('http')}{ENDPOINT}"

    @property
    def host(self) -> str:
        return urlsplit(self.base).hostname or ""

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
