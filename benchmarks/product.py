"""The product under load: one demo database, and for every run a fresh copy and a fresh server."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.servers import ROOT, Target, pinned_server
from tests.support.services import free_port

RAISED_LIMITS = {
    # All connections of a run belong to a handful of demo users, and publish as fast as they can.
    "BOS_MAX_CONNECTIONS_PER_USER": "100000",
    "BOS_MESSAGES_PER_MINUTE": "100000000",
    "BOS_USER_MESSAGES_PER_MINUTE": "100000000",
    # From one address, and a PING as soon as the last one is answered.
    "BOS_FRAMES_PER_SECOND": "1000000",
    "BOS_BYTES_PER_MINUTE": "1000000000",
    "BOS_HANDSHAKES_PER_SECOND": "1000000",
    "BOS_UNAUTHENTICATED_PER_ADDRESS": "100000",
    "BOS_UNAUTHENTICATED_PER_PROCESS": "100000",
    "BOS_USER_WORK_PER_MINUTE": "1000000000",
    "BOS_ORGANIZATION_WORK_PER_MINUTE": "1000000000",
    # Everybody's cursors shall arrive, all of them.
    "BOS_CURSOR_RATE": "10000",
    "BOS_USER_SESSIONS": "100000",
    "BOS_ORGANIZATION_SESSIONS": "100000",
    "BOS_ACCESS_TOKEN_SECONDS": "86400",
    "BOS_INGEST_VALUES_PER_MINUTE": "1000000000",
}
PUBLISHER_ROLES = ("manager", "admin")


class Cast(StrEnum):
    """The users that the load client's connections belong to."""

    DEMO = "demo"
    PEOPLE = "people"
    LARGE = "large"


@dataclass(frozen=True, kw_only=True)
class Product:
    """A prepared product: its database, and the demo organization in it."""

    database_url: str
    secret_key: str
    organization: dict[str, Any]
    """Of `seed_demo --json`: {"id", "users": [{"email", "password", "role"}], "kpis": [{"id"}]}"""
    others: dict[str, Any] = field(default_factory=dict)
    """Another one of the kind: bystanders are of it, where it is populated"""
    people: list[str] = field(default_factory=list)
    """Access tokens of many users of the first organization (benchmarks.population)"""
    signed_in: dict[str, str] = field(default_factory=dict)
    """{email: access token} of the demo users; without it each server is asked for them"""
    large: dict[str, Any] = field(default_factory=dict)
    """{"id", "tokens"} of an organization with many KPIs"""

    def environment(self) -> dict[str, str]:
        return _environment(self.database_url, self.secret_key)

    def kpis(self) -> list[str]:
        """Those that the whole organization sees: others would not go out on its channel."""
        return [
            kpi["id"] for kpi in self.organization["kpis"] if kpi["visibility"] == "organization"
        ]


def _environment(database_url: str, secret_key: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "SECRET_KEY": secret_key,
        "DEBUG": "0",
        "ALLOWED_HOSTS": "127.0.0.1",
        **RAISED_LIMITS,
    }


def prepare(database_url: str) -> Product:
    """Create the schema and the demo data in an empty database."""
    secret_key = secrets.token_hex(32)
    environment = _environment(database_url, secret_key)
    manage("migrate", environment=environment)
    seeded = json.loads(manage("seed_demo", "--json", "--force", environment=environment))
    organization, others = seeded["organizations"]
    return Product(
        database_url=database_url,
        secret_key=secret_key,
        organization=organization,
        others=others,
    )


POPULATE = """
import json
from benchmarks.population import populate
print(json.dumps(populate("{organization}")))
"""


def populated(product: Product) -> Product:
    """The same product with people and KPIs in numbers."""
    code = POPULATE.format(organization=product.organization["id"])
    shell = ("shell", "--no-imports", "-c", code)
    told = json.loads(manage(*shell, environment=product.environment()))
    return replace(product, **told)


def manage(*arguments: str, environment: dict[str, str], root: Path = ROOT) -> str:
    """Run this command of manage.py, of the code in `root`, and return what it prints."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=root, env=os.environ | environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"manage.py {arguments[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _fresh_copy(product: Product, directory: Path) -> str:
    """Another run's log would make this one's longer; a PostgreSQL database is used as it is."""
    if not product.database_url.startswith("sqlite:///"):
        return product.database_url
    original = Path(product.database_url.removeprefix("sqlite:///"))
    for suffix in ("", "-wal"):
        if (file := original.with_name(original.name + suffix)).exists():
            shutil.copy(file, directory / f"product.sqlite3{suffix}")
    return f"sqlite:///{directory / 'product.sqlite3'}"


@contextlib.contextmanager
def product_server(
    product: Product, *, redis_url: str, directory: Path, cast: Cast = Cast.DEMO
) -> Iterator[Target]:
    port = free_port()
    command = [sys.executable, "manage.py", "serve", "--port", str(port), "--processes", "1"]
    environment = product.environment() | {
        "REDIS_URL": redis_url,
        "DATABASE_URL": _fresh_copy(product, directory),
    }
    log = directory / "product.log"
    with pinned_server(command, port=port, environment=environment, log=log) as pid:
        users = product.organization["users"]
        signed_in = product.signed_in or {user["email"]: _sign_in(port, user) for user in users}
        publishers = [signed_in[user["email"]] for user in users if _publishes(user)]
        others = [product.signed_in.get(user["email"]) for user in product.others.get("users", ())]
        tokens, organization_id = {
            Cast.DEMO: ([signed_in[user["email"]] for user in users], product.organization["id"]),
            Cast.PEOPLE: (product.people, product.organization["id"]),
            Cast.LARGE: (product.large.get("tokens", []), product.large.get("id")),
        }[cast]
        yield Target(
            port=port,
            root_pid=pid,
            tokens=tokens,
            publisher_tokens=publishers,
            bystander_tokens=list(filter(None, others)),
            channel=f"organization:{organization_id}",
            kpis=product.kpis(),
            frames_per_event=2,
        )


def _publishes(user: dict[str, Any]) -> bool:
    return user["role"] in PUBLISHER_ROLES


def _sign_in(port: int, user: dict[str, Any]) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/auth/token",
        data=json.dumps({"email": user["email"], "password": user["password"]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(json.load(response)["access"])
