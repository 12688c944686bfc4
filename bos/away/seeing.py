"""Note how much of the log a person has seen, for all their devices."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from bos.models import LastSeen, User
from sync.eventlog import log
from sync.protocol.identity import Principal


def see(principal: Principal, sequence: int) -> int:
    """Note that the principal has seen what is up to this event; return what they have seen now.

    It never goes back, as the device of a request may be behind another one, nor beyond the log's
    end. Runs inside the caller's transaction.
    """
    sequence = min(sequence, log.head(principal.organization_id).sequence)
    own = LastSeen.objects.filter(user_id=principal.user_id)
    is_news = Q(sequence__lte=sequence) | ~Q(organization_id=principal.organization_id)
    now = timezone.now()
    seen = {"organization_id": principal.organization_id, "sequence": sequence, "at": now}
    if own.filter(is_news).update(**seen):
        return sequence
    # Two devices that look for the first time at once: either may be first.
    LastSeen.objects.bulk_create(
        [LastSeen(user_id=principal.user_id, **seen)], ignore_conflicts=True
    )
    return own.values_list("sequence", flat=True).get()


def last_seen(principal: Principal) -> LastSeen | None:
    """Return what the principal has seen of their organization's log; None where nothing."""
    own = LastSeen.objects.filter(organization_id=principal.organization_id)
    return own.filter(user_id=principal.user_id).first()


def forget(user: User) -> None:
    """Keep nothing of when an erased person looked."""
    LastSeen.objects.filter(user=user).delete()
