"""Tenants and people: organization, department, employee, user."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django_q.models import OrmQ

from bos.history.model import History
from bos.sealed import SealedField
from bos.texts import NameField
from sync.eventlog.querysets import SyncedModel, SyncedQuerySet


class TenantQuerySet(SyncedQuerySet[Any]):
    """Queries start from the tenant: `Department.objects.of(organization_id)`."""

    def of(self, organization_id: object) -> Self:
        return self.filter(organization_id=organization_id)


class Organization(SyncedModel):
    """A tenant: nobody outside of it learns that anything in it exists."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = NameField(max_length=200)
    require_mfa = models.BooleanField(
        "demand a second factor of administrators",
        default=False,
        help_text="Administrators without one set one up before they get any further.",
    )
    """Not on the wire: it is nobody's business but the administrators'."""
    updated_at = models.DateTimeField(auto_now=True)

    objects = SyncedQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("name",)
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.name


def restrict_itself(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """RESTRICT, of rows of one model.

    Django's own notes that the model depends on itself, and then puts no deletion in order: with an
    organization its sessions would go before their participants.
    """
    collector.add_restricted_objects(field, sub_objs)


BELOW_ITSELF = "A department cannot be below itself."


class Department(SyncedModel):
    """A node of the organization's tree.

    What is in it keeps it from being deleted (decision V6), unless its organization goes as a
    whole: see `bos.leaving.departments`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="departments"
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=restrict_itself, related_name="children"
    )
    name = NameField(max_length=200)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("name",)
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The parent is of the same organization and not below this department."""
        if self.parent is None:
            return
        if self.parent.organization_id != self.organization_id:
            raise ValidationError({"parent": "The parent is of another organization."})
        # All at once: there may be a thousand, one above the other.
        tree = dict(Department.objects.of(self.organization_id).values_list("pk", "parent_id"))
        above, seen = self.parent_id, set[uuid.UUID]()
        while above is not None:
            if above == self.pk or above in seen:
                raise ValidationError({"parent": BELOW_ITSELF})
            seen.add(above)
            above = tree.get(above)


class Role(models.TextChoices):
    """The rights of a user in the organization; each includes those before it (decision S3)."""

    VIEWER = "viewer", "Viewer: reads"
    MEMBER = "member", "Member: annotates, joins and creates sessions"
    MANAGER = "manager", "Manager: updates KPIs, requests reports"
    ADMIN = "admin", "Admin: everything in the organization"


# A change of one of these ends the tokens of before: the user signs in again (decision A5).
TOKEN_FIELDS = frozenset({"password", "role", "is_active", "organization_id", "is_superuser"})


class UserQuerySet(TenantQuerySet):
    def people(self) -> Self:
        """Leave machines out: they sign in nowhere, are told of nothing, and administer nothing."""
        return self.filter(is_service=False)

    def update(self, **values: Any) -> int:
        if not TOKEN_FIELDS.isdisjoint(values) or "organization" in values:
            values.setdefault("token_version", F("token_version") + 1)
        return super().update(**values)


# mypy knows no class that a call makes.
class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]  # a call
    use_in_migrations = False

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Raises ValidationError where the organization has the email."""
        user: User = self.model(email=email, **fields)
        user.clean()
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None, organization_id: object = None) -> User:
        email = (username or "").strip().lower()
        found: User = self.get(email=email, organization_id=organization_id)
        return found


class User(AbstractBaseUser, PermissionsMixin, SyncedModel):
    """A person who signs in, by email, or a machine, which has keys (`ServiceAccount`).

    A superuser may belong to no organization, a machine may not; it has neither email nor password.

    An email is one user's of its organization: else whoever adds a user there would learn that
    somebody has it elsewhere, or could keep the owner from using it. Of several users with one
    email the password decides which one signs in (`bos.auth.throttle`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.CASCADE, related_name="users"
    )
    email = models.EmailField(db_index=True)
    name = NameField(max_length=200)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    is_active = models.BooleanField(default=True)
    is_service = models.BooleanField(default=False, editable=False)
    token_version = models.PositiveIntegerField("tokens ended", default=0, editable=False)
    erased_at = models.DateTimeField(null=True, editable=False)
    """Since when nobody is known by this row any more: see `bos.leaving.people`."""

    objects = UserManager()
    history = History(
        without=("password", "token_version", "is_service"), unnoticed=("last_login",)
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        ordering = ("name",)
        base_manager_name = "objects"
        constraints = (
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_has_a_known_role"),
            models.UniqueConstraint(
                fields=("organization", "email"),
                condition=Q(is_service=False),
                name="email_is_one_users_of_an_organization",
            ),
            # NULL is never the same as NULL.
            models.UniqueConstraint(
                fields=("email",),
                condition=Q(organization=None),
                name="email_is_one_users_without_an_organization",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        """An email is one user's of its organization, in whatever case."""
        super().clean()
        if self.is_service:
            return
        self.email = self.email.strip().lower()
        same = User.objects.filter(organization_id=self.organization_id, email=self.email)
        if same.exclude(pk=self.pk).exists():
            raise ValidationError({"email": "Another user of this organization has this email."})

    def natural_key(self) -> tuple[str, object]:  # type: ignore[override]  # of one name there
        return self.email, self.organization_id

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return a hash that ends the admin's sessions with the tokens.

        secret: one of SECRET_KEY_FALLBACKS; Django asks with each for a session from before.
        """
        what = f"{self.password}{self.token_version}"
        return salted_hmac("bos admin session", what, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.name

    @property
    def is_staff(self) -> bool:
        """May use the admin: of the organization, or of everything."""
        if self.is_service:
            return False
        return self.is_superuser or (self.role == Role.ADMIN and self.organization_id is not None)

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.strip().lower()
        update_fields = kwargs.get("update_fields")
        with transaction.atomic(savepoint=False):
            if self._ends_tokens(update_fields) and update_fields is not None:
                kwargs["update_fields"] = frozenset({*update_fields, "token_version"})
            super().save_base(*args, **kwargs)

    def _ends_tokens(self, update_fields: frozenset[str] | None) -> bool:
        """Whether one of the TOKEN_FIELDS changes. No version that was is ever taken again, however
        old the row in hand is."""
        written = {"organization_id" if f == "organization" else f for f in update_fields or ()}
        fields = TOKEN_FIELDS & written if update_fields is not None else TOKEN_FIELDS
        if not fields or (self._state.adding and update_fields is None):
            return False
        rows = User.objects.select_for_update().filter(pk=self.pk)
        stored = rows.values(*fields, "token_version").first()
        if stored is None:
            return False
        changed = any(stored[field] != getattr(self, field) for field in fields)
        self.token_version = max(self.token_version, stored["token_version"] + changed)
        return changed


class Employee(SyncedModel):
    """A person who works in a department; with `user`, one who also signs in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="employees"
    )
    department = models.ForeignKey(
        Department, null=True, blank=True, on_delete=models.RESTRICT, related_name="employees"
    )
    user = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="employee"
    )
    name = NameField(max_length=200)
    title = NameField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("name",)
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        for field in ("department", "user"):
            other = getattr(self, field)
            if other is not None and other.organization_id != self.organization_id:
                raise ValidationError({field: f"The {field} is of another organization."})


class Notification(SyncedModel):
    """Something that one user should know; reaches them live or at their next sync."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="notifications"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    category = models.CharField(max_length=32)
    title = models.CharField(max_length=200)
    message = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    read_together: list[str] | None = None
    """Not stored: ids that one NOTIFICATION_READ tells of; empty where another row's does."""

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.title


class LastSeen(models.Model):
    """The event of the organization's log that a person has seen last, on whichever device.

    Not captured: that somebody looks is no event, and is nobody else's business.
    """

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="last_seen"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="last_seen"
    )
    """Its log is the one that `sequence` is of: in another one it says nothing."""
    sequence = models.BigIntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} at {self.sequence}"


# ------------------------------------------------------------------ messages that leave the socket


class Medium(models.TextChoices):
    """The ways by which a message leaves: see `bos.outside`."""

    EMAIL = "email", "Email"
    PUSH = "push", "Push"
    CHAT = "chat", "Chat"


class Choice(models.TextChoices):
    """A person's choice about a category of messages."""

    AT_ONCE = "at_once", "At once"
    DAILY = "digest", "Once a day"
    NEVER = "never", "Never"


class MessagePreference(models.Model):
    """A person's choice about a category of messages; without one, its default counts."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="message_preferences")
    category = models.CharField(max_length=32)
    medium = models.CharField(max_length=8, choices=Medium.choices)
    choice = models.CharField(max_length=8, choices=Choice.choices)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "category", "medium"), name="one_choice_a_category_and_medium"
            ),
        )

    def __str__(self) -> str:
        return f"{self.category} by {self.medium}: {self.choice}"


class MessageSettings(models.Model):
    """A person's settings for messages of all categories."""

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="message_settings"
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    """A name of IANA: the mail of the day goes out in its morning."""

    def __str__(self) -> str:
        return self.time_zone


class PushSubscription(models.Model):
    """A browser that takes a person's messages.

    Anybody with its address and keys could send to it: they are sealed, and found by a hash.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint_hash = models.CharField(max_length=64, unique=True)
    sealed = SealedField()
    """JSON: `endpoint`, `p256dh`, `auth`."""
    label = NameField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.label


class LeastSeverity(models.TextChoices):
    """The severities of alerts, in their order."""

    INFO = "info", "Info, and all above"
    WARNING = "warning", "Warning and critical"
    CRITICAL = "critical", "Critical only"


class OutsideChannel(models.Model):
    """A place outside, like a room of a chat, that an organization sends alerts and reports to."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="outside_channels"
    )
    name = NameField(max_length=100)
    address = SealedField()
    """An address of apprise, which holds tokens: see `bos.outside.chat`."""
    service = models.CharField(max_length=32, editable=False)
    """The name of the service that the address leads to."""
    alerts = models.BooleanField(default=True)
    least_severity = models.CharField(
        "of which severity", max_length=8, choices=LeastSeverity.choices, default="warning"
    )
    reports = models.BooleanField(default=False)
    restricted = models.BooleanField(
        "also what is restricted to a department",
        default=False,
        help_text="Everybody in the room reads it, whatever they may see here.",
    )
    is_active = models.BooleanField("active", default=True)
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def takes_severity(self, severity: str) -> bool:
        order = LeastSeverity.values
        return severity in order and order.index(severity) >= order.index(self.least_severity)


class DeliveryKind(models.TextChoices):
    MESSAGE = "message", "Message"
    DIGEST = "digest", "Mail of the day"
    MORE = "more", "And more"
    TEST = "test", "Test"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    HANDED = "handed", "Being handed over"
    GATHERED = "gathered", "In a later mail"
    SENT = "sent", "Sent"
    DROPPED = "dropped", "Not sent"
    FAILED = "failed", "Failed"
    GIVEN_UP = "given_up", "Given up"


class Delivery(models.Model):
    """A message on its way to one person or channel, and what has become of it.

    It says what it tells of by the entity alone: the words are made when it is sent, by what the
    person may see then.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="deliveries"
    )
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(
        OutsideChannel, null=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    medium = models.CharField(max_length=8, choices=Medium.choices)
    kind = models.CharField(
        max_length=8, choices=DeliveryKind.choices, default=DeliveryKind.MESSAGE
    )
    category = models.CharField(max_length=32, blank=True, default="")
    entity_type = models.CharField(max_length=32, blank=True, default="")
    entity_id = models.CharField(max_length=64, blank=True, default="")
    moment = models.CharField(max_length=16, blank=True, default="")
    """Names the thing that has happened to the entity: an alert is raised, and resolved."""
    state = models.CharField(
        max_length=8, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    error = models.CharField(max_length=300, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    began_at = models.DateTimeField()
    """A day later it is given up. Trying it again begins anew."""
    next_at = models.DateTimeField("next try")
    """While it is being sent, when it is taken for lost."""
    sent_at = models.DateTimeField(null=True)
    gather = models.CharField(max_length=8, blank=True, default="")
    """The kind of the one in which it goes out with others; empty where it goes by itself."""
    bundle = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="parts")
    day = models.DateField(null=True)
    """Of a mail of the day: the day where the person is."""

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "deliveries"
        constraints = (
            models.CheckConstraint(
                condition=Q(user=None, channel__isnull=False) | Q(user__isnull=False, channel=None),
                name="delivery_is_for_a_person_or_a_channel",
            ),
            models.UniqueConstraint(
                fields=("user", "medium", "day"),
                condition=Q(day__isnull=False),
                name="one_mail_of_the_day_a_person",
            ),
            models.UniqueConstraint(
                fields=("channel", "entity_type", "entity_id", "moment"),
                condition=Q(channel__isnull=False, kind="message"),
                name="a_channel_is_told_once",
            ),
        )
        indexes = (
            models.Index(
                fields=("organization", "next_at"),
                condition=Q(state="waiting"),
                name="delivery_that_waits",
            ),
            models.Index(
                fields=("state", "next_at"),
                condition=Q(state__in=("waiting", "handed", "gathered")),
                name="delivery_under_way",
            ),
            models.Index(fields=("organization", "-created_at"), name="delivery_by_time"),
            models.Index(fields=("created_at",), name="delivery_by_age"),
            models.Index(
                fields=("organization", "-created_at"),
                condition=Q(state__in=("failed", "given_up")),
                name="delivery_that_failed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.get_medium_display().lower()}"

    @property
    def receiver(self) -> str:
        """To whom it goes, in words."""
        if self.channel is not None:
            return f"channel “{self.channel}”"
        return f"{self.user} ({self.get_medium_display().lower()})"


class DeliveryTrouble(models.Model):
    """The administrators were told that a medium or channel does not work: once a day at most."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=64)
    """A medium, or a channel's id."""
    told_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "subject"), name="one_trouble_a_medium_or_channel"
            ),
        )

    def __str__(self) -> str:
        return self.subject


# ------------------------------------------------------------------ sign-ins, keys, imports, jobs


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


class ServiceAccount(models.Model):
    """A machine of an organization: a user with keys instead of a password (decision D1).

    Name, role and whether it is active are the user's, and so are rights, histories and the end of
    access.
    """

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="service_account"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="service_accounts"
    )
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("user__name",)

    def __str__(self) -> str:
        return str(self.user)


class ServiceKey(models.Model):
    """A key of a service account; what it is made of: `bos.service.keys`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(ServiceAccount, on_delete=models.CASCADE, related_name="keys")
    label = NameField(max_length=100)
    secret_hash = models.CharField(max_length=64, editable=False)
    """SHA-256 of the secret: of 256 random bits nothing can be guessed, however quick a guess."""
    scopes = models.CharField(max_length=64)
    """Separated by blanks."""
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.label


class WebhookState(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    OFF = "off", "Switched off"


class Webhook(models.Model):
    """An endpoint of another system, which is sent the organization's events (decision D5).

    It is sent what its account may see now. `position` is the sequence of the last event that it
    has taken, or that was not for it; see `bos.webhooks.delivery`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="webhooks"
    )
    account = models.ForeignKey(
        ServiceAccount,
        on_delete=models.RESTRICT,
        related_name="webhooks",
        verbose_name="service account",
    )
    name = NameField(max_length=100)
    address = models.CharField(max_length=2000)
    event_types = models.JSONField(default=list, blank=True)
    """Types of entities and of live messages; none: all."""
    secret = SealedField()
    former_secret = SealedField()
    """From before the last rotation: signs as well until `former_until`."""
    former_until = models.DateTimeField(null=True, editable=False)
    state = models.CharField(
        max_length=16, choices=WebhookState.choices, default=WebhookState.ACTIVE, editable=False
    )
    reason = models.CharField(max_length=300, blank=True, default="", editable=False)
    """Why it is not active, or the last failure of one that is; for people."""
    log_id = models.CharField(max_length=64, editable=False)
    """The organization's id as the log has it, whatever type the database keeps ids in."""
    position = models.BigIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    """In a row, of the event after `position`."""
    failing_since = models.DateTimeField(null=True, editable=False)
    due_at = models.DateTimeField(default=timezone.now, editable=False)
    """Nothing is sent before, after a failure; of those that are due the longest waits first."""
    lease = models.UUIDField(null=True, editable=False)
    """Of the worker that delivers now, until `leased_until`."""
    leased_until = models.DateTimeField(null=True, editable=False)
    delivered_at = models.DateTimeField(null=True, editable=False)
    took_ms = models.PositiveIntegerField(null=True, editable=False)
    """Of its last answer, or of the wait for it."""
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="webhook_name_is_unique"),
            models.CheckConstraint(
                condition=Q(state__in=WebhookState.values), name="webhook_has_a_known_state"
            ),
        )
        indexes = (
            models.Index(
                fields=("due_at",), condition=Q(state="active"), name="webhooks_that_are_due"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The account is of the same organization, in which no other webhook has the name."""
        organization_id: uuid.UUID | None = self.organization_id
        if organization_id is None:  # its own field says so
            return
        same = Webhook.objects.of(organization_id).filter(name=self.name)
        if same.exclude(pk=self.pk).exists():
            raise ValidationError({"name": "Another webhook has this name."})
        account = ServiceAccount.objects.filter(pk=self.account_id).first()
        if account is not None and account.organization_id != organization_id:
            raise ValidationError({"account": "The account is of another organization."})


class WebhookAttempt(models.Model):
    """A request to an endpoint, or a word about its deliveries; the newest hundred are kept."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(auto_now_add=True)
    sequence = models.BigIntegerField(null=True)
    """Null: of a test."""
    status = models.PositiveSmallIntegerField(null=True)
    """Of HTTP; null where no answer came, and where nothing was sent."""
    took_ms = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.sequence}: {self.status or self.error}"


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


class ImportState(models.TextChoices):
    WAITING = "waiting", "Waiting to be checked"
    CHECKING = "checking", "Being checked"
    CHECKED = "checked", "Checked: to be confirmed"
    REFUSED = "refused", "Refused: nothing was changed"
    CONFIRMED = "confirmed", "Confirmed, waiting"
    WRITING = "writing", "Being written"
    DONE = "done", "Done"
    PARTLY = "partly", "Stopped: some rows were written"
    FAILED = "failed", "Failed: nothing was changed"


class Import(models.Model):
    """A file that an admin has brought: a worker checks it, and writes it once it is confirmed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="imports")
    author = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField("of what", max_length=16)
    file_name = models.CharField(max_length=200, editable=False)
    content = models.BinaryField(default=b"", editable=False)
    """Empty once what is to be written is planned, or it has ended."""
    state = models.CharField(
        max_length=16, choices=ImportState.choices, default=ImportState.WAITING, editable=False
    )
    state_since = models.DateTimeField(editable=False)
    """While it is checked or written, when that last went on."""
    rows_done = models.PositiveIntegerField("checked rows", default=0, editable=False)
    """Of those that are checked, or written."""
    rows_total = models.PositiveIntegerField("rows", default=0, editable=False)
    problem = models.CharField(max_length=500, blank=True, default="", editable=False)
    """Why the file as a whole cannot be used."""
    outcome = models.JSONField(default=dict, editable=False)
    """The findings in the file: see `bos.imports.outcome.Outcome`."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.file_name


class ImportPlan(models.Model):
    """The steps of an import that is being written: see `bos.imports.writing`.

    A table of its own: each slice changes the import's row, and SQLite writes a row as a whole.
    """

    of = models.OneToOneField(
        Import, primary_key=True, on_delete=models.CASCADE, related_name="plan"
    )
    steps = models.BinaryField()

    def __str__(self) -> str:
        return f"plan of {self.of_id}"


# django-q has no types.
class Job(OrmQ):  # type: ignore[misc]  # untyped
    """A job that waits or is being done: a row of django-q's queue, and whose it is.

    Deleting django-q's row, as its own code does, deletes this one with it.
    """

    organization_id = models.CharField(max_length=64, blank=True, default="")
    """Empty for what is the system's own."""
    user_id = models.CharField("asked for by", max_length=64, blank=True, default="")
    """Empty where nobody waits for it."""
    queue = models.CharField(max_length=100, default="")
    """As `key` of django-q's row, which has no index."""
    turn = models.BigIntegerField(default=0)
    """Jobs of a queue are done in the order of their turns: see `bos.jobs.queue`."""
    begun = models.PositiveSmallIntegerField("times begun", default=0)
    ended = models.PositiveSmallIntegerField("times failed", default=0)
    """Fewer than it was begun: its worker died of it, or it is being done now."""

    class Meta:
        indexes = (
            models.Index(fields=("organization_id", "user_id"), name="job_by_who_waits"),
            models.Index(fields=("queue", "turn"), name="job_by_turn"),
            models.Index(fields=("queue", "organization_id", "turn"), name="job_by_owner_turn"),
        )

    def __str__(self) -> str:
        return str(self.func())
