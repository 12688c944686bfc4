"""Service accounts with a key."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bos.models import Organization, Role, ServiceKey
from bos.service.keys import Scope, account_create, key_create
from tests.support.cast import Person


@dataclass(slots=True)
class Machine(Person):
    """A service account; its key is its token."""

    key: ServiceKey
    text: str

    @property
    def token(self) -> str:
        return self.text


def make_machine(
    organization: Organization,
    role: Role = Role.MANAGER,
    scopes: Collection[Scope] = tuple(Scope),
    *,
    expires_at: datetime | None = None,
) -> Machine:
    name = f"machine {uuid.uuid4().hex[:8]}"
    account = account_create(organization.pk, name=name, role=role, created_by=None)
    key, text = key_create(account, label="test", scopes=scopes, expires_at=expires_at)
    return Machine(account.user, key, text)
