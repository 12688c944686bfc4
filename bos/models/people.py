"""People: users, who sign in, and employees, who work in a department."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from bos.history.model import History
from bos.models.tenants import Department, Organization, TenantQuerySet
from bos.texts import NameField
from sync.eventlog.querysets import SyncedModel


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
