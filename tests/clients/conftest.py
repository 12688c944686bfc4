"""Servers for clients that do much in a short time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import Server, serving

WITHOUT_LIMITS = {
    "BOS_MESSAGES_PER_MINUTE": "100000",
    "BOS_USER_MESSAGES_PER_MINUTE": "1000000",
    "BOS_FRAMES_PER_SECOND": "100000",
    "BOS_HANDSHAKES_PER_SECOND": "100000",
    "BOS_BYTES_PER_MINUTE": "1000000000",
    "BOS_USER_WORK_PER_MINUTE": "100000000",
    "BOS_ORGANIZATION_WORK_PER_MINUTE": "100000000",
}


@pytest.fixture(scope="session")
def unlimited(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that limits no messages, shared by the tests of all clients."""
    log = tmp_path_factory.mktemp("unlimited") / "log"
    with serving(log, WITHOUT_LIMITS) as running:
        yield running
    text = log.read_text(errors="replace")
    assert "Traceback" not in text, text[max(0, text.index("Traceback") - 300) :][:4000]
