"""A conversation: the data file, and how it went."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from patterns import Json

CONVERSATIONS = Path(__file__).with_name("conversations")
PACE = 0.05
SLOWER = 3


class NoConversation(Exception):
    """A conversation file cannot be played."""


@dataclass
class Conversation:
    """A conversation as its file has it."""

    name: str
    decision: str
    about: str
    steps: list[dict[str, Json]]
    pace: float = PACE
    needs: frozenset[str] = frozenset()
    by_hand: frozenset[str] = frozenset()
    server: dict[str, Json] = field(default_factory=dict)
    again: bool = False
    """Whether it is played a second time, more slowly."""

    @classmethod
    def read(cls, path: Path) -> Conversation:
        """Read a file. Raises NoConversation."""
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            for name in ("needs", "by_hand"):
                content[name] = frozenset(content.get(name, ()))
            conversation = cls(**content)
        except (OSError, ValueError, TypeError) as error:
            raise NoConversation(f"{path}: {error}") from None
        if conversation.name != path.stem:
            raise NoConversation(f"{path}: its name is {conversation.name!r}")
        return conversation

    def slower(self) -> Conversation:
        """Return the same, to be played again with more time for all."""
        return replace(self, pace=self.pace * SLOWER, again=True)

    @property
    def least_seconds(self) -> float:
        """Return how long it takes at least, by what its steps wait for."""
        waits = ("min", "quiet", "seconds", "every")
        waited: list[float] = [
            step.get(name, 0) * step.get("times", 1) for step in self.steps for name in waits
        ]
        return self.pace * sum(waited)


@dataclass
class Outcome:
    """How a conversation went.

    skipped: what the client cannot see, that it needs. slowly: it was the second attempt.
    """

    name: str
    passed: bool
    seconds: float
    why: str = ""
    skipped: str = ""
    slowly: bool = False
    trace: list[str] = field(default_factory=list)
