"""A server with the limits it has by default, and who attacks it."""

import contextlib
import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import product
from benchmarks.servers import pinned_server
from tests.support.services import free_port

ATTACKER = "127.0.0.2"
"""The address that attacks come from: what is counted by address must not hit the bystander."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Attackers are of the first organization, the bystander of the second.

    tokens: access tokens of the attackers by role; kpis, users: ids of the attackers' organization;
    bystanders: access tokens of two people who may set `bystander_kpi`.
    """

    port: int
    pid: int
    database_url: str
    organization: str
    tokens: dict[str, str]
    emails: dict[str, str]
    password: str
    kpis: list[str]
    users: list[str]
    bystanders: list[str]
    bystander_organization: str
    bystander_kpi: str

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A database with both demo organizations, as `seed_demo --json` tells of them."""

    database_url: str
    environment: dict[str, str]
    organizations: list[dict[str, Any]]


MAKE_COLLEAGUES = """
from bos.models import Organization, User
organization = Organization.objects.get(pk="{organization}")
User.objects.bulk_create([
    User(email=f"colleague{{n}}@harbor.example", name=f"Colleague {{n}}", password="!",
         organization=organization) for n in range(100)])
"""
"""A hundred people who can be invited."""


def prepare(database_url: str) -> Prepared:
    made = product.prepare(database_url)
    environment = {
        name: value
        for name, value in made.environment().items()
        if name not in product.RAISED_LIMITS
    }
    code = MAKE_COLLEAGUES.format(organization=made.organization["id"])
    product.manage("shell", "--no-imports", "-c", code, environment=environment)
    seeded = product.manage("seed_demo", "--json", "--force", environment=environment)
    return Prepared(
        database_url=database_url,
        environment=environment,
        organizations=json.loads(seeded)["organizations"],
    )


@contextlib.contextmanager
def served(prepared: Prepared, *, redis_url: str, directory: Path, worker: bool) -> Iterator[Stage]:
    """One process with everything at its default; a worker beside it where an attack needs one."""
    port = free_port()
    database_url = _copied(prepared.database_url, directory)
    environment = prepared.environment | {"REDIS_URL": redis_url, "DATABASE_URL": database_url}
    command = [sys.executable, "manage.py", "serve", "--port", str(port), "--processes", "1"]
    if worker:
        command.append("--worker")
    log = directory / "server.log"
    with pinned_server(command, port=port, environment=environment, log=log) as pid:
        home, other = prepared.organizations
        tokens = {user["role"]: _sign_in(port, user) for user in home["users"]}
        yield Stage(
            port=port,
            pid=pid,
            database_url=database_url,
            organization=home["id"],
            tokens=tokens,
            emails={user["role"]: user["email"] for user in home["users"]},
            password=home["users"][0]["password"],
            kpis=[kpi["id"] for kpi in home["kpis"] if kpi["visibility"] == "organization"],
            users=_colleagues(database_url, environment, home["id"]),
            bystanders=[
                _sign_in(port, user)
                for user in other["users"]
                if user["role"] in ("manager", "admin")
            ],
            bystander_organization=other["id"],
            bystander_kpi=other["kpis"][0]["id"],
        )


def _copied(database_url: str, directory: Path) -> str:
    """The prepared SQLite file stays as it is; a PostgreSQL database is used as it is."""
    if not database_url.startswith("sqlite:///"):
        return database_url
    original = Path(database_url.removeprefix("sqlite:///"))
    for suffix in ("", "-wal"):
        if (file := original.with_name(original.name + suffix)).exists():
            shutil.copy(file, directory / f"stage.sqlite3{suffix}")
    return f"sqlite:///{directory / 'stage.sqlite3'}"


def _colleagues(database_url: str, environment: dict[str, str], organization: str) -> list[str]:
    code = (
        "from bos.models import User\n"
        f"print(*User.objects.of('{organization}').filter(email__startswith='colleague')"
        ".values_list('pk', flat=True))"
    )
    changed = environment | {"DATABASE_URL": database_url}
    return product.manage("shell", "--no-imports", "-c", code, environment=changed).split()


def _sign_in(port: int, user: dict[str, Any]) -> str:
    body = json.dumps({"email": user["email"], "password": user["password"]}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/auth/token", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["access"])


def confine(core: int, *, nice: int = 0) -> None:
    os.sched_setaffinity(0, {core})
    os.nice(nice)
