"""The source of a connector: everything that fetching needs, its secrets opened."""

from __future__ import annotations

import msgspec

from bos.sealed import CannotOpen, seal, unseal
from kpis.models import Connector

MOST_BYTES = 2 * 2**20
"""Of an answer; as much as a request to the API may bring."""
MOST_ROWS = 10_000
SECONDS = 30
"""From the first look at the name to the last byte, and as long for a database's statement."""
LOCKED = "Its address was sealed with another SECRET_KEY: enter address and token again."


class SourceFailed(Exception):
    """Nothing was fetched; the text says why, in words for people and without any secret."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """kind: of `ConnectorKind`. kpi: the id of the one KPI, or empty, and `kpi_field` names it.

    kpi_field, value_field, at_field: columns, fields of JSON, or a label. decimals: to which values
    are rounded; None: not at all.
    """

    organization_id: str
    kind: str
    address: str
    token: str = ""
    query: str = ""
    rows_path: str = ""
    kpi: str = ""
    kpi_field: str = ""
    value_field: str = ""
    at_field: str = ""
    decimals: int | None = None

    @classmethod
    def of(cls, connector: Connector) -> Source:
        """Raises SourceFailed where its secrets cannot be opened, or it is not whole any more."""
        return cls.with_secrets(
            connector,
            address=_opened(connector.sealed_address),
            token=_opened(connector.sealed_token),
        )

    @classmethod
    def with_secrets(cls, connector: Connector, *, address: str, token: str) -> Source:
        if connector.kpi_id is None and not connector.kpi_field:
            raise SourceFailed("The KPI that it writes to is gone: choose another one.")
        return cls(
            organization_id=str(connector.organization_id),
            kind=connector.kind,
            address=address,
            token=token,
            query=connector.query,
            rows_path=connector.rows_path,
            kpi="" if connector.kpi_id is None else str(connector.kpi_id),
            kpi_field=connector.kpi_field,
            value_field=connector.value_field,
            at_field=connector.at_field,
            decimals=connector.decimals,
        )

    def __repr__(self) -> str:
        return f"Source({self.kind})"  # its secrets are for no log

    def sealed(self) -> str:
        return seal(msgspec.json.encode(self).decode())

    @classmethod
    def opened(cls, sealed: str) -> Source:
        """Raises SourceFailed."""
        return msgspec.json.decode(_opened(sealed), type=cls)


def _opened(sealed: str) -> str:
    try:
        return unseal(sealed) if sealed else ""
    except CannotOpen:
        raise SourceFailed(LOCKED) from None
