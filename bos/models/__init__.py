"""Tenants and people, and all that is kept of them."""

from __future__ import annotations

from bos.models.imports import Import, ImportPlan, ImportState
from bos.models.inbox import LastSeen, Notification
from bos.models.jobs import Job
from bos.models.outside import (
    Choice,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTrouble,
    LeastSeverity,
    Medium,
    MessagePreference,
    MessageSettings,
    OutsideChannel,
    PushSubscription,
)
from bos.models.people import TOKEN_FIELDS, Employee, Role, User, UserManager, UserQuerySet
from bos.models.service import ServiceAccount, ServiceKey
from bos.models.signing_in import (
    AccountLink,
    IdentityLink,
    IdentityProvider,
    LinkKind,
    SignIn,
    SpentToken,
)
from bos.models.tenants import (
    BELOW_ITSELF,
    Department,
    Organization,
    TenantQuerySet,
    restrict_itself,
)
from bos.models.webhooks import Webhook, WebhookAttempt, WebhookState

__all__ = [
    "BELOW_ITSELF",
    "TOKEN_FIELDS",
    "AccountLink",
    "Choice",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "DeliveryTrouble",
    "Department",
    "Employee",
    "IdentityLink",
    "IdentityProvider",
    "Import",
    "ImportPlan",
    "ImportState",
    "Job",
    "LastSeen",
    "LeastSeverity",
    "LinkKind",
    "Medium",
    "MessagePreference",
    "MessageSettings",
    "Notification",
    "Organization",
    "OutsideChannel",
    "PushSubscription",
    "Role",
    "ServiceAccount",
    "ServiceKey",
    "SignIn",
    "SpentToken",
    "TenantQuerySet",
    "User",
    "UserManager",
    "UserQuerySet",
    "Webhook",
    "WebhookAttempt",
    "WebhookState",
    "restrict_itself",
]
