"""Outcomes of a try to send; the text of each is a sentence for administrators."""

from __future__ import annotations


class NotSent(Exception):
    """It was not sent."""


class Refused(NotSent):
    """The receiver does not take this one, and will not."""


class Later(NotSent):
    """The receiver does not take it now: it is tried again."""


class Away(Later):
    """Nothing can be sent by this way now, this one or another."""


class Unanswered(NotSent):
    """It was handed over, and nobody has said whether it was taken.

    It is not tried again by itself: it might come twice.
    """
