"""`serve` and `work`: when they refuse to start, what they say, and what is logged (O2, O4)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Process
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.checks import run_checks

from bos.web.serving import Child
from tests.project.test_settings import refused
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.http import fetch
from tests.support.rest import rest
from tests.support.server import ROOT, Server, manage
from tests.support.services import RedisServer, die_with_parent, free_port
from tests.support.waiting import until

WITHIN = 40


# ------------------------------------------------------------------ refused at start


@pytest.mark.parametrize("processes", [1, 2])
def test_o4_a_taken_port_is_one_clear_line_and_nothing_is_said_to_be_served(
    own_redis: RedisServer, processes: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ("--port", str(port), "--processes", str(processes))
        answer = manage("serve", *arguments, REDIS_URL=own_redis.url)
    assert answer.returncode == 1
    assert "Serving on" not in answer.stdout
    [line] = answer.stderr.splitlines()
    assert f"Cannot listen on http://127.0.0.1:{port}: Address already in use" in line


def test_o4_a_host_that_is_none_of_this_machine_is_one_clear_line() -> None:
    answer = manage("serve", "--host", "host.invalid", DEBUG="off", SECRET_KEY="k" * 50)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].endswith(
        "--host host.invalid is no address of this machine."
    )
    answer = manage("serve", "--host", "192.0.2.1", DEBUG="off", SECRET_KEY="k" * 50)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].endswith(
        "It is no address of this machine: choose another with --host."
    )


@pytest.mark.parametrize("command", ["serve", "work"])
def test_j4_with_pending_migrations_nothing_starts(command: str, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    answer = manage(command, DATABASE_URL=database, REDIS_URL=None)
    said = refused(answer)
    assert "migrations are not applied" in said
    assert "python manage.py migrate" in said
    assert "Traceback" not in said
    assert answer.stdout == ""


SIGNED_WITH_THE_KEY = """
from bos.settings import *
SIMPLE_JWT = SIMPLE_JWT | {"SIGNING_KEY": SECRET_KEY}
"""
SHORT_KEY = """
from bos.settings import *
SECRET_KEY = "short"
"""


@pytest.mark.parametrize(
    ("module", "said", "start"),
    [
        (SIGNED_WITH_THE_KEY, "signed with SECRET_KEY itself", "serve"),
        (SIGNED_WITH_THE_KEY, "signed with SECRET_KEY itself", "daphne"),
        (SHORT_KEY, "SECRET_KEY is too short", "work"),
    ],
    ids=["serve", "daphne", "work"],
)
def test_o4_wrong_keys_of_a_settings_module_of_ones_own_are_refused(
    tmp_path: Path, module: str, said: str, start: str
) -> None:
    (tmp_path / "own_settings.py").write_text(module)
    environment = os.environ | {
        "DEBUG": "off",
        "SECRET_KEY": "k" * 50,
        "DJANGO_SETTINGS_MODULE": "own_settings",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
    }
    by_daphne = ["-m", "daphne", "-p", str(free_port()), "bos.asgi:application"]
    answer = subprocess.run(
        [sys.executable, *(by_daphne if start == "daphne" else ["manage.py", start])],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode != 0
    assert said in answer.stderr
    assert "Serving" not in answer.stdout


def test_o4_a_signing_key_equal_to_an_older_secret_key_is_found_by_the_checks(
    settings: Any,
) -> None:
    settings.DEBUG, settings.SECRET_KEY_FALLBACKS = False, ["o" * 50]
    assert run_checks(tags=["bos"]) == []
    settings.TOKEN_KEYS = [*settings.TOKEN_KEYS, "o" * 50]
    [error] = run_checks(tags=["bos"])
    assert error.id == "bos.E002"


def test_o2_a_short_fallback_key_is_warned_of(settings: Any) -> None:
    settings.DEBUG, settings.SECRET_KEY_FALLBACKS = False, ["o" * 49]
    [warning] = run_checks(tags=["bos"])
    assert warning.id == "bos.W001"


# ------------------------------------------------------------------ said and logged


@contextmanager
def serving_loudly(log: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """`serve` as people start it, from when it says that it serves; with the default LOG_LEVEL."""
    full = os.environ | environment
    full.pop("LOG_LEVEL", None)
    server = Server(free_port(), Process(), log)
    said = log.with_suffix(".out")
    with log.open("wb") as errors, said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(server.port), *arguments],
            cwd=ROOT,
            env=full,
            stdout=output,
            stderr=errors,
            preexec_fn=die_with_parent,
        )
    try:
        deadline = time.monotonic() + WITHIN
        while f"Serving on {server.url} ..." not in said.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)  # a file tells nobody that it has grown
        server.process = psutil.Process(process.pid)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def children(of: Any, word: str = "") -> list[psutil.Process]:
    """Return those whose command has this word; not in a path, which may have any."""
    found = [(child, child.cmdline()) for child in of.children(recursive=False)]
    return [
        child
        for child, command in found
        if not word or any(word in part and "/" not in part for part in command)
    ]


def lines(server: Server, message: str) -> list[dict[str, Any]]:
    told = [json.loads(line) for line in server.log.read_text().splitlines()]
    return [line for line in told if line["message"] == message]


@pytest.mark.timeout(120)
async def test_o1_what_an_operator_must_know_is_in_the_log_and_no_secret_is(
    cast: Cast, own_redis: RedisServer, tmp_path: Path
) -> None:
    password = "a-password-that-is-wrong"
    home, bob = cast.home.id, cast.bob.id
    settings = {"BOS_LOG_FORMAT": "json", "REDIS_URL": own_redis.url}
    options = ("--processes", "2", "--worker")
    with serving_loudly(tmp_path / "log", *options, **settings) as server:
        body = {"email": cast.bob.email, "password": password}
        for _ in range(2):
            status, _ = await rest(server, "POST", "/auth/token", body=body)
            assert status == 401
        client = await Client.connect(server)
        await client.ask("AUTH", {"token": f"{cast.bob.token}x"})
        await client.sign_in(cast.bob)
        refused = await client.ask("SUBSCRIBE", {"channels": [cast.other.topic]})
        assert error_of(refused)[0] == "UNAUTHORIZED"
        refused = await client.ask("KPI_UPDATE", {"kpiId": "none", "value": 4711.25})
        assert error_of(refused)[0] == "UNAUTHORIZED"
        await client.socket.close(4321)
        silent = await Client.connect(server)
        for _ in range(3):
            await silent.send("AUTH", {"token": "nonsense"})
        await silent.closed()
        await until(lambda: len(lines(server, "closed")) == 2, within=WITHIN)
        processes = await killed(server)
        status, _ = await rest(server, "GET", "/api/kpis/history", token=cast.bob.token)
        assert status == 200

    for line in lines(server, "sign-in refused")[:2]:
        assert line["level"] == "WARNING"
        assert line["user"] == bob
        assert line["organization"] == home
        assert len(line["request"]) == 32
    in_vain = [line for line in lines(server, "sign-in refused") if "connection" in line]
    assert {line["reason"] for line in in_vain} == {"INVALID_TOKEN"}
    connection = in_vain[0]["connection"]
    [refusal, *_] = lines(server, "request refused")
    assert (refusal["code"], refusal["user"]) == ("UNAUTHORIZED", bob)
    closed = {line["connection"]: line for line in lines(server, "closed")}
    by_client, by_server = closed.pop(connection), next(iter(closed.values()))
    assert (by_client["code"], by_client["by"]) == (4321, "client")
    assert (by_client["user"], by_client["organization"]) == (bob, home)
    assert (by_server["code"], by_server["by"]) == (4401, "server")
    assert 0 <= by_client["seconds"] < WITHIN
    for message, pids in processes.items():
        died = {line["pid"]: line for line in lines(server, message)}
        for pid in pids:
            assert died[pid]["signal"] == "SIGKILL"
            assert died[pid]["level"] == "ERROR"
    text = server.log.read_text()
    for secret in (password, cast.bob.token.split(".")[2], cast.bob.email, "4711.25", "nonsense"):
        assert secret not in text


async def killed(server: Server) -> dict[str, list[int]]:
    """Kill a server process, one that does jobs, and the worker as a whole; what tells of each."""
    serve: Any = server.process
    process = children(serve, "spawn_main")[0]
    [worker] = children(serve, "work")
    await until(lambda: children(worker) and children(children(worker)[0]), within=WITHIN)
    job = children(children(worker)[0])[0]
    for victim in (process, job):
        victim.kill()
    await until(lambda: lines(server, "server process died"), within=WITHIN)
    await until(lambda: lines(server, "worker process died"), within=WITHIN)
    worker.kill()
    await until(lambda: lines(server, "worker died"), within=WITHIN)
    await until(lambda: len(children(serve, "spawn_main")) == 2, within=WITHIN)
    await until(lambda: children(serve, "work"), within=WITHIN)
    return {
        "server process died": [process.pid],
        "worker process died": [job.pid],
        "worker died": [worker.pid],
    }


async def test_o1_without_json_the_same_fields_are_words(cast: Cast, tmp_path: Path) -> None:
    with serving_loudly(tmp_path / "log", REDIS_URL="") as server:
        async with await Client.connect(server, cast.bob) as client:
            connection = client.session_id
        await server.logged(" closed ")
    [line] = [line for line in server.log.read_text().splitlines() if " closed " in line]
    assert f"connection={connection} user={cast.bob.id} organization={cast.home.id}" in line
    assert "code=1000 by=client seconds=" in line


async def test_o1_an_answer_names_the_request_that_the_log_names(server: Server) -> None:
    ids = {(await fetch(server, "/healthz")).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2


async def test_o1_a_child_that_was_asked_to_end_is_not_started_anew() -> None:
    with Child([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        await until(lambda: child._process, within=WITHIN)
        assert child._process is not None
        child._process.send_signal(signal.SIGTERM)
        await until(lambda: not child._thread.is_alive(), within=WITHIN)
        assert child._process.returncode == -signal.SIGTERM


def test_o1_a_worker_waits_for_a_database_that_is_away() -> None:
    away = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    environment = os.environ | {"DATABASE_URL": away, "DEBUG": "off", "SECRET_KEY": "k" * 50}
    with subprocess.Popen(
        [sys.executable, "manage.py", "work"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stderr is not None
        said = [next(worker.stderr, ""), next(worker.stderr, "")]
        going_on = worker.poll() is None
        worker.terminate()
    assert "migrations not looked at" in said[0]
    assert "the worker waits for the database" in said[1]
    assert going_on
