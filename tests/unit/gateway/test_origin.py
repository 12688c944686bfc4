"""Which origins may be named in the settings, and are let in then (row w14, decision W5)."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from hypothesis import given
from hypothesis import strategies as st

from sync.checks import check_origins
from sync.gateway.origin import origin_allowed, parse_origin

OWN = b"bos.example"
OF_APPS = [
    *("capacitor://localhost", "ionic://localhost", "tauri://localhost", "https://tauri.localhost"),
    *("app://-", "app://obsidian.md", "http://localhost", "http://localhost:8100"),
    *("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "vscode-webview://1f2e3d"),
    *("moz-extension://0c3f8b1e-1d2c-4b5a-9f6e-7d8c9b0a1f2e", "https://xn--bcher-kva.example"),
]
NONE = {
    "null": "null",
    "*": "scheme",
    "board.example": "scheme",
    "file://": "host",
    "https://*.example": "host",
    "https://board.example/": "path",
    "https://board.example/app": "path",
    "capacitor://localhost/": "path",
    "https://board.example?": "path",
    "https://user@board.example": "path",
    "wss://board.example": "https://",
    "https://b\u00fccher.example": "xn--",
    "https://a b": "blanks",
    "https://board.example:99999": "ort",
    "https://board.example:https": "ort",
    "https://[::1": "IPv6",
}


def let_in(origin: str, *named: str) -> bool:
    sent = origin.encode("latin-1", "replace")
    return origin_allowed(sent, OWN, "wss", more=named, hosts=["bos.example"])


def complaints(settings: Any, *origins: str) -> list[str]:
    settings.SYNC = settings.SYNC | {"allowed_origins": origins}
    return [str(error.msg) for error in check_origins()]


@pytest.mark.parametrize("origin", OF_APPS)
def test_w14_an_origin_of_an_app_is_let_in_once_it_is_named_and_no_other(
    settings: Any, origin: str
) -> None:
    assert complaints(settings, origin) == []
    assert let_in(origin, origin)
    assert not let_in(origin, *(set(OF_APPS) - {origin}))


@pytest.mark.parametrize(("origin", "reason"), NONE.items(), ids=NONE)
def test_w14_what_no_page_has_as_its_own_is_refused_at_start_with_the_reason(
    settings: Any, origin: str, reason: str
) -> None:
    [said] = complaints(settings, "https://good.example", origin)
    assert origin in said or repr(origin) in said
    assert reason in said
    assert not let_in(origin, origin)


def test_w14_the_check_is_among_those_at_start(settings: Any) -> None:
    settings.SYNC = settings.SYNC | {"allowed_origins": ("file://",)}
    assert "sync.E006" in {check.id for check in run_checks(tags=["sync"])}


PARTS = (
    ["http", "HTTPS", "ws", "capacitor", "app", "file", "", "1x", "a+b.c-d"],
    ["://", "://", "://", ":", "//", ":///"],
    ["localhost", "A.Example", "-", "[::1]", "127.0.0.1", "*", "", "u@h", "\u00e4"],
    ["", "", "", ":80", ":443", ":0", ":x", ":99999", "/", "?", "#a", " ", ",", "%"],
)


@given(st.tuples(*map(st.sampled_from, PARTS)))
def test_w14_whatever_is_named_is_let_in_or_was_refused_at_start(parts: tuple[str, ...]) -> None:
    origin = "".join(parts)
    try:
        parse_origin(origin)
    except ValueError:
        assert not let_in(origin, origin)
    else:
        scheme, rest = origin.split(":", 1)
        assert let_in(origin, origin)
        assert let_in(f"{scheme.lower()}:{rest.lower()}", origin)  # as browsers write it
