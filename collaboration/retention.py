"""Sessions that ended long ago are forgotten, with their notes and invitations."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from collaboration.models import Annotation, Session
from sync.eventlog.retention import prune_in_batches

NOTES_AT_ONCE = 200
"""Each is an event: nobody else's change should wait long for the organization's log."""
SESSIONS_AT_ONCE = 10


def prune_sessions() -> int:
    """Forget what ended more than `BOS_SESSION_DAYS` ago; how many sessions that were.

    Users who may still follow one get events, note by note, as of any deletion.
    """
    long_ago = timezone.now() - timedelta(days=settings.SESSION_DAYS)
    ended = Session.objects.filter(ended_at__lt=long_ago).order_by("ended_at")
    # Replies first: a note takes all replies to it along.
    notes = Annotation.objects.filter(session__in=ended).order_by("-created_at", "-pk")
    prune_in_batches(notes, at_once=NOTES_AT_ONCE)
    without_notes = ended.filter(annotations=None)
    return prune_in_batches(without_notes, at_once=SESSIONS_AT_ONCE)
