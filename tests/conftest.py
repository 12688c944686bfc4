"""The fixed cast, the servers, and clients that fail loudly.

Each test has two organizations of its own: alice (admin), manager mia, bob (member) and vera
(viewer) in one, charlie (admin) in another. Nothing is cleaned up between tests: tenants do not see
each other, and that is tested, too.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client as Browser
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from bos.models import User
from sync.delivery.bus import bus
from sync.garbage import keep_what_is_loaded
from sync.gateway.dispatcher import UNDECLARED
from tests.support import doors
from tests.support.backlog import skip_backlog
from tests.support.cast import PASSWORD, Cast, Person, make_casts
from tests.support.server import Server, hash_passwords_quickly, serving, working
from tests.support.services import RedisServer, redis_server

# A test's own law decides, not the time that it took beside all the others on a busy machine.
hypothesis_settings.register_profile(
    "bos", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("bos")

BACKEND = os.environ.get("BOS_TEST_BACKEND", "sqlite")
MAX_ID = 60
# What the database makes no difference to, or is about one of them: paths, and beside which.
# `@pytest.mark.once("sqlite")` says the same of a test in a file whose others run twice.
RUN_ONCE = {
    "unit": "sqlite",
    "clients": "sqlite",
    "project/test_architecture.py": "sqlite",
    "project/test_docs.py": "sqlite",
    "project/test_reference.py": "sqlite",
    "project/test_key_rotation.py": "sqlite",
    "project/test_language.py": "sqlite",
    "project/test_measured.py": "sqlite",
    "project/test_package.py": "sqlite",
    "project/test_path.py": "sqlite",
    "project/test_run_once.py": "sqlite",
    "test_report_files.py": "sqlite",
    "project/test_embedding.py": "sqlite",
    "test_shared_state.py": "sqlite",
    "project/test_settings.py": "sqlite",
    "project/test_serving.py": "sqlite",
    "wire/test_cors.py": "sqlite",
    "wire/test_daphne.py": "postgres",
    "wire/test_floods.py": "sqlite",
    "wire/test_requests.py": "sqlite",
    "wire/test_transport.py": "sqlite",
    "wire/test_readme.py": "sqlite",
    "wire/test_freed.py": "postgres",
    "wire/test_heartbeat.py": "sqlite",
    "wire/test_insights.py": "sqlite",
    "wire/test_reports.py": "postgres",
    "project/test_addresses.py": "postgres",
    "test_api_document.py": "postgres",
    "test_second_factor.py": "postgres",
    "test_sign_in_page.py": "postgres",
    "project/test_rest_document.py": "sqlite",
    "admin/test_admin.py": "postgres",
    "admin/test_admin_alerts.py": "postgres",
    "admin/test_admin_business.py": "postgres",
    "admin/test_admin_connectors.py": "postgres",
    "admin/test_admin_notes.py": "postgres",
    "admin/test_admin_pages.py": "postgres",
    "admin/test_admin_webhooks.py": "postgres",
    "test_links.py": "postgres",
    "test_oidc.py": "postgres",
    "browser/test_client.py": "sqlite",
    "browser/test_messages.py": "sqlite",
    "browser/test_page.py": "sqlite",
    "browser/test_page_losses.py": "sqlite",
    "browser/test_passkeys.py": "sqlite",
    "browser/test_admin.py": "postgres",
    "test_behind_the_lock.py": "postgres",
    "test_conflicts.py": "postgres",
    "test_database_faults.py": "postgres",
    "test_held_rows.py": "postgres",
    "test_lost_commits.py": "postgres",
}
collect_ignore = [path for path, backend in RUN_ONCE.items() if backend != BACKEND]
RUN_ELSEWHERE = [Path(__file__).parent / path for path in collect_ignore]
# They wait the longest, for leases and deadlines: all at once they would leave the machine idle,
# and last they would keep everybody waiting. So many of the others are between two of them.
WAITING = ("test_worker", "test_slow_client", "test_presence", "test_processes", "test_heartbeat")
OTHERS = 5
hash_passwords_quickly()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Also of files that are named on the command line: pytest asks no `collect_ignore` of them.
    files = {item.path for item in items}
    away = {file for file in files if any(file.is_relative_to(path) for path in RUN_ELSEWHERE)}
    elsewhere = [item for item in items if item.path in away or _is_marked_for_another(item)]
    config.hook.pytest_deselected(items=elsewhere)
    gone = set(elsewhere)
    items[:] = [item for item in items if item not in gone]
    order = list(dict.fromkeys(item.path for item in items))
    waiting = sorted((f for f in order if f.stem in WAITING), key=lambda f: WAITING.index(f.stem))
    others = (file for file in order if file not in waiting)
    place = {file: float(n) for n, file in enumerate(others)}
    place |= {file: OTHERS * n - 0.5 for n, file in enumerate(waiting)}
    items.sort(key=lambda item: place[item.path])


def _is_marked_for_another(item: pytest.Item) -> bool:
    once = item.get_closest_marker("once")
    return once is not None and once.args != (BACKEND,)


def pytest_collection_finish() -> None:
    keep_what_is_loaded()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A file is no name for a test, and a time in it would differ between workers."""
    return argname if isinstance(val, bytes | str) and len(val) > MAX_ID else None


@pytest.fixture(scope="session", autouse=True)
def database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database that tests.run has made; servers in other processes use it, too."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        yield
        bus.close()
        connections.close_all()


@pytest.fixture(autouse=True)
def one_connection(request: pytest.FixtureRequest) -> None:
    """For asynchronous tests only: the others have it anyway."""
    if inspect.iscoroutinefunction(getattr(request.node, "function", None)):
        request.getfixturevalue("async_connection")


@pytest.fixture
async def async_connection(connection: BaseDatabaseWrapper) -> None:
    """Django would open one for each asynchronous context, which is each test."""
    connections["default"] = connection


@pytest.fixture(scope="session")
def connection(database: None) -> BaseDatabaseWrapper:
    """The worker's own connection to its database."""
    return connections["default"]


@pytest.fixture(scope="session")
def backend() -> str:
    return BACKEND


@pytest.fixture(scope="session")
def casts() -> list[Cast]:
    """Those that no test has had yet."""
    return []


@pytest.fixture
def cast(database: None, casts: list[Cast]) -> Cast:
    if not casts:
        casts += make_casts(12)
    return casts.pop()


@pytest.fixture
def quick_hashes(settings: Any, cast: Cast) -> None:
    """A password that is wrong, or right, costs a third of a second otherwise."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.of(cast.home.organization.pk).update(password=make_password(PASSWORD))


@pytest.fixture
def admin(cast: Cast) -> Browser:
    """alice's browser."""
    return doors.browser(cast.alice)


@pytest.fixture
def stranger(cast: Cast) -> Browser:
    """The browser of charlie, the admin of another organization."""
    return doors.browser(cast.charlie)


@pytest.fixture
def root(cast: Cast) -> Browser:
    """The browser of a superuser, who belongs to no organization."""
    email = f"root-{cast.alice.email}"
    return doors.browser(Person(User.objects.create_superuser(email, PASSWORD, name="Root")))


@pytest.fixture(scope="session")
def server(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the default limits, shared by the tests that do not harm it."""
    log = tmp_path_factory.mktemp("server") / "log"
    with serving(log) as running:
        yield running
    _assert_no_traceback(log)


ANOTHER_ORIGIN = "https://app.example"
AN_APPS_ORIGIN = "capacitor://localhost"
IMPATIENT = {
    "BOS_AUTH_TIMEOUT": "0.5",
    "BOS_REAUTH_GRACE": "1",
    "BOS_IDEMPOTENCY_SECONDS": "1",
    "BOS_MESSAGES_PER_MINUTE": "100000",
    "BOS_USER_MESSAGES_PER_MINUTE": "1000000",
    "BOS_FRAMES_PER_SECOND": "100000",
    "BOS_HANDSHAKES_PER_SECOND": "100000",
    "BOS_BYTES_PER_MINUTE": "1000000000",
    "BOS_METRICS_TOKEN": "",
    "BOS_ALLOWED_ORIGINS": f"{ANOTHER_ORIGIN}, {AN_APPS_ORIGIN}",
}


@pytest.fixture(scope="session")
def impatient(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for nothing longer than a second, and limits no messages."""
    log = tmp_path_factory.mktemp("impatient") / "log"
    with serving(log, IMPATIENT) as running:
        yield running
    _assert_no_traceback(log)


@pytest.fixture(scope="module")
def worker(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A worker in the background while a module's tests run; its log."""
    log = tmp_path_factory.mktemp("worker") / "log"
    skip_backlog()
    with working(log):
        yield log
    _assert_no_traceback(log)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of the test's own, to be harmed."""
    with redis_server() as own:
        yield own


@pytest.fixture
def serve(database: None, tmp_path: Path) -> Iterator[ServeFixture]:
    """Start servers with settings of the test's own: `serve(BOS_AUTH_TIMEOUT="0.5")`."""
    fixture = ServeFixture(tmp_path)
    yield fixture
    fixture.stop()


class ServeFixture:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: list[AbstractContextManager[Server]] = []
        self.logs: list[Path] = []

    def __call__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        processes: int = 1,
        port: int | None = None,
        **more: str,
    ) -> Server:
        log = self._directory / f"server{len(self.logs)}.log"
        self.logs.append(log)
        context = serving(log, settings, processes=processes, port=port, **more)
        server = context.__enter__()
        self._running.append(context)
        return server

    def stop(self) -> None:
        for context in self._running:
            context.__exit__(None, None, None)
        for log in self.logs:
            _assert_no_traceback(log)


def _assert_no_traceback(log: Path) -> None:
    text = log.read_text(errors="replace")
    assert UNDECLARED not in text, [line for line in text.splitlines() if UNDECLARED in line]
    assert "Traceback" not in text, text[max(0, text.index("Traceback") - 300) :][:4000]
