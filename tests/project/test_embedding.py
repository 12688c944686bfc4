"""The kernel in a project that knows nothing of ours, as docs/embedding.md puts it there.

The commands are those of the page, in one process; each file that it shows is one of that project.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import redis
from websockets.asyncio.client import connect

from tests.support.services import die_with_parent, free_port, redis_server, wait_for_port

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "tests/support/embedded"
PAGE = (ROOT / "docs/embedding.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w/]+\.py)`[^\n]*\n\n```python\n(.*?)^```$", PAGE, re.M | re.S))
[COMMANDS] = re.findall(r"^```\n(python manage.py migrate\n.*?)^```$", PAGE, re.M | re.S)
# The commands of the page, one after the other; the last one serves, in a process that begins anew.
RUN = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "shopfront.settings"
*manage, serve = {commands}
for command in manage:
    execute_from_command_line(command[1:])
sys.stdout.flush()
del os.environ["DJANGO_SETTINGS_MODULE"]
os.execv(sys.executable, [sys.executable, "-m", *serve])
"""
watch: Any = runpy.run_path(str(PROJECT / "watch.py"), run_name="watch")["watch"]
Message = dict[str, Any]


@dataclass
class Shopfront:
    port: int
    shop: str
    token: str
    redis_url: str

    def watch(self, after: int | None = None) -> Any:
        """Its messages, until it is left: `async with shopfront.watch() as messages`."""
        address = f"127.0.0.1:{self.port}"
        return aclosing(watch(self.shop, self.token, after, address=address))

    async def post(self, path: str, **form: str) -> None:
        data = urlencode(form | {"shop": self.shop}).encode()
        url = f"http://127.0.0.1:{self.port}/{path}"
        await asyncio.to_thread(lambda: urlopen(url, data, 10).close())


def commands(port: int) -> list[list[str]]:
    """Those of the page, on a port of our own."""
    text = COMMANDS.replace("--port 8000", f"--port {port}").replace("\\\n", " ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars="\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if word.strip("\n"):
            found[-1].append(word)
        elif found[-1]:
            found.append([])
    return [command for command in found if command]


@pytest.fixture(scope="module")
def shopfront(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shopfront]:
    home, port = tmp_path_factory.mktemp("shopfront"), free_port()
    log = home / "log"
    with redis_server() as server:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SECRET_KEY": "shopfront" * 6,
            "SHOPFRONT_DATABASE": str(home / "db.sqlite3"),
            "REDIS_URL": server.url,
        }
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", RUN.format(commands=commands(port))],
                cwd=PROJECT,
                env=environment,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )
        try:
            wait_for_port(port, process.poll)
            said = re.search(r"^(\d+) (\S+:\S+)$", log.read_text(), re.M)
            assert said is not None, log.read_text()
            yield Shopfront(port, said[1], said[2], server.url)
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


async def until(messages: AsyncIterator[Message], type_: str) -> list[Message]:
    """All up to and with the first of this type."""
    found: list[Message] = []
    while not found or found[-1]["type"] != type_:
        try:
            found.append(await asyncio.wait_for(anext(messages), 10))
        except TimeoutError:
            raise AssertionError(f"no {type_} behind {found}") from None
    return found


def payloads(messages: list[Message], type_: str) -> list[Message]:
    return [message["payload"] for message in messages if message["type"] == type_]


async def test_an_order_of_a_foreign_project_is_seen_live_and_after_a_resume(
    shopfront: Shopfront,
) -> None:
    async with shopfront.watch() as messages:
        shown = payloads(await until(messages, "SYNC_COMPLETE"), "SYNC_UPDATE")
        assert [(one["entityType"], one["data"]["name"]) for one in shown] == [
            ("shop", "Main Street")
        ]
        await shopfront.post("orders", item="tea")
        live = await until(messages, "SYNC_UPDATE")
    [placed], [update] = payloads(live, "ORDER_PLACED"), payloads(live, "SYNC_UPDATE")
    assert (placed["item"], placed["shopId"], placed["entityType"]) == (
        "tea",
        shopfront.shop,
        "order",
    )
    assert (update["changeType"], update["data"]["state"]) == ("created", "placed")
    assert placed["sequence"] == update["sequence"]

    await shopfront.post("orders", item="milk")  # nobody is there
    async with shopfront.watch(update["sequence"]) as messages:
        [missed] = payloads(await until(messages, "SYNC_COMPLETE"), "SYNC_UPDATE")
        assert (missed["data"]["item"], missed["sequence"]) == ("milk", update["sequence"] + 1)
        # An entity type of which no message of its own tells, by a queryset's update.
        await shopfront.post("delivered")
        told = payloads(
            await until(messages, "SYNC_UPDATE") + await until(messages, "SYNC_UPDATE"),
            "SYNC_UPDATE",
        )
        assert [(one["data"]["item"], one["data"]["state"]) for one in told] == [
            ("tea", "delivered"),
            ("milk", "delivered"),
        ]


async def test_a_request_of_a_foreign_project_is_answered_by_its_event_once(
    shopfront: Shopfront,
) -> None:
    async with connect(f"ws://127.0.0.1:{shopfront.port}/v1/ws") as socket:

        async def ask(type_: str, id_: str, **payload: object) -> Message:
            await socket.send(json.dumps({"type": type_, "payload": payload, "requestId": id_}))
            async for frame in socket:
                message: Message = json.loads(frame)
                if message.get("requestId") == id_:
                    return message
            raise AssertionError("closed")

        assert (await ask("AUTH", "auth", token=shopfront.token))["type"] == "AUTH_SUCCESS"
        first = await ask("ORDER_PLACE", "one", shopId=shopfront.shop, item="rice")
        again = await ask("ORDER_PLACE", "one", shopId=shopfront.shop, item="rice")
        assert (first["type"], first["payload"]["item"]) == ("ORDER_PLACED", "rice")
        assert again == first
        refused = await ask("ORDER_PLACE", "two", shopId="77", item="rice")
        assert refused["payload"]["code"] == "UNAUTHORIZED"
        stranger = await ask("SUBSCRIBE", "three", channels=["kpi:1"])
        assert stranger["payload"]["code"] == "INVALID_CHANNEL"
        unknown = await ask("KPI_UPDATE", "four", kpiId="1", value=2)
        assert unknown["payload"]["details"]["reason"] == "unknown type"


async def test_a_foreign_project_has_a_prefix_of_its_own_in_redis(shopfront: Shopfront) -> None:
    async with shopfront.watch() as messages:
        await until(messages, "SYNC_COMPLETE")
        with redis.Redis.from_url(shopfront.redis_url) as client:
            keys = {key.decode() for key in client.scan_iter()}
    assert "shopfront:places:1" in keys
    assert {key.partition(":")[0] for key in keys} == {"shopfront"}


def test_each_file_that_the_page_shows_is_one_of_the_project_that_is_tried() -> None:
    project = {path.relative_to(PROJECT).as_posix() for path in PROJECT.rglob("*.py")}
    generated = {path for path in project if path.endswith("__init__.py") or "/migrations/" in path}
    assert set(FILES) == project - generated - {"manage.py"}
    for path, text in FILES.items():
        assert (PROJECT / path).read_text(encoding="utf-8") == text, path
