"""Redis, the databases, and how each server is started: all that a measurement runs on."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import room
from benchmarks.demands import PRODUCT
from benchmarks.peers import start
from benchmarks.product import Cast, Product, populated, prepare, product_server
from benchmarks.servers import Target, naive_server, plain_server
from benchmarks.workloads import (
    DURABLE,
    NAIVE,
    PLAIN,
    PLAIN_DURABLE,
    PLAIN_POSTGRES,
    POSTGRES,
)
from tests.support.services import postgres_server, redis_server

Server = contextlib.AbstractContextManager[Target]
Start = Callable[[Path, Cast], Server]
"""Starts a server whose files lie in the given directory, for connections of these users."""
Block = Callable[[Path], room.Block]
"""How the database of the server whose files lie in this directory is blocked."""


@dataclass(kw_only=True)
class Stage:
    """starts, blocks: by server. missing: why a server cannot be had. notes: for the report."""

    redis_url: str
    starts: dict[str, Start] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@contextlib.contextmanager
def staged(targets: set[str], directory: Path) -> Iterator[Stage]:
    """Redis, and of databases those that these servers need."""
    with contextlib.ExitStack() as stack:
        stage = Stage(redis_url=stack.enter_context(redis_server()).url)
        if NAIVE in targets:
            stage.starts[NAIVE] = lambda run, cast: naive_server(
                redis_url=stage.redis_url, directory=run
            )
        if PLAIN in targets:
            stage.starts[PLAIN] = _plain(stage, None)
        if PRODUCT in targets:
            prepared = populated(prepare(f"sqlite:///{directory / 'demo.sqlite3'}"))
            stage.starts[PRODUCT] = _product(stage, prepared)
            stage.blocks[PRODUCT] = lambda run: room.sqlite_lock(run / "product.sqlite3")
            stage.notes.append(_send_loop_note())
        for product, plain, durable in (
            (POSTGRES, PLAIN_POSTGRES, False),
            (DURABLE, PLAIN_DURABLE, True),
        ):
            if targets & {product, plain}:
                url = stack.enter_context(postgres_server(durable=durable))
                _add_postgres(stage, url, product=product, plain=plain, targets=targets)
        _add_peers(stage, targets)
        yield stage


def _send_loop_note() -> str:
    compiled = importlib.util.find_spec("sync.delivery._send_loop") is not None
    return f"The product's send loop is {'' if compiled else 'not '}compiled."


def _product(stage: Stage, prepared: Product) -> Start:
    return lambda run, cast: product_server(
        prepared, redis_url=stage.redis_url, directory=run, cast=cast
    )


def _plain(stage: Stage, database_url: str | None) -> Start:
    return lambda run, cast: plain_server(
        redis_url=stage.redis_url, directory=run, database_url=database_url
    )


def _add_postgres(stage: Stage, url: str, *, product: str, plain: str, targets: set[str]) -> None:
    stage.notes.append(_postgres_note(url, product))
    if plain in targets:
        stage.starts[plain] = _plain(stage, url)
    if product in targets:
        prepared = populated(prepare(url))
        stage.starts[product] = lambda run, cast: _on_copy(stage, prepared, run, cast)
        organization_id = prepared.organization["id"]
        stage.blocks[product] = lambda run: room.postgres_lock(_copy_of(url, run), organization_id)


def _copy_of(url: str, run: Path) -> str:
    """The database of one run."""
    name = run.name.replace("-", "_").lower()
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextlib.contextmanager
def _on_copy(stage: Stage, prepared: Product, run: Path, cast: Cast) -> Iterator[Target]:
    """The product on a copy: people who were cut off in an earlier run would be seen to in it."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    url = _copy_of(prepared.database_url, run)
    copy, original = (
        Identifier(urlsplit(of).path.removeprefix("/")) for of in (url, prepared.database_url)
    )
    elsewhere = urlsplit(prepared.database_url)._replace(path="/template1").geturl()
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, original))
        try:
            on_copy = replace(prepared, database_url=url)
            redis_url = stage.redis_url
            with product_server(on_copy, redis_url=redis_url, directory=run, cast=cast) as target:
                yield target
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(copy))


def _postgres_note(database_url: str, name: str) -> str:
    """Whether its commits reach the disk changes an update's cost by far."""
    import psycopg

    with psycopg.connect(database_url) as connection:
        names = ("server_version", "fsync", "synchronous_commit")
        settings = (connection.execute("SELECT current_setting(%s)", [name]) for name in names)
        version, fsync, commit = (value for row in settings for value in row.fetchone() or ("?",))
    return (
        f"{name}: PostgreSQL {version} shares the load client's core; "
        f"fsync {fsync}, synchronous_commit {commit}."
    )


def _add_peers(stage: Stage, targets: set[str]) -> None:
    for peer in start.PEERS:
        if peer.name not in targets:
            continue
        if why := peer.lacks():
            stage.missing[peer.name] = why
            continue
        stage.versions.append(peer.version())
        stage.starts[peer.name] = partial(_start_peer, peer)


def _start_peer(peer: start.Peer, run: Path, cast: Cast) -> Server:
    return start.peer_server(peer, directory=run)


def empty_redis(url: str) -> None:
    """A killed server's group members would stay in Redis for a day, and slow the next one down."""
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushall()


def about(stage: Stage, *, command: str, date: str, machine: str, versions: str) -> dict[str, Any]:
    """As `Results.about` has it."""
    return {
        "date": date,
        "machine": machine,
        "versions": ", ".join([versions, *stage.versions]),
        "command": command,
        "notes": stage.notes,
        "missing": stage.missing,
    }
