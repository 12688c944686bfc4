"""Addresses of sources: which ones may be fetched from, and what of them may be shown.

They are looked at where somebody saves one and again at each run: names change what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.conninfo import conninfo_to_dict

from bos.outbound.http import AddressRefused, outside_address, require_outside
from kpis.models import Connector, ConnectorKind

POSTGRES = ("postgresql", "postgres")
POSTGRES_PORT = 5432
EXPECTED = "Expected postgresql://user:password@host/database, or sqlite:///file.db."
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-full")
PARTS = {"user", "password", "host", "port", "dbname", "sslmode"}
"""Of the address of a database; others would have the driver read files of the server's own."""
LONGEST = 2_000
LONGEST_SHOWN = Connector._meta.get_field("leads_to").max_length or 0


@dataclass(frozen=True, slots=True)
class Postgres:
    """A database by its address. tls: a mode of libpq."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    tls: str


def leads_to(kind: str, address: str) -> str:
    """Return what people are shown of an address: scheme, host and port, the name of a file.

    A name and password, a path and a query may be secret. Raises AddressRefused where it is no
    address of this kind; nothing is resolved.
    """
    if len(address) > LONGEST:
        raise AddressRefused(f"An address has at most {LONGEST:,} characters.")
    shown = _shown(kind, address)
    if len(shown) > LONGEST_SHOWN:
        raise AddressRefused("The name of its host or file is too long.")
    return shown


def _shown(kind: str, address: str) -> str:
    if kind != ConnectorKind.SQL:
        return _shown_of_http(address)
    if is_sqlite(address):
        return f"sqlite:///{_name_in(address)}"
    database = parse_postgres(address)
    host = f"[{database.host}]" if ":" in database.host else database.host
    return f"postgresql://{host}:{database.port}"


def require_usable(kind: str, address: str, organization_id: object) -> None:
    """Raises AddressRefused unless values may be fetched from there now. Resolves its name."""
    if kind != ConnectorKind.SQL:
        require_outside(address)
    elif is_sqlite(address):
        sqlite_file(address, organization_id)
    else:
        database = parse_postgres(address)
        outside_address(database.host, database.port)


def _shown_of_http(address: str) -> str:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("This is no address.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise AddressRefused("An address begins with https:// or http:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("A name and password cannot be in it: use a bearer token.")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


# ------------------------------------------------------------------ PostgreSQL


def parse_postgres(address: str) -> Postgres:
    """Raises AddressRefused.

    Everything that the driver would else take from the server's own environment or files has to be
    in it: it would send the operator's password there.
    """
    if address.partition("://")[0] not in POSTGRES:
        raise AddressRefused(EXPECTED)
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(address).items()}
    except psycopg.Error:  # its text has the address in it
        raise AddressRefused(EXPECTED) from None
    if unknown := sorted(parts.keys() - PARTS):
        raise AddressRefused(f"“{unknown[0]}” cannot be set in it: only sslmode can.")
    host, port = parts.get("host", ""), parts.get("port", "")
    if not all(parts.get(name) for name in ("user", "password", "dbname")):
        raise AddressRefused(f"It needs a user, a password and the name of a database. {EXPECTED}")
    if not host or host.startswith(("/", "@")) or "," in host:
        raise AddressRefused("It names one host, and no file or list of them.")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        raise AddressRefused("Its port is a number from 1 to 65535.")
    tls = parts.get("sslmode", "prefer")
    if tls not in SSL_MODES:
        raise AddressRefused(f"sslmode is one of {', '.join(SSL_MODES)}.")
    return Postgres(
        host=host,
        port=int(port or POSTGRES_PORT),
        user=parts["user"],
        password=parts["password"],
        database=parts["dbname"],
        tls=tls,
    )


# ------------------------------------------------------------------ SQLite

NO_FILE = "There is no such file for your organization."
"""One answer for what is not there, not a file, or elsewhere."""


def is_sqlite(address: str) -> bool:
    return address.startswith("sqlite:")


def sqlite_file(address: str, organization_id: object) -> Path:
    """Return the path of a file in the organization's own directory. Raises AddressRefused."""
    name = _name_in(address)
    if not settings.CONNECTOR_FILES:
        raise AddressRefused("SQLite files are not read here: the operator has named none.")
    try:
        own = (Path(settings.CONNECTOR_FILES) / str(organization_id)).resolve(strict=True)
        path = (own / name).resolve(strict=True)
        is_there = path.is_file() and path.is_relative_to(own) and not _is_our_own(path)
    except (OSError, ValueError, RuntimeError):  # a loop of links
        raise AddressRefused(NO_FILE) from None
    if not is_there:
        raise AddressRefused(NO_FILE)
    return path


def _name_in(address: str) -> str:
    scheme, _, name = address.partition(":///")
    if scheme != "sqlite" or not name or "\0" in name or name.startswith("/"):
        raise AddressRefused(f"A SQLite file is named like sqlite:///sales.db. {EXPECTED}")
    return name


def _is_our_own(path: Path) -> bool:
    """Whether it is the database of the project itself."""
    ours = connections["default"]
    if ours.vendor != "sqlite":
        return False
    own = Path(str(ours.settings_dict["NAME"]))
    return own.exists() and own.samefile(path)
