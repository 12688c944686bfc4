"""Addresses that connectors may fetch from, and what of them is shown (decision D7)."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from bos.outbound.http import AddressRefused
from kpis.connectors.addresses import leads_to, parse_postgres, require_usable, sqlite_file
from kpis.models import ConnectorKind

SQL, CSV = ConnectorKind.SQL, ConnectorKind.CSV
GOOD = "postgresql://reader:s3cret%2F@db.example"


@pytest.mark.parametrize(
    ("kind", "address", "shown"),
    [
        (CSV, "https://sheets.example/d/s3cret/pub?key=s3cret#s3cret", "https://sheets.example"),
        (CSV, "http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080"),
        (SQL, f"{GOOD}/shop?sslmode=require", "postgresql://db.example:5432"),
        (SQL, f"{GOOD}:6543/shop".replace("sql:", "s:"), "postgresql://db.example:6543"),
        (SQL, "postgresql://a:s3cret@[2001:db8::1]/shop", "postgresql://[2001:db8::1]:5432"),
        (SQL, "sqlite:///sales.db", "sqlite:///sales.db"),
    ],
)
def test_d7_nothing_of_an_address_that_may_be_secret_is_shown(
    kind: ConnectorKind, address: str, shown: str
) -> None:
    assert leads_to(kind, address) == shown


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (CSV, ""),
        (CSV, "ftp://files.example/x.csv"),
        (CSV, "file:///etc/passwd"),
        (CSV, "https://user:s3cret@files.example/x.csv"),
        (CSV, "https://[::1/"),
        (CSV, "https://files.example:port/"),
        (CSV, f"https://files.example/{'x' * 2_000}"),
        (CSV, f"{GOOD}/shop"),
        (SQL, "https://files.example/"),
        (SQL, "mysql://a:s3cret@db.example/shop"),
        (SQL, "host=db.example user=a password=s3cret dbname=shop"),
        (SQL, GOOD),  # no database
        (SQL, "postgresql://reader@db.example/shop"),
        (SQL, "postgresql://:s3cret@db.example/shop"),
        (SQL, "postgresql://a:s3cret@/shop"),
        (SQL, "postgresql://a:s3cret@%2Fvar%2Frun/shop"),
        (SQL, "postgresql://a:s3cret@@abstract/shop"),
        (SQL, "postgresql://a:s3cret@one.example,two.example/shop"),
        (SQL, f"{GOOD}:0/shop"),
        (SQL, f"{GOOD}:65536/shop"),
        (SQL, f"{GOOD}/shop?sslmode=nonsense"),
        (SQL, f"{GOOD}/shop?hostaddr=127.0.0.1"),
        (SQL, f"{GOOD}/shop?passfile=/etc/passwd"),
        (SQL, f"{GOOD}/shop?sslkey=/etc/ssl/key"),
        (SQL, f"{GOOD}/shop?service=own"),
        (SQL, f"{GOOD}/shop?options=-csession_preload_libraries%3Dx"),
        (SQL, f"{GOOD}/shop%"),
        (SQL, "sqlite://sales.db"),
        (SQL, "sqlite:///"),
        (SQL, "sqlite:////etc/sales.db"),
        (SQL, "sqlite:sales.db"),
    ],
)
def test_d7_what_is_no_address_of_its_kind_is_refused_without_a_secret(
    kind: ConnectorKind, address: str
) -> None:
    with pytest.raises(AddressRefused) as refused:
        leads_to(kind, address)
    assert "s3cret" not in str(refused.value)


def test_d7_what_is_in_the_address_of_a_database_is_all_that_is_connected_by() -> None:
    database = parse_postgres(f"{GOOD}:6543/shop?sslmode=verify-full")
    assert (database.host, database.port, database.tls) == ("db.example", 6543, "verify-full")
    assert (database.user, database.password, database.database) == ("reader", "s3cret/", "shop")
    assert "s3cret" not in repr(database)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (CSV, "http://127.0.0.1/x.csv"),
        (CSV, "http://169.254.169.254/latest"),
        (SQL, "postgresql://a:b@127.0.0.1/shop"),
        (SQL, "postgresql://a:b@10.0.0.5:6543/shop"),
        (SQL, "postgresql://a:b@[::1]/shop"),
        (SQL, "postgresql://a:b@localhost/shop"),
    ],
)
def test_d7_an_address_inside_the_network_is_refused_when_saved(
    kind: ConnectorKind, address: str, settings: Any
) -> None:
    with pytest.raises(AddressRefused, match="inside"):
        require_usable(kind, address, None)
    settings.OUTBOUND_INSIDE = True
    require_usable(kind, address, None)


# ------------------------------------------------------------------ files


@pytest.fixture
def organization_id(tmp_path: Path, settings: Any) -> str:
    """Of an organization with a file, in a directory with those of another one."""
    settings.CONNECTOR_FILES = str(tmp_path)
    own, other = str(uuid.uuid4()), "another"
    for name in (own, other):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sales.db").write_bytes(b"")
    (tmp_path / "outside.db").write_bytes(b"")
    return own


def test_d7_a_file_of_the_organization_is_found(organization_id: str, tmp_path: Path) -> None:
    below = tmp_path / organization_id / "more"
    below.mkdir()
    (below / "deep.db").write_bytes(b"")
    for name in ("sales.db", "more/deep.db", "more/../sales.db"):
        assert sqlite_file(f"sqlite:///{name}", organization_id).is_file()


@pytest.mark.parametrize(
    "name",
    [
        "missing.db",
        "../another/sales.db",
        "../outside.db",
        ".",
        "..",
        "link.db",
        "loop.db",
        "dir",
        "sales.db/x",
    ],
)
def test_d7_what_is_not_there_and_what_is_elsewhere_answer_alike(
    organization_id: str, tmp_path: Path, name: str
) -> None:
    own = tmp_path / organization_id
    (own / "dir").mkdir()
    (own / "link.db").symlink_to(tmp_path / "another" / "sales.db")
    (own / "loop.db").symlink_to(own / "loop.db")
    with pytest.raises(AddressRefused, match="no such file for your organization"):
        sqlite_file(f"sqlite:///{name}", organization_id)


def test_d7_another_organization_has_no_files(organization_id: str) -> None:
    with pytest.raises(AddressRefused, match="no such file for your organization"):
        sqlite_file("sqlite:///sales.db", uuid.uuid4())


def test_d7_without_the_setting_there_are_no_files(organization_id: str, settings: Any) -> None:
    settings.CONNECTOR_FILES = ""
    with pytest.raises(AddressRefused, match="the operator has named none"):
        sqlite_file("sqlite:///sales.db", organization_id)


def test_d7_the_projects_own_database_is_no_source(settings: Any) -> None:
    """By another name, too."""
    own, organization_id = Path(str(connection.settings_dict["NAME"])), str(uuid.uuid4())
    directory = own.parent / organization_id
    settings.CONNECTOR_FILES = str(own.parent)
    directory.mkdir()
    try:
        os.link(own, directory / "innocent.db")
        with pytest.raises(AddressRefused, match="no such file for your organization"):
            sqlite_file("sqlite:///innocent.db", organization_id)
    finally:
        shutil.rmtree(directory)
