"""A forgotten password: the same answer, in the same time, whether anybody has the address (D6)."""

from __future__ import annotations

from django.http import HttpRequest
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from bos.auth.attempts import Limit, attempts
from bos.auth.throttle import address_of, digest_of
from bos.jobs.queue import enqueue
from bos.people.sending import send_reset
from bos.sealed import seal

PER_ACCOUNT = RateLimitItemPerHour(5)
"""Of one address of mail, whoever asks: its owner's mailbox is not to be filled."""
PER_ADDRESS = RateLimitItemPerHour(30)
"""An address of the network may be that of a whole office."""
OF_ALL = RateLimitItemPerMinute(300)
"""Each is a job, also where nobody has the address."""


def ask_for_reset(request: HttpRequest, email: str) -> None:
    """Have links sent to the users with this address. Raises TooManyAttempts, for any alike.

    Nothing is looked up here: a worker does it.
    """
    email = email.strip().lower()
    attempts.take(
        [
            Limit(PER_ACCOUNT, f"reset:{digest_of(email)}"),
            Limit(PER_ADDRESS, f"reset:{address_of(request)}"),
            Limit(OF_ALL, "reset"),
        ]
    )
    enqueue(send_reset, seal(email))
