"""Requests to typed-in addresses stay out of the network, and end (D5)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from bos import sealed
from bos.outbound import http
from bos.outbound.http import AddressRefused, OutboundError
from tests.support.receiver import Receiver, answers, hangs, never_ends, trickles


@contextmanager
def receiver(*answers: bytes, wait: threading.Event | None = None) -> Iterator[int]:
    """Serve these raw answers, a connection each; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in answers:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)
                    if wait is not None:
                        wait.wait(5)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
    thread.join(6)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/",
        "http://localhost:8000/x",
        "https://10.0.0.5/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://224.0.0.1/",
        "http://[fec0::1]/",
        "http://[::7f00:1]/",
        "http://[::ffff:0:7f00:1]/",
    ],
)
def test_d5_an_address_inside_the_network_is_refused_when_saved_and_when_sent(address: str) -> None:
    with pytest.raises(AddressRefused, match="inside"):
        http.require_outside(address)
    with pytest.raises(AddressRefused, match="inside"):
        http.request("GET", address, seconds=2)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://example.com:99999/",
        "https://user:password@example.com/",
        "https://[::1/",
        "https://" + "a" * 2_000 + ".example.com/",
    ],
)
def test_d5_what_is_no_address_is_refused_when_saved(address: str, settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True
    with pytest.raises(AddressRefused):
        http.require_outside(address)


def test_d5_the_setting_opens_the_network(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True
    with receiver(b"HTTP/1.1 418 I\r\nContent-Length: 3\r\n\r\nhey") as port:
        http.require_outside(f"http://127.0.0.1:{port}/")
        answer = http.request("POST", f"http://127.0.0.1:{port}/", body=b"x")
    assert (answer.status, answer.content) == (418, b"hey")


def test_d5_a_redirect_is_an_answer_unless_it_may_be_followed(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    with receiver(moved, moved, ok) as port:
        assert http.request("GET", f"http://127.0.0.1:{port}/").status == 302
        assert http.request("GET", f"http://127.0.0.1:{port}/", redirects=1).content == b"ok"
    with receiver(moved, moved) as port, pytest.raises(OutboundError, match="redirected"):
        http.request("GET", f"http://127.0.0.1:{port}/", redirects=1)


def test_d5_an_answer_that_is_too_long_or_never_comes_is_an_error(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11
    with receiver(long, long) as port:
        assert http.request("GET", f"http://127.0.0.1:{port}/", most_bytes=11).content == b"x" * 11
        with pytest.raises(OutboundError, match="longer than 10 bytes"):
            http.request("GET", f"http://127.0.0.1:{port}/", most_bytes=10)
    ended = threading.Event()
    with receiver(b"", wait=ended) as port:
        with pytest.raises(OutboundError, match=r"within 0\.2 seconds"):
            http.request("GET", f"http://127.0.0.1:{port}/", seconds=0.2)
        ended.set()
    with pytest.raises(OutboundError, match="cannot be reached"):
        http.request("GET", f"http://127.0.0.1:{port}/")


def test_d5_the_time_of_a_request_is_up_whatever_trickles_in(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True
    for answer in (trickles, hangs):
        with Receiver() as receiver:
            receiver.will(answer)
            began = time.monotonic()
            with pytest.raises(OutboundError, match=r"within 0\.3 seconds"):
                http.request("GET", receiver.address, seconds=0.3)
            assert time.monotonic() - began < 3  # each byte comes within 0.05
    with Receiver() as receiver:
        receiver.will(never_ends(200))
        with pytest.raises(OutboundError, match="longer than"):
            http.request("GET", receiver.address, seconds=5)


def test_d5_nothing_is_read_of_what_nobody_asks_for(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True
    endless = [never_ends(200), never_ends(302, "Location: /x"), never_ends(302, "Location: /x")]
    with Receiver() as receiver:
        receiver.will(*endless, answers(200, content=b"there"))
        began = time.monotonic()
        assert http.request("GET", receiver.address, seconds=9, most_bytes=0).status == 200
        assert http.request("GET", receiver.address, seconds=9).status == 302
        answer = http.request("GET", receiver.address, seconds=9, redirects=1)
        assert answer.content == b"there"
        assert time.monotonic() - began < 8  # each would have taken 9 s


# ------------------------------------------------------------------ secrets at rest


def test_d5_a_sealed_text_is_opened_by_the_key_and_its_fallbacks_alone(settings: Any) -> None:
    text = sealed.seal("a password")
    assert "password" not in text
    assert text != sealed.seal("a password")
    assert sealed.unseal(text) == "a password"
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key, as long as it has to be " * 2
    settings.SECRET_KEY_FALLBACKS = [old]
    assert sealed.unseal(text) == "a password"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(sealed.CannotOpen, match="enter it again"):
        sealed.unseal(text)


def test_d5_a_text_that_nobody_sealed_is_not_kept() -> None:
    field = sealed.SealedField(name="secret")
    field.set_attributes_from_name("secret")
    with pytest.raises(ValueError, match="not sealed"):
        field.get_db_prep_save("a password", connection)
    assert field.get_db_prep_save(sealed.seal("a password"), connection).startswith("gAAAA")
    assert field.get_db_prep_save("", connection) == ""


def test_d5_the_address_of_a_host_is_what_was_looked_at(settings: Any) -> None:
    with pytest.raises(AddressRefused, match="inside"):
        http.outside_address("localhost", 5432)
    assert http.outside_address("93.184.215.14", 5432) == "93.184.215.14"
    settings.OUTBOUND_INSIDE = True
    assert http.outside_address("127.0.0.1", 5432) == "127.0.0.1"
    with pytest.raises(AddressRefused, match="cannot be found"):
        http.outside_address("no..host", 5432)
