"""The command `bos` against a real server: into a pipe, on a terminal, and each exit code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.cast import PASSWORD, Cast
from tests.support.client import Client as Plain
from tests.support.factors import app_of
from tests.support.server import ROOT, Server
from tests.support.services import free_port

PATIENCE = 50


@dataclass(slots=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return what came, which is a JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def _hear_of_interrupts() -> None:
    """Take SIGINT: behind a shell that has put us in the background it would be ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(slots=True)
class Bos:
    """The command, as a user in a folder of their own runs it."""

    home: Path
    url: str
    token: str = ""

    def start(self, *arguments: str, out: int = subprocess.PIPE) -> Any:
        own = {"XDG_CONFIG_HOME": str(self.home), "BOS_URL": self.url, "BOS_TOKEN": self.token}
        environment = {**os.environ, **own, "TERM": "xterm", "COLUMNS": "120"}
        return asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bos_client.command", *arguments),
            cwd=self.home,
            env={name: value for name, value in environment.items() if value},
            preexec_fn=_hear_of_interrupts,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
        )

    async def __call__(self, *arguments: str, say: str = "") -> Done:
        process = await self.start(*arguments)
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(say.encode())
        return Done(process.returncode, out.decode(), err.decode())

    async def on_a_terminal(self, *arguments: str) -> Done:
        ours, theirs = pty.openpty()
        process = await self.start(*arguments, out=theirs)
        os.close(theirs)
        reading = asyncio.to_thread(_all_of, ours)
        async with asyncio.timeout(PATIENCE):
            out, (_, err) = await asyncio.gather(reading, process.communicate())
        return Done(process.returncode, out, err.decode())


def _all_of(terminal: int) -> str:
    read = b""
    with contextlib.suppress(OSError):  # so Linux says that the other end is closed
        while part := os.read(terminal, 2**16):
            read += part
    os.close(terminal)
    return read.decode()


def bos_of(tmp_path: Path, server: Server, token: str = "") -> Bos:
    return Bos(tmp_path, server.url, token)


async def test_k3_login_keeps_what_it_gets_for_its_owner_alone_and_logout_ends_it(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = bos_of(tmp_path, server)
    assert (await bos("whoami")).code == 3
    wrong = await bos("login", "--email", cast.mia.email, say="wrong\n")
    assert (wrong.code, wrong.out) == (3, "")
    done = await bos("login", "--email", cast.mia.email, say=f"{PASSWORD}\n")
    assert done.lines == [{"signedIn": True, "url": server.url, "email": cast.mia.email}]
    kept = tmp_path / "bos/credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in kept.read_text() + done.out + done.err
    [pair] = [one["pair"] for one in json.loads(kept.read_text()).values()]
    bos.url = ""  # the one that it has signed in at
    [me] = (await bos("whoami")).lines
    assert (me["userId"], me["role"], me["organization"]) == (cast.mia.id, "manager", "Home")
    ended = await bos("logout")
    assert ended.lines == [{"signedOut": True, "url": server.url}]
    assert (await bos("whoami")).code == 3
    for token in pair.values():
        assert str(token) not in done.out + done.err + ended.out + ended.err


async def test_d6_login_takes_the_code_of_a_second_factor(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    app, bos = app_of(cast.mia), bos_of(tmp_path, server)
    who = ("login", "--email", cast.mia.email)
    refused = await bos(*who, say=f"{PASSWORD}\n")
    assert refused.code == 3
    assert "second factor" in refused.err
    done = await bos(*who, f"--code={app.code()}", say=f"{PASSWORD}\n")
    assert done.lines[0]["signedIn"]


async def test_k3_the_options_of_bos_may_stand_before_and_after_a_command(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = Bos(tmp_path, "")
    url = f"--url={server.url}"
    signed_in = await bos("login", url, "--email", cast.mia.email, say=f"{PASSWORD}\n")
    assert signed_in.lines == [{"signedIn": True, "url": server.url, "email": cast.mia.email}]
    assert (await bos("logout", url)).lines == [{"signedOut": True, "url": server.url}]
    token = f"--token={cast.mia.token}"
    after, before = await bos("whoami", url, token), await bos(url, token, "whoami")
    assert after.lines == before.lines
    assert after.lines[0]["userId"] == cast.mia.id
    bos.url, bos.token = server.url, cast.mia.token
    shown = await bos.on_a_terminal("whoami", "--json")
    assert shown.lines == after.lines


async def test_k3_watch_set_and_tail_speak_json_into_a_pipe(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = bos_of(tmp_path, server, cast.mia.token)
    revenue = str(cast.home.revenue.pk)
    watching = await bos.start("watch", "--kpi", "revenue", "--count=1")
    first = json.loads(await asyncio.wait_for(watching.stdout.readline(), PATIENCE))
    assert (first["change"], first["id"], first["data"]["value"]) == ("snapshot", revenue, 100)
    tailing = await bos.start("tail", "--count=1")
    following = await asyncio.wait_for(tailing.stderr.readline(), PATIENCE)
    assert following.decode().split() == ["Following", f"{cast.home.topic}."]
    done = await bos("set", "REVENUE", "42.5")
    [answer] = done.lines
    assert (answer["kpiId"], answer["value"]) == (revenue, 42.5)
    change = json.loads((await watching.communicate())[0])
    assert (change["change"], change["data"]["value"]) == ("updated", 42.5)
    event = json.loads((await tailing.communicate())[0])
    assert (event["type"], event["payload"]["value"]) == ("KPI_UPDATED", 42.5)
    assert change["sequence"] == event["payload"]["sequence"] == answer["sequence"]
    assert (watching.returncode, tailing.returncode) == (0, 0)
    cast.home.revenue.key = "money-in"
    await cast.home.revenue.asave(update_fields=["key"])
    by_key = await bos("set", "money-in", "41.5")
    assert [one["kpiId"] for one in by_key.lines] == [revenue], by_key.err


async def test_k3_a_reader_who_goes_ends_watch_at_the_next_change(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = bos_of(tmp_path, server, cast.mia.token)
    ours, theirs = os.pipe()
    watching = await bos.start("watch", "--kpi", "revenue", out=theirs)
    os.close(theirs)
    assert await asyncio.to_thread(os.read, ours, 2**16)
    os.close(ours)
    value = 0
    while watching.returncode is None:  # as often as it takes until it listens
        value += 1
        assert (await bos("set", "revenue", str(value))).code == 0
    _, err = await watching.communicate()
    assert (watching.returncode, err) == (141, b"")


async def test_k3_credentials_that_cannot_be_read_or_written_are_said_and_login_mends_them(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = bos_of(tmp_path, server)
    kept = tmp_path / "bos/credentials.json"
    kept.parent.mkdir()
    kept.write_text("no JSON")
    for command in ("whoami", "doctor", "load"):
        done = await bos(command)
        assert done.code == 3
        assert "cannot be read" in done.out + done.err
        assert "Traceback" not in done.err
    login = ("login", "--email", cast.mia.email)
    assert (await bos(*login, say=f"{PASSWORD}\n")).code == 0
    assert (await bos("whoami")).code == 0
    kept.unlink()
    kept.mkdir()
    done = await bos(*login, say=f"{PASSWORD}\n")
    assert done.code == 3
    assert "cannot be written" in done.err


async def test_k3_each_exit_code_says_why(server: Server, cast: Cast, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    mia = bos_of(tmp_path, server, cast.mia.token)
    vera = bos_of(tmp_path, server, cast.vera.token)
    other = f"session:{cast.other.revenue.pk}"
    cases = [
        (mia, ["set", "Revenue", "much"], 2, "much"),
        (mia, ["set", "Revenue", "nan"], 2, "no number"),
        (mia, ["annotate", "x1", "text", "--at", "1,2"], 2, "X,Y,Z"),
        (Bos(tmp_path, "ftp://x", "x"), ["whoami"], 2, "no address"),
        (Bos(tmp_path, "https://bos.example", "x"), ["load"], 2, "--yes-host bos.example"),
        (Bos(tmp_path, server.url, "wrong"), ["whoami"], 3, "invalid"),
        (vera, ["set", "Revenue", "1"], 4, "not"),
        (mia, ["watch", other], 4, ""),
        (Bos(tmp_path, nobody, "x"), ["whoami"], 5, "refused"),
        (mia, ["set", "Revenu", "1"], 6, "'Revenue'"),
        (mia, ["replay", "no such session"], 6, "no such session"),
        (Bos(tmp_path, f"{server.url}/elsewhere", "x"), ["whoami"], 7, "instead of"),
    ]
    found = await asyncio.gather(*(bos(*arguments) for bos, arguments, *_ in cases))
    for done, (_, arguments, code, words) in zip(found, cases, strict=True):
        assert done.code == code, (arguments, done)
        assert words in done.err, (arguments, done)
        assert "Traceback" not in done.err
        assert done.out == ""


async def test_k3_a_name_that_several_kpis_have_is_said_with_their_ids(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    cast.home.margin.name = "revenue"
    cast.home.margin.visibility = "organization"
    cast.home.margin.save()
    done = await bos_of(tmp_path, server, cast.mia.token)("set", "Revenue", "1")
    assert done.code == 6
    assert {str(cast.home.margin.pk), str(cast.home.revenue.pk)} <= set(done.err.split())


async def test_k3_a_session_is_listed_annotated_and_replayed(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = bos_of(tmp_path, server, cast.bob.token)
    async with await Plain.connect(server, cast.mia) as mia:
        payload = {"title": "Q4", "activeSpace": "dashboard", "inviteUserIds": [cast.bob.id]}
        created = await mia.ask("SESSION_CREATE", payload)
        session = created["payload"]["sessionId"]
        [listed] = (await bos("sessions")).lines
        assert (listed["id"], listed["title"], listed["invited"]) == (session, "Q4", True)
        made = await bos("annotate", "q4", "Look at March", "--at=1,2,-3", "--kpi=revenue")
        [note] = made.lines
        assert note["position"] == {"x": 1, "y": 2, "z": -3}
        assert note["entity"] == {"type": "kpi", "id": str(cast.home.revenue.pk)}
        again = await bos("replay", session)
        assert (again.code, again.err) == (0, "")
        replayed = again.lines
        assert [one["sequence"] for one in replayed] == sorted(one["sequence"] for one in replayed)
        told = [(one["type"], one["change"]) for one in replayed]
        assert told[0] == ("session", "created")
        assert ("annotation", "created") in told
        assert told[-1] == ("participant", "deleted")  # bos has joined for the note, and has left
        [text] = [one["text"] for one in replayed if one["type"] == "annotation"]
        assert text == "Look at March"


async def test_k3_doctor_names_the_step_that_fails(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    vera = bos_of(tmp_path, server, cast.vera.token)
    nobody = f"http://127.0.0.1:{free_port()}"
    cases = [
        (vera, "organization", 0, None),
        (vera, f"department:{cast.home.sales.pk}", 4, "channel"),
        (vera, "planet:1", 4, "channel"),
        (Bos(tmp_path, server.url, "wrong"), "organization", 3, "sign-in"),
        (Bos(tmp_path, f"{server.url}/x", "x"), "organization", 7, "handshake"),
        (Bos(tmp_path, nobody, "x"), "organization", 5, "address"),
        (Bos(tmp_path, server.url), "organization", 3, "settings"),
    ]
    found = await asyncio.gather(*(bos("doctor", channel) for bos, channel, *_ in cases))
    for done, (_, channel, code, step) in zip(found, cases, strict=True):
        failed = [line["step"] for line in done.lines if not line["ok"]]
        assert (done.code, failed) == (code, [step] if step else []), (channel, done)
    steps = [line["step"] for line in found[0].lines]
    assert steps == ["address", "handshake", "sign-in", "role", "channel"]


async def test_k3_on_a_terminal_there_are_tables_and_no_json(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = bos_of(tmp_path, server, cast.mia.token)
    cases = [
        (["whoami"], "Mia, manager of Home"),
        (["watch", "--once"], "Revenue"),
        (["set", "Revenue", "7"], "Revenue: 7 EUR"),
        (["sessions"], "title"),
        (["doctor"], "✓ role: manager"),
        (["load", "--seconds=0.5", "--rate=20"], "p95"),
    ]
    found = await asyncio.gather(*(bos.on_a_terminal(*arguments) for arguments, _ in cases))
    for done, (arguments, words) in zip(found, cases, strict=True):
        assert done.code == 0, (arguments, done)
        assert words in done.out
        assert "{" not in done.out
    [as_json] = (await bos.on_a_terminal("--json", "whoami")).lines
    assert as_json["userId"] == cast.mia.id


async def test_k3_a_load_test_says_how_soon_requests_were_answered(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = bos_of(tmp_path, server, cast.mia.token)
    done = await bos("load", "--seconds=0.5", "--rate=10", "--connections=2", "--kpi=Revenue")
    [figures] = done.lines
    assert figures["request"] == "KPI_UPDATE"
    assert figures["answered"] == 10
    assert figures["refused"] == {}
    assert 0 < figures["p50"] <= figures["p95"] <= figures["p99"]


async def test_k3_an_interrupted_command_says_so_and_ends_at_once(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    bos = bos_of(tmp_path, server, cast.mia.token)
    for told, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = await bos.start("tail")
        await asyncio.wait_for(process.stderr.readline(), PATIENCE)
        process.send_signal(told)
        _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode == code
        assert b"Traceback" not in err


# ------------------------------------------------------------------ from an empty folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which `pip install ./clients/python` was run, asking no registry: what the
    client needs is that of the environment of the tests."""
    folder = tmp_path_factory.mktemp("empty")
    source = folder / "python"
    shutil.copytree(ROOT / "clients/python", source, ignore=shutil.ignore_patterns("*.egg-info"))
    venv.create(folder / "venv", symlinks=True, with_pip=False)
    [site] = (folder / "venv").glob("lib/python*/site-packages")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "-q", "--target", str(site))
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options]
    subprocess.run([*command, str(source)], check=True, cwd=folder)
    [ours] = {path for path in sys.path if path.endswith("site-packages")}
    (site / "needed.pth").write_text(ours)
    return folder


async def test_k3_from_an_empty_folder_pip_install_and_bos_watch_show_live_kpis(
    installed: Path, server: Server, cast: Cast
) -> None:
    """The installed package is what runs: it has its types, and nothing of the checkout."""
    [package] = (installed / "venv").glob("lib/python*/site-packages/bos_client")
    assert (package / "py.typed").exists()
    environment = {
        "PATH": os.environ["PATH"],
        "BOS_URL": server.url,
        "BOS_TOKEN": cast.mia.token,
        "HOME": str(installed),
    }
    watching = await asyncio.create_subprocess_exec(
        *(
            str(installed / "venv/bin/python"),
            str(package.parent / "bin/bos"),
            "watch",
            "--count=1",
        ),
        cwd=installed,
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert watching.stdout is not None
    shown: list[dict[str, Any]] = []
    while not shown or shown[-1]["type"] != "kpi":
        shown.append(json.loads(await asyncio.wait_for(watching.stdout.readline(), PATIENCE)))
    assert shown[-1]["data"]["name"] == "Revenue"
    async with await Plain.connect(server, cast.mia) as mia:
        await mia.ask("KPI_UPDATE", {"kpiId": str(cast.home.revenue.pk), "value": 3})
    rest, _ = await asyncio.wait_for(watching.communicate(), PATIENCE)
    assert json.loads(rest.splitlines()[-1])["data"]["value"] == 3
