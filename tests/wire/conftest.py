"""A tenant for the tests that need nobody else in it: `cast` makes two, with five people."""

from __future__ import annotations

import pytest

from bos.models import Role
from tests.support.cast import Person, Tenant, make_person, make_tenant


@pytest.fixture(scope="module")
def home(database: None) -> Tenant:
    """Shared by the tests that need nobody else in it."""
    return make_tenant("Home")


@pytest.fixture
def manager(home: Tenant) -> Person:
    """Somebody for each test, with message limits of their own."""
    return make_person(home.organization, "manager", Role.MANAGER, None)
