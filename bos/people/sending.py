"""Send one-time links by jobs: nobody waits for a mail server, nor is a transaction open meanwhile.

The link's row is what is left to be sent. A worker claims it before it talks to the mail server and
marks it sent afterwards; one that dies in between leaves it to be sent again some minutes later, so
that at worst somebody gets the same link in two mails.
"""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone

from bos.entities import NotificationSubject
from bos.jobs.processes import is_ending
from bos.jobs.queue import Priority, enqueue
from bos.models import AccountLink, LinkKind, User
from bos.notifying import notify
from bos.people.links import address_for, forgetful, renew
from bos.sealed import unseal
from bos.texts import cut

logger = logging.getLogger("bos.people")

CLAIM = timedelta(minutes=5)
"""Longer than a mail server may take with a mail (`EMAIL_TIMEOUT` for each step)."""
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30))
"""Before it is tried again; after the last of them it is given up: the user has asked anew by then,
or an administrator does."""
TURN_SECONDS = 20.0
"""So long one job sends; then it is others' turn."""
AT_ONCE = 200
MINUTE = timedelta(minutes=1)
MOST_PROBLEM = AccountLink._meta.get_field("problem").max_length or 0
LEFT = "They were deactivated before it was sent."
OFF = "Mail is not set up on this server: see EMAIL_URL, BOS_MAIL_FROM and BOS_PUBLIC_URL."

# ------------------------------------------------------------------ jobs


def send_invitation(user_id: str) -> None:
    """Send an invitation that somebody has just made. A job: sent already, it is not sent again."""
    _send(AccountLink.objects.filter(pk=UUID(user_id), kind=LinkKind.INVITATION))


def send_reset(sealed_email: str) -> None:
    """Send new links to the users with this address, if there are any: all of them in one mail.

    A job, made for every address that anybody types: the page takes as long for one that nobody
    has. Sealed, the address is not kept readable among the jobs that are done.
    """
    with transaction.atomic():
        links = [renew(user, LinkKind.RESET) for user in forgetful(unseal(sealed_email))]
    _send(AccountLink.objects.filter(pk__in=[link.pk for link in links]))


def send_waiting() -> None:
    """Send what waits, so many invitations of an organization a minute; a schedule goes on with it.

    A job, each minute, and where an import has brought people.
    """
    ends_at = time.monotonic() + TURN_SECONDS
    due = AccountLink.objects.filter(next_try_at__lte=timezone.now()).order_by("next_try_at", "pk")
    groups: dict[object, list[UUID]] = {}
    for pk, kind, email in due.values_list("pk", "kind", "user__email")[:AT_ONCE]:
        # A forgotten password of several organizations is one mail.
        groups.setdefault(email if kind == LinkKind.RESET else pk, []).append(pk)
    full: set[object] = set()
    for ids in groups.values():
        if is_ending() or time.monotonic() >= ends_at:
            break
        links = AccountLink.objects.filter(pk__in=ids)
        organization_id = links.values_list("organization_id", flat=True).first()
        if organization_id in full:
            continue
        if _is_full(organization_id):
            full.add(organization_id)
            continue
        _send(links)


def enqueue_waiting(organization_id: object) -> None:
    """Have `send_waiting` look, once the transaction that is open has committed."""
    enqueue(send_waiting, organization_id=organization_id, priority=Priority.SOON)


def _is_full(organization_id: object) -> bool:
    """Whether the organization has sent what it may in a minute."""
    sent = AccountLink.objects.of(organization_id).filter(sent_at__gt=timezone.now() - MINUTE)
    return bool(sent.count() >= settings.INVITATIONS_PER_MINUTE)


# ------------------------------------------------------------------ one mail


def _send(links: Any) -> None:
    """Send those of these links that are due, in one mail: they are of one address."""
    rows = links.select_related("user__organization", "asked_by")
    claimed = [link for link in rows if _claim(link)]
    told = [link for link in claimed if _is_there(link)]
    for link in claimed:
        if link not in told:
            _mark(link, next_try_at=None, problem=LEFT)
    if not told:
        return
    if not settings.MAIL_IS_ON:
        _give_up(told, OFF)
        return
    try:
        _mail_of(told).send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        _try_later(told, error)
        return
    for link in told:
        _mark(link, next_try_at=None, sent_at=timezone.now(), problem="")
        logger.info("link sent", extra={"user": str(link.pk), "kind": link.kind})


def _claim(link: AccountLink) -> bool:
    """Take a link that is due, so that no other worker sends it meanwhile."""
    now = timezone.now()
    rows = AccountLink.objects.filter(pk=link.pk, number=link.number, next_try_at__lte=now)
    return bool(rows.update(next_try_at=now + CLAIM, attempts=F("attempts") + 1))


def _is_there(link: AccountLink) -> bool:
    user = link.user
    return user.is_active and user.erased_at is None and user.organization_id is not None


def _mark(link: AccountLink, **values: Any) -> None:
    """Where a newer one has taken its place, that one is to be sent as it stands."""
    AccountLink.objects.filter(pk=link.pk, number=link.number).update(**values)


def _try_later(links: Sequence[AccountLink], error: Exception) -> None:
    problem, is_final = _problem_of(error)
    logger.warning(
        "link not sent", extra={"users": [str(link.pk) for link in links], "problem": problem}
    )
    attempts = AccountLink.objects.filter(pk__in=[link.pk for link in links])
    tried = max(attempts.values_list("attempts", flat=True), default=0)
    if is_final or tried > len(PAUSES):
        _give_up(links, problem)
        return
    for link in links:
        _mark(link, next_try_at=timezone.now() + PAUSES[tried - 1], problem=problem)


def _problem_of(error: Exception) -> tuple[str, bool]:
    """Say what went wrong, and whether another try would end alike. Nothing of it is a secret."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        final = all(500 <= code < 600 for code in codes)
        return f"The mail server does not take mail for this address ({min(codes)}).", final
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "The mail server does not let this server in: see EMAIL_URL.", False
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server has refused it ({error.smtp_code}).", False
    if isinstance(error, ValueError):
        return "No mail can be sent to this address.", True
    return "The mail server does not answer.", False


def _give_up(links: Sequence[AccountLink], problem: str) -> None:
    """Send these no more; the administrator who has invited somebody is told."""
    with transaction.atomic():
        for link in links:
            _mark(link, next_try_at=None, problem=cut(problem, MOST_PROBLEM))
            inviter = link.asked_by
            if link.kind == LinkKind.INVITATION and inviter is not None:
                if inviter.organization_id != link.organization_id or not inviter.is_active:
                    continue
                notify(
                    [inviter],
                    link.organization_id,
                    category="invitation_failed",
                    title=f"The invitation of {link.user} was not sent",
                    message=f"{problem} Send it again in the list of users.",
                    about=NotificationSubject(),
                )


# ------------------------------------------------------------------ what is in it


def _mail_of(links: Sequence[AccountLink]) -> EmailMultiAlternatives:
    """Write the mail: as text, and as HTML, in which what people have typed is escaped."""
    first = links[0]
    is_invitation = first.kind == LinkKind.INVITATION
    organization = first.user.organization
    assert organization is not None, "only those of an organization are sent"
    name = "invitation" if is_invitation else "reset"
    context = {
        "user": first.user,
        "organization": organization,
        "inviter": first.asked_by if is_invitation else None,
        "links": [(link.user.organization, address_for(_as_now(link))) for link in links],
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
        "again": f"{settings.PUBLIC_URL}/account/password/reset/",
    }
    subject = f"Your invitation to {organization}" if is_invitation else "Set a new password"
    mail = EmailMultiAlternatives(
        subject,
        render_to_string(f"account/mail/{name}.txt", context),
        settings.DEFAULT_FROM_EMAIL,
        [first.user.email],
        # So that no answering machine replies.
        headers={"Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(render_to_string(f"account/mail/{name}.html", context), "text/html")
    return mail


def _as_now(link: AccountLink) -> User:
    """The user as they are when the link is made: it dies with any later change."""
    user: User = User.objects.get(pk=link.pk)
    return user
