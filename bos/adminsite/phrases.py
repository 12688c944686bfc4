"""Parts of sentences in the admin: by which way a change came, and texts that fit into a line."""

from __future__ import annotations

from sync.protocol.identity import SYSTEM

SOURCES = {
    "websocket": "by WebSocket",
    "admin": "in the admin",
    "rest": "by REST",
    "import": "by import",
    "command": "by a command",
    "connector": "by connector",
    "account": "on a page of their own account",
    "oidc": "by single sign-on",
    "shell": "in a shell",
    SYSTEM.source: "",
}
"""The ways by which a change comes, as a sentence ends with them."""
BY_KEY = "by REST key"
GONE = "deleted since"
OUTSIDE = "outside of the organization"
"""Instead of the name of an author who has none here."""
LONGEST_TEXT = 80


def source_words(source: str) -> str:
    return SOURCES.get(source, f"by {source}" if source else "")


def shortened(text: str) -> str:
    """On one line, and of a length that a list can take."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1].rstrip()}…"


def subject(author: str) -> str:
    """Begin a sentence with an author's name."""
    nameless = {GONE: "a deleted user", OUTSIDE: "somebody outside of the organization"}
    name = nameless.get(author, author) or "somebody"
    return f"{name[:1].upper()}{name[1:]}"
