"""Sign-ins, one-time links, identity providers."""

from __future__ import annotations

import uuid

from django.db import models

from bos.models.people import User
from bos.models.tenants import Organization, TenantQuerySet
from bos.sealed import SealedField
from bos.texts import NameField


class SignIn(models.Model):
    """A sign-in: over REST every token of it names this row (`sid`), on a page its session.

    A refresh token works once, and of parallel uses one wins: the one whose UPDATE finds the token
    in `refresh_id`. Ended, none of its tokens holds any more, access tokens included, and its
    session is over.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, db_index=False, on_delete=models.CASCADE, related_name="+")
    session = models.UUIDField(null=True, editable=False, db_index=True)
    """Of tokens that a page was given for a session: the session's own sign-in; they end together.
    No foreign key: the older row is forgotten first, and this one is not to go with it."""
    address = models.CharField(max_length=43)
    """Where it was last used from: see `bos.auth.throttle.address_of`."""
    refresh_id = models.CharField(max_length=64)
    """`jti` of its refresh token that has not been used; empty for a session."""
    spent_id = models.CharField(max_length=64, blank=True, default="")
    """`jti` of the one before."""
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(db_index=True)
    """When it was renewed last."""
    ends_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, blank=True, default="")

    class Meta:
        indexes = (models.Index(fields=("user", "address"), name="sign_ins_of_a_user"),)

    def __str__(self) -> str:
        return f"sign-in of {self.created_at:%Y-%m-%d %H:%M}"


class LinkKind(models.TextChoices):
    INVITATION = "invitation", "Invitation"
    RESET = "reset", "Forgotten password"


class AccountLink(models.Model):
    """The latest one-time link of a user, which lets them set a password (decision D6).

    The link is stored nowhere: it is made when its mail is, of all that it dies with. The row is
    also what is left to be sent: see `bos.people.sending`.
    """

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="account_link"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="account_links"
    )
    kind = models.CharField(max_length=16, choices=LinkKind.choices)
    number = models.PositiveIntegerField(default=0)
    """Counts the user's links: of all of them only the last one opens anything."""
    asked_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    """The administrator who invites; None where the user has asked."""
    asked_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, db_index=True)
    """When its mail is to be sent, or tried again; None: there is nothing left to be sent."""
    sent_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True, default="")
    """Why it was not sent, in the words of the last try."""
    used_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("organization", "sent_at"), name="links_by_when_sent"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.user}"


class IdentityProvider(models.Model):
    """Where people of an organization prove who they are, by OpenID Connect (decision D6)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="identity_providers"
    )
    name = NameField(max_length=100, help_text="People see it on the button.")
    slug = models.SlugField(max_length=64, unique=True, editable=False)
    """Names it in its address; in part random, so that nobody finds out which there are."""
    issuer = models.CharField(
        max_length=500,
        help_text="The address under which it describes itself, without “/.well-known/…”.",
    )
    client_id = models.CharField("client ID", max_length=255)
    client_secret = SealedField()
    domains = models.CharField(
        "email domains",
        max_length=500,
        blank=True,
        help_text="Only people with an email address of one of these come in by it, as in"
        " “acme.example, acme.test”. Left empty, all do.",
    )
    creates_users = models.BooleanField(
        "add people who have no account here",
        default=False,
        help_text="They become viewers. Otherwise they are refused.",
    )
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class IdentityLink(models.Model):
    """The user whom a provider knows by this name (`sub`), whatever their email is by then."""

    provider = models.ForeignKey(IdentityProvider, on_delete=models.CASCADE, related_name="links")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    issuer = models.CharField(max_length=500)
    """That of the time: for another issuer the same name is somebody else."""
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("provider", "issuer", "subject"), name="a_subject_is_one_user"
            ),
        )

    def __str__(self) -> str:
        return self.subject


class SpentToken(models.Model):
    """A refresh token without a sign-in, from before there were any, that has been used.

    Its primary key decides which of several parallel uses wins.
    """

    jti = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.jti
