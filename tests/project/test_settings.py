"""Settings of the environment and the command line that are taken, and that are refused."""

from __future__ import annotations

import re
import resource
import runpy
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import override_settings
from environs import EnvValidationError

from bos.management.commands.serve import is_loopback
from tests.support.server import ROOT, manage


def refused(answer: subprocess.CompletedProcess[str]) -> str:
    """Return its words when it refused; no traceback is needed to understand the last line."""
    assert answer.returncode != 0, answer.stdout
    return answer.stderr


def test_serve_refuses_several_processes_without_redis() -> None:
    said = refused(manage("serve", "--processes", "2", "--port", "1", REDIS_URL=None))
    assert "REDIS_URL" in said
    assert "Traceback" not in said


def test_serve_refuses_no_process() -> None:
    assert "--processes" in refused(manage("serve", "--processes", "0"))


@pytest.mark.parametrize("debug", ["false", None], ids=["debug_off", "nothing_set"])
def test_s12_without_a_secret_key_nothing_starts_unless_debug_is_on(debug: str | None) -> None:
    for arguments in (("check",), ("serve", "--port", "1")):
        said = refused(manage(*arguments, DEBUG=debug, SECRET_KEY=None))
        assert "SECRET_KEY is not set" in said.splitlines()[-1]


MISTAKES = {
    "REDIS_URL": "nonsense",
    "LOG_LEVEL": "loud",
    "DATABASE_URL": "mysql://x/y",
    "BOS_HISTORY_DAYS": "abc",
    "SECRET_KEY": "short",
    "BOS_METRICS_TOKEN": "nineteen characters",
}


def test_o4_a_setting_that_is_refused_is_one_line_that_names_it() -> None:
    right = {"DEBUG": "off", "SECRET_KEY": "k" * 50}
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda wrong: manage("serve", **(right | dict([wrong]))), MISTAKES.items())
        )
    for name, answer in zip(MISTAKES, answers, strict=True):
        assert answer.returncode == 1
        [line] = answer.stderr.splitlines()
        assert name in line


def test_s12_a_secret_key_of_50_characters_is_long_enough() -> None:
    """And a token of 20 for /metrics; those of one less are refused above, and here."""
    right = {"DEBUG": None, "ALLOWED_HOSTS": "a.example", "BOS_METRICS_TOKEN": "t" * 20}
    keys = ["k" * 49, "k" * 50]
    with ThreadPoolExecutor(2) as pool:
        short, long = pool.map(lambda key: manage("check", SECRET_KEY=key, **right), keys)
    assert "SECRET_KEY is too short" in refused(short)
    assert long.returncode == 0, long.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "board.example"])
def test_s12_with_debug_on_only_this_machine_is_served(host: str) -> None:
    with pytest.raises(CommandError, match="DEBUG"), override_settings(DEBUG=True):
        call_command("serve", "--host", host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_s12_this_machines_own_addresses_are_served_with_debug_on(host: str) -> None:
    assert is_loopback(host)


def test_s13_cookies_are_of_this_host_alone_where_tls_is() -> None:
    ask = "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    answer = manage("shell", "-v0", "-c", ask, DEBUG="off", SECRET_KEY="k" * 50)
    assert answer.stdout.split() == ["__Host-sessionid", "__Host-csrftoken"]


NONSENSE = [
    ("DEBUG", "perhaps"),
    ("DATABASE_URL", "mysql://localhost/bos"),
    ("BOS_AUTH_TIMEOUT", "soon"),
    ("BOS_MAX_CONNECTIONS_PER_USER", "2.5"),
    ("BOS_SIGN_IN_SECONDS", "0"),
    ("BOS_REFRESH_GRACE", "-1"),
]


def test_nonsense_in_the_environment_is_refused_by_name() -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda wrong: manage("check", **dict([wrong])), NONSENSE)
    for (name, value), answer in zip(NONSENSE, answers, strict=True):
        assert name in refused(answer), value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth_timeout", float("nan")),
        ("idle_timeout", float("inf")),
        ("max_connections_per_user", 0),
        ("messages_per_minute", -1),
        ("heartbeat_timeout", 30.0),
    ],
)
def test_a_setting_that_would_break_a_promise_is_found_by_the_checks(
    settings: Any, name: str, value: float
) -> None:
    assert run_checks(tags=["sync"]) == []
    settings.SYNC = settings.SYNC | {name: value}
    [error] = run_checks(tags=["sync"])
    assert f"BOS_{name.upper()}" in error.msg


@pytest.mark.parametrize(
    ("soft", "hard", "allowed"), [(256, 1000, 1000), (1000, 1000, 1000), (256, 100_000, 65_536)]
)
def test_s8_serve_may_open_as_many_files_as_the_system_allows(
    soft: int, hard: int, allowed: int
) -> None:
    hard = min(hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    said = subprocess.run(
        [sys.executable, "-c", "from bos.jobs.processes import *; print(allow_many_descriptors())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )
    assert int(said.stdout) == min(allowed, hard)


def test_s8_serve_says_where_few_files_may_be_opened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends by itself
        said = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", str(taken.getsockname()[1])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512)),
        )
    assert "Only 512 open files" in said.stderr


def test_s1_more_bytes_a_message_than_a_minute_is_found_by_the_checks(settings: Any) -> None:
    settings.SYNC = settings.SYNC | {"bytes_per_minute": 2**20 - 1}
    [error] = run_checks(tags=["sync"])
    assert "BOS_BYTES_PER_MINUTE" in error.msg


NUMBERS = re.findall(r"^\| `(BOS_\w+)` .* \| [\d ]+", (ROOT / "docs/settings.md").read_text(), re.M)


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_that_is_negative_or_none_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, settings: Any, name: str
) -> None:
    """With -1 days kept, all would be forgotten."""
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@nowhere/none")
    for wrong in ("-1", "nan", "inf"):
        monkeypatch.setenv(name, wrong)
        assert name in said_at_start(settings), wrong


def said_at_start(settings: Any) -> str:
    """Return what the settings of this environment, or the checks of them, refuse."""
    try:
        told = runpy.run_path(str(ROOT / "bos/settings.py"))
    except EnvValidationError as error:
        return str(error)
    settings.SYNC = told["SYNC"]
    return "\n".join(error.msg for error in run_checks(tags=["sync"]))
