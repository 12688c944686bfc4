from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from bos.management.named import organization_of
from bos.models import Organization, Role, ServiceAccount
from bos.service.keys import Scope, account_create, key_create


class Command(BaseCommand):
    help = "Make a key of a service account, and print it: it is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", help="its id or its name")
        parser.add_argument("name", help="of the service account; it is added where there is none")
        parser.add_argument("--role", choices=Role.values, help="of a new account; default: viewer")
        parser.add_argument(
            "--scopes",
            default=Scope.READ.value,
            help=f"separated by commas: {', '.join(Scope)}; default: read",
        )
        parser.add_argument("--label", default="made by command")
        parser.add_argument("--days", type=int, help="after so many it expires; default: never")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        scopes = {scope for scope in options["scopes"].split(",") if scope}
        if not scopes or not scopes <= set(Scope):
            raise CommandError(f"--scopes: some of {','.join(Scope)}, separated by commas")
        if options["days"] is not None and not 0 < options["days"] <= 36_500:
            raise CommandError("--days: 1 to 36500")
        days = options["days"]
        account = _account(
            organization_of(options["organization"]), options["name"], options["role"]
        )
        _, text = key_create(
            account,
            label=options["label"],
            scopes={Scope(scope) for scope in scopes},
            expires_at=None if days is None else timezone.now() + timedelta(days=days),
        )
        self.stdout.write(text)


def _account(organization: Organization, name: str, role: str | None) -> ServiceAccount:
    """Return the account of this name, added where there is none. Raises CommandError."""
    account: ServiceAccount | None = (
        ServiceAccount.objects.of(organization.pk).filter(user__name=name).first()
    )
    if account is None:
        try:
            return account_create(
                organization.pk, name=name, role=role or Role.VIEWER, created_by=None
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
    if role not in (None, account.user.role):
        raise CommandError(
            f"“{name}” has the role {account.user.role}: leave --role out, or change it in the"
            " admin."
        )
    return account
