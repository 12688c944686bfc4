"""`python -m tests.run [pytest arguments]`: lint and every test, on both back ends at once.

SQLite with the in-memory layer, and PostgreSQL with Redis, with servers of their own unless
TEST_DATABASE_URL and TEST_REDIS_URL name some. On each several pytest workers share the test files,
each with a database of its own: much of a test is waiting. `--only sqlite`, `--only postgres` and
`--no-lint` are for developers, and so is `-n 0`, which makes one process of each. `--coverage`
reports how much of `sync` was run, and fails below 90 %.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.support.measured import coverage_is_enough, measuring
from tests.support.services import die_with_parent, postgres_server, redis_server

ROOT = Path(__file__).resolve().parent.parent
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")
SUMMARY = re.compile(r"^\d+ (?:passed|failed|skipped|errors?|warnings?|deselected)\b.* in [\d.]+s")
SECRET_KEY = secrets.token_hex(32)  # both back ends': servers, and whoever forges their tokens
BACKENDS = ("postgres", "sqlite")  # what takes longer first
NO_TESTS = 5
"""pytest's exit code where all that was asked for belongs to the other back end."""
WORKERS = 2
# A file's tests share servers, so they stay together; conftest.py says which file comes first.
SHARED_OUT = (
    *("-p", "tests.support.database", "-n", str(WORKERS)),
    *("--dist", "loadfile", "--no-loadscope-reorder"),
)


def fresh_database(server: str, template: str = "template1") -> str:
    """A new database on this PostgreSQL server, like this one; its name."""
    name = f"bos_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return name


def databases(backend: str, home: Path, server: str, env: dict[str, str]) -> list[str]:
    """The URLs of one for each worker of pytest, and of one for a pytest without workers.

    The schema is made once and copied. See `tests.support.database`.
    """
    if backend == "sqlite":
        files = [home / f"bos{n}.sqlite3" for n in range(WORKERS + 1)]
        migrate(f"sqlite:///{files[0]}", env)
        for file in files[1:]:
            shutil.copy(files[0], file)
        return [f"sqlite:///{file}" for file in files]
    host = server.rsplit("/", 1)[0]
    first = fresh_database(server)
    migrate(f"{host}/{first}", env)
    names = [first, *(fresh_database(server, first) for _ in range(WORKERS))]
    return [f"{host}/{name}" for name in names]


def migrate(url: str, env: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=ROOT, env=env | {"DATABASE_URL": url}, check=True)


def environment(backend: str, directory: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BOS_")}
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG"):
        kept.pop(name, None)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Hundreds of processes: compiling is two of the three seconds in which a server starts.
        kept.setdefault("PYTHONPYCACHEPREFIX", f"{sys.prefix}/pycache")
    own = {
        "BOS_TEST_BACKEND": backend,
        "EMAIL_URL": "dummy:",  # tests of mails have servers of their own
        "DEBUG": "on",
        "SECRET_KEY": SECRET_KEY,
        # Tests change rows between awaits, from the event loop's own thread.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # The client of this checkout, also for the commands that a test starts.
        "PYTHONPATH": str(ROOT / "clients/python/src"),
        "TMPDIR": str(directory),
    }
    return kept | own


def run(backends: list[str], arguments: list[str], *, lint: bool, coverage: bool) -> int:
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bos-tests-")))
        linting = stack.enter_context(_begun("tests.lint")) if lint else None
        # Where somebody runs a few tests, without lint, it would only keep them waiting.
        compiling = stack.enter_context(_compiling(directory)) if lint else None
        environments = {}
        for backend in backends:
            home = directory / backend
            home.mkdir()
            env, server = environment(backend, home), ""
            if backend == "postgres":
                server = os.environ.get("TEST_DATABASE_URL") or stack.enter_context(
                    postgres_server()
                )
                env["REDIS_URL"] = (
                    os.environ.get("TEST_REDIS_URL") or stack.enter_context(redis_server()).url
                )
            env["TEST_DATABASES"] = " ".join(databases(backend, home, server, env))
            if coverage:
                env |= measuring(directory / "coverage")
            environments[backend] = env
        if compiling is not None:
            compiling.wait()
        runs: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        for backend, env in environments.items():
            output = directory / backend / "output"
            options = ("--color=no", "-q", *SHARED_OUT, *arguments)
            out = stack.enter_context(output.open("wb"))
            testing = stack.enter_context(
                _begun("pytest", *options, env=env, stdout=out, stderr=subprocess.STDOUT)
            )
            runs[backend] = (testing, output)
        if linting is not None and linting.wait():
            return 1
        failed = _report(runs, started)
        enough = not coverage or coverage_is_enough(directory / "coverage")
        return failed if enough else 1


def _compiling(directory: Path) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """Compiles what the tests import: in a fresh clone every worker would do it, all at once."""
    return _begun(
        *("pytest", "--collect-only", "-q", "-p", "tests.support.database"),
        env=environment("sqlite", directory),
        stdout=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def _begun(module: str, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, preexec_fn=die_with_parent, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _report(runs: dict[str, tuple[subprocess.Popen[bytes], Path]], started: float) -> int:
    totals: dict[str, int] = {"passed": 0, "failed": 0, "skipped": 0}
    failed = 0
    for backend, (process, output) in runs.items():
        code = process.wait()
        text = output.read_text(errors="replace")
        print(f"\n===== {backend}: {time.monotonic() - started:.0f} s =====\n{text}")
        for number, what in COUNT.findall(_summary(text)):
            totals["failed" if what.startswith("error") else what] += int(number)
        failed += code not in (0, NO_TESTS)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**totals))
    return 1 if failed or not totals["passed"] else 0


def _summary(text: str) -> str:
    """pytest's closing line; a traceback of its shutdown may follow it."""
    return next((line for line in reversed(text.splitlines()) if SUMMARY.match(line)), "")


def main() -> int:
    # An interrupted run must end its servers: SIGTERM alone would skip every `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = sys.argv[1:]
    backends = list(BACKENDS)
    if "--only" in arguments:
        at = arguments.index("--only")
        backends = arguments[at + 1 : at + 2]
        if not backends or backends[0] not in BACKENDS:
            sys.exit(f"--only takes one of: {', '.join(BACKENDS)}")
        del arguments[at : at + 2]
    lint, coverage = "--no-lint" not in arguments, "--coverage" in arguments
    arguments = [each for each in arguments if each not in ("--no-lint", "--coverage")]
    return run(backends, arguments, lint=lint, coverage=coverage)


if __name__ == "__main__":
    sys.exit(main())
