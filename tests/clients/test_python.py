"""The client for Python against real servers: what the protocol promises, as an application sees
it."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import ssl
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bos_client import (
    CertificateError,
    Client,
    ClosedError,
    ConnectionLost,
    Dropped,
    NotBosError,
    PasswordSession,
    RequestRefused,
    SignInError,
    State,
    StateChange,
    StoredSession,
    Timeout,
    connect,
)
from bos_client.errors import BosError
from bos_client.protocol import (
    CLIENT_MESSAGES,
    KpiUpdate,
    KpiUpdated,
    KpiUpdatedMessage,
    Position,
    ServerMessage,
    SyncUpdateMessage,
)
from bos_client.sessions import Cursors
from bos_client.wire import Malformed, Unknown, decode, to_wire
from kpis.models import KpiValue
from sync.reference import asyncapi
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client as Plain
from tests.support.cutting import cutting
from tests.support.mirror import snapshot
from tests.support.server import ROOT, Server
from tests.support.services import free_port
from tests.support.waiting import until

UPDATES, OWN = 1000, 500
SENT = [
    pytest.param(example["payload"], id=key)
    for key, message in asyncapi.document()["components"]["messages"].items()
    if key.startswith("server.")
    for example in message["examples"]
]


def client_of(server: Server, person: Person, url: str = "", **options: Any) -> Client:
    return connect(url or server.url, token=person.token, **options)


async def set_value(person: Plain, kpi: Any, value: float) -> None:
    payload = {"kpiId": str(kpi.pk), "value": value}
    await person.send("KPI_UPDATE", payload, request_id=uuid.uuid4().hex)


def mirrored(client: Client) -> dict[tuple[str, str], Any]:
    """Return the store as plain values, by type and id."""
    types = ("organization", "department", "employee", "kpi", "alert", "insight", "report")
    more = ("session", "invitation", "participant", "annotation", "notification")
    return {
        (type_, id_): to_wire(entity)
        for type_ in (*types, *more)
        for id_, entity in client.store.all(type_).items()
    }


async def stopped(client: Client) -> BosError:
    """Return the error by which the client stops."""
    with pytest.raises(BosError) as caught:
        await asyncio.wait_for(client.live(), 20)
    assert client.state.state is State.STOPPED
    return caught.value


# ------------------------------------------------------------------ types


@pytest.mark.parametrize("example", SENT)
def test_k1_every_message_is_decoded_by_its_type_and_loses_nothing(example: Any) -> None:
    message = decode(json.dumps(example))
    assert not isinstance(message, Unknown)
    assert example["type"] == message.TYPE
    if "payload" in example:
        payload: Any = message.payload  # type: ignore[union-attr]  # this example has one
        again = to_wire(payload)
        assert again == example["payload"]


def test_k1_an_unknown_type_entity_or_field_is_no_fault_and_a_missing_field_is_one() -> None:
    [kpi_updated] = [p.values[0] for p in SENT if p.id == "server.KPI_UPDATED"]
    update = next(p.values[0] for p in SENT if p.id == "server.SYNC_UPDATE")
    assert isinstance(kpi_updated, dict)
    assert isinstance(update, dict)
    more = {**kpi_updated, "x": 1, "payload": {**kpi_updated["payload"], "y": {"z": 2}}}
    assert decode(json.dumps(more)) == decode(json.dumps(kpi_updated))
    new = {**update, "payload": {**update["payload"], "entityType": "planet"}}
    assert decode(json.dumps(new)) == Unknown("SYNC_UPDATE", update["payload"]["sequence"])
    assert decode('{"type": "BRAND_NEW", "payload": 7}') == Unknown("BRAND_NEW", None)
    without = {name: v for name, v in kpi_updated["payload"].items() if name != "value"}
    deep = f'{{"type": "PONG", "payload": {"[" * 9999}{"]" * 9999}}}'
    for wrong in (json.dumps({**kpi_updated, "payload": without}), "[]", "no JSON", "{}", deep):
        with pytest.raises(Malformed):
            decode(wrong)


def test_k1_every_request_names_its_reply_and_has_the_type_of_its_payload() -> None:
    assert CLIENT_MESSAGES["KPI_UPDATE"] is KpiUpdate
    assert KpiUpdate.REPLY == KpiUpdatedMessage.TYPE
    noticed = {name for name, one in CLIENT_MESSAGES.items() if getattr(one, "NOTICED", False)}
    assert noticed == {"PREDICTION_REQUEST", "REPORT_REQUEST"}


# ------------------------------------------------------------------ losses


@pytest.mark.timeout(180)
async def test_k3_cut_each_second_nothing_is_lost_and_nothing_comes_twice(
    unlimited: Server, cast: Cast
) -> None:
    """1,000 updates of others, each seen once and in order; 500 own, each acted on once."""
    seen: list[tuple[int, float]] = []
    revenue, margin = str(cast.home.revenue.pk), str(cast.home.margin.pk)

    def hear(message: ServerMessage) -> None:
        payload: Any = getattr(message, "payload", None)
        if getattr(payload, "entity_id", None) == revenue:
            value = payload.data.value if isinstance(message, SyncUpdateMessage) else payload.value
            seen.append((payload.sequence, value))

    with cutting(unlimited.url) as proxy:
        async with client_of(unlimited, cast.alice, proxy.url) as client:
            client.on_message(hear)
            await client.subscribe(cast.home.topic, f"department:{cast.home.sales.pk}")
            async with await Plain.connect(unlimited, cast.mia) as other:

                async def update() -> None:
                    for n in range(UPDATES):
                        await set_value(other, cast.home.revenue, n)
                        await asyncio.sleep(0.004)  # over several cuts

                async def own() -> list[KpiUpdated]:
                    asked = (KpiUpdate(kpi_id=margin, value=n) for n in range(OWN))
                    return await asyncio.gather(*(client.request(request) for request in asked))

                _, answers = await asyncio.gather(update(), own())
                await until(lambda: len(seen) >= UPDATES, within=60)
            proxy.stop_cutting()
            await client.live()
            assert proxy.cuts >= 3
            async with await Plain.connect(unlimited, cast.alice) as fresh:
                department = f"department:{cast.home.sales.pk}"
                expected, sequence = await snapshot(fresh, cast.home.topic, department)
            await until(lambda: (client.sequence or 0) >= sequence, within=30)
            assert mirrored(client) == expected
    assert [value for _, value in seen] == [float(n) for n in range(UPDATES)]
    assert [sequence for sequence, _ in seen] == sorted({sequence for sequence, _ in seen})
    assert [answer.value for answer in answers] == [float(n) for n in range(OWN)]
    made = KpiValue.objects.filter(kpi_id=cast.home.margin.pk, actor_id=cast.alice.id)
    assert await asyncio.to_thread(made.count) == OWN


async def test_k3_a_request_that_waits_is_rejected_when_the_client_is_closed(
    server: Server, cast: Cast
) -> None:
    client = connect(f"http://127.0.0.1:{free_port()}", token="x")
    kpi = str(cast.home.revenue.pk)
    waiting = asyncio.create_task(client.request(KpiUpdate(kpi_id=kpi, value=1)))
    with pytest.raises(ConnectionLost, match="refused"):
        await client.live(patient=False)
    with pytest.raises(Timeout):
        await client.request(KpiUpdate(kpi_id=kpi, value=2), timeout=0.01)
    await client.close()
    with pytest.raises(ClosedError) as closed:
        await waiting
    assert closed.value.sent is False
    with pytest.raises(ClosedError):
        await client.request(KpiUpdate(kpi_id=kpi, value=3))


async def test_k3_what_cannot_be_sent_is_refused_where_it_is_asked_for(
    server: Server, cast: Cast
) -> None:
    """Sent later, it would end the client at each sign-in, and what is asked for beside it."""
    async with client_of(server, cast.mia) as mia:
        with pytest.raises(UnicodeEncodeError):
            await mia.request(KpiUpdate(kpi_id="\ud800", value=1))
        wrong: list[Any] = ["", 5, None, "kpi:\ud800", f"kpi:{'x' * 197}"]
        for name in (*wrong, f"kpi:{'x' * 196}"):  # the server's own refusal has room for that
            with pytest.raises(RequestRefused) as refused:
                await asyncio.wait_for(mia.subscribe(cast.home.topic, name), 20)
            assert refused.value.code == "INVALID_CHANNEL"
        await mia.subscribe(cast.home.topic)
        assert mia.channels == [cast.home.topic]
        kpi = str(cast.home.revenue.pk)
        assert (await mia.request(KpiUpdate(kpi_id=kpi, value=1))).value == 1


# ------------------------------------------------------------------ rights and refusals


async def test_k3_what_is_refused_says_why_in_types(server: Server, cast: Cast) -> None:
    dropped: list[Dropped] = []
    async with client_of(server, cast.vera) as vera:
        vera.on_dropped(dropped.append)
        with pytest.raises(RequestRefused) as refused:
            await vera.request(KpiUpdate(kpi_id=str(cast.home.revenue.pk), value=1))
        assert refused.value.code == "UNAUTHORIZED"
        with pytest.raises(RequestRefused) as not_followed:
            await vera.subscribe(cast.home.topic, cast.other.topic)
        assert not_followed.value.details["channel"] == cast.other.topic
        assert [one.channel for one in dropped] == [cast.other.topic]
        assert set(vera.store.kpis) == {str(cast.home.revenue.pk)}
        vera.unfollow(cast.home.topic)
        assert mirrored(vera) == {}


async def test_k3_a_session_is_joined_again_after_a_loss_and_shows_its_notes(
    server: Server, cast: Cast
) -> None:
    with cutting(server.url, every=1) as proxy:
        async with (
            client_of(server, cast.mia, proxy.url) as mia,
            client_of(server, cast.bob) as bob,
        ):
            meeting = await mia.create_session("Q4", invite_user_ids=[cast.bob.id])
            other = await bob.join_session(meeting.id)
            states = [mia.state.state]
            mia.on_state(lambda change: states.append(change.state))
            note = await other.annotate("Look at March", Position(x=1, y=0, z=0))
            await until(lambda: note.annotation_id in mia.store.annotations, within=10)
            await until(lambda: State.WAITING in states, within=10)
            proxy.stop_cutting()
            await other.update(note.annotation_id, content="Look at April")
            await until(lambda: meeting.annotations[0].content == "Look at April", within=10)
            await until(lambda: mia.state.state is State.LIVE, within=10)
            for n in range(5):
                meeting.move_cursor(Position(x=n, y=0, z=0))
            seen = other.cursors.at
            await until(
                lambda: cast.mia.id in seen() and seen()[cast.mia.id].position.x == 4, within=10
            )
            assert {one.user_id for one in meeting.participants} == {cast.mia.id, cast.bob.id}
            await other.remove(note.annotation_id)
            await other.leave()
            await until(
                lambda: len(meeting.participants) == 1 and not meeting.annotations, within=10
            )
            assert mirrored(bob) == {}


async def test_k3_a_session_that_is_left_while_offline_is_not_joined_again(
    server: Server, cast: Cast
) -> None:
    with cutting(server.url, every=1) as proxy:
        async with (
            client_of(server, cast.mia, proxy.url) as mia,
            client_of(server, cast.bob) as bob,
        ):
            meeting = await bob.create_session("Q4", invite_user_ids=[cast.mia.id])
            left = await mia.join_session(meeting.id)
            leaving: list[asyncio.Task[Any]] = []

            def leave(change: StateChange) -> None:
                if change.state is State.WAITING and not leaving:
                    proxy.stop_cutting()
                    leaving.append(asyncio.create_task(left.leave()))

            mia.on_state(leave)
            await until(lambda: bool(leaving), within=10)
            await leaving[0]
            # Whatever else it has asked for has been served by then.
            await mia.request(KpiUpdate(kpi_id=str(cast.home.revenue.pk), value=1))
            note = await meeting.annotate("Who is here?", Position(x=0, y=0, z=0))
            await until(lambda: note.annotation_id in bob.store.annotations, within=10)
            assert [one.user_id for one in meeting.participants] == [cast.bob.id]


def test_k3_a_cursor_glides_from_where_it_is_shown_to_where_it_was_seen() -> None:
    cursors = Cursors()
    cursors.put("u1", Position(x=0, y=0, z=0), None, now=10.0)
    cursors.put("u1", Position(x=1, y=2, z=-4), None, now=10.1)
    halfway = cursors.at(10.1 + 0.0625)["u1"].position
    assert (halfway.x, halfway.y, halfway.z) == (0.5, 1, -2)
    assert cursors.at(10.1)["u1"].position.x == 0
    assert cursors.at(99)["u1"].position == Position(x=1, y=2, z=-4)


# ------------------------------------------------------------------ sign-in


async def test_k3_a_wrong_token_or_password_is_final(server: Server, cast: Cast) -> None:
    wrong = PasswordSession(server.url, cast.bob.email, "wrong")
    for token, code in (("wrong", "INVALID_TOKEN"), (wrong, "INVALID_CREDENTIALS")):
        async with connect(server.url, token=token) as client:
            error = await stopped(client)
        assert isinstance(error, SignInError)
        assert error.code == code


async def test_k3_two_processes_renew_a_sign_in_once(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    """A refresh token works once: used by both, it would end the sign-in of both."""
    path = tmp_path / "kept" / "credentials.json"
    session = StoredSession(server.url, path)
    await session.sign_in(cast.bob.email, PASSWORD)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    first = await session(fresh=False)
    kept = json.loads(path.read_text())
    [stored] = kept.values()
    stored["pair"]["renew_at"] = 1.0
    path.write_text(json.dumps(kept))
    code = (
        "import asyncio, pathlib, sys; from bos_client import StoredSession;"
        "print(asyncio.run(StoredSession(sys.argv[1], pathlib.Path(sys.argv[2]))(fresh=False)))"
    )
    both = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, server.url, str(path)), stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    tokens = {(await one.communicate())[0].decode().strip() for one in both}
    assert len(tokens) == 1
    assert first not in tokens
    assert await session(fresh=True) in tokens  # which it has stored: nothing is renewed for it
    async with connect(server.url, token=session) as client:
        await client.live()
    assert await session.sign_out()
    assert not await session.sign_out()
    with pytest.raises(SignInError):
        await session(fresh=False)


async def test_k3_a_renewal_that_nobody_waits_for_any_more_is_kept_all_the_same(
    server: Server, cast: Cast, tmp_path: Path
) -> None:
    """A cut or Ctrl-C in the middle: the refresh token is spent, and its successor is needed."""
    path = tmp_path / "credentials.json"
    await StoredSession(server.url, path).sign_in(cast.bob.email, PASSWORD)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(2**16)
        while b"}" not in request:
            request += await reader.read(2**16)
        behind, onwards = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
        onwards.write(request)
        answered = await behind.read(2**16)
        asked.set()
        await answer.wait()
        writer.write(answered)
        writer.close()
        onwards.close()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as way:
        url = f"http://127.0.0.1:{way.sockets[0].getsockname()[1]}"
        [stored] = json.loads(path.read_text()).values()
        stored["pair"]["renew_at"] = 1.0
        path.write_text(json.dumps({url: stored}))
        session = StoredSession(url, path)
        renewal = asyncio.create_task(session(fresh=False))
        await asyncio.wait_for(asked.wait(), 20)
        renewal.cancel()
        await asyncio.wait([renewal])
        answer.set()
        token = await session(fresh=False)
    assert token != stored["pair"]["access"]
    assert token == json.loads(path.read_text())[url]["pair"]["access"]


# ------------------------------------------------------------------ whatever else answers


async def test_k3_an_address_where_there_is_no_bos_is_final(server: Server) -> None:
    async with connect(f"{server.url}/elsewhere", token="x") as client:
        assert isinstance(await stopped(client), NotBosError)

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as mail:
        port = mail.sockets[0].getsockname()[1]
        for scheme in ("http", "https"):
            async with connect(f"{scheme}://127.0.0.1:{port}", token="x") as client:
                assert isinstance(await stopped(client), NotBosError)
    for wrong in ("ftp://127.0.0.1", "127.0.0.1:8000", "http://user:secret@127.0.0.1", "http://"):
        with pytest.raises(ValueError, match="no address"):
            connect(wrong, token="x")


def own_certificate(directory: Path) -> ssl.SSLContext:
    """Return a context for a server whose certificate nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (directory / "certificate").write_bytes(certificate.public_bytes(encoding))
    form = serialization.PrivateFormat.PKCS8
    (directory / "key").write_bytes(key.private_bytes(encoding, form, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "certificate", directory / "key")
    return context


async def test_k3_a_certificate_that_does_not_hold_is_final(tmp_path: Path) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    tls = own_certificate(tmp_path)
    async with await asyncio.start_server(silent, "127.0.0.1", 0, ssl=tls) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with connect(url, token="x") as client:
            assert isinstance(await stopped(client), CertificateError)
        with pytest.raises(CertificateError):
            await PasswordSession(url, "a@b.example", "x")(fresh=False)


async def test_k3_the_ten_lines_of_the_readme_set_a_value_and_hear_of_it(
    server: Server, cast: Cast
) -> None:
    readme = (ROOT / "clients/python/README.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    for old, new in (
        ("http://127.0.0.1:8000", server.url),
        ("manager@harbor.example", cast.mia.email),
        ("bos-demo-2026", PASSWORD),
    ):
        assert old in code
        code = code.replace(old, new)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 50)
    assert process.returncode == 0, output.decode()
    change, answer = output.decode().splitlines()
    assert "Change(type='kpi'" in change
    assert answer.startswith("KpiUpdated(")
    assert "value=42.5" in change
    assert "value=42.5" in answer


def test_k3_the_client_stands_alone() -> None:
    """It imports nothing of the server, nor Django."""
    for path in (ROOT / "clients/python").rglob("*.py"):
        text = path.read_text()
        for name in ("django", "sync", "bos", "kpis", "collaboration", "tests"):
            assert f"import {name}\n" not in text, path
            assert f"from {name}." not in text, path
            assert f"from {name} import" not in text, path
