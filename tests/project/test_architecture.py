"""Rules for every module, every model, every error code and every close code."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import grimp
import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.utils.module_loading import import_string

from kpis import tasks
from sync.eventlog import capture
from sync.eventlog.querysets import SyncedModel, SyncedQuerySet
from sync.feature import features
from sync.protocol.close_codes import CloseCode
from sync.protocol.errors import SyncErrorCode, error_codes
from sync.protocol.registry import Message, Request

PACKAGES = ("sync", "bos", "kpis", "collaboration")
TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
SYNCED = sorted(capture.registered(), key=lambda model: model.__name__)


def text_of_tests() -> str:
    """Every test but this one."""
    files = [path for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Nor in a function: what is imported late is needed all the same."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError


@pytest.mark.parametrize("name", [name for name in vars(tasks) if name.isupper()])
def test_b3_every_job_that_is_enqueued_by_name_is_there(name: str) -> None:
    assert callable(import_string(getattr(tasks, name)))


def test_the_kernel_names_no_entity_message_or_error_of_a_feature() -> None:
    names = set[str]()
    for app, feature in features.all().items():
        if app != "sync":
            names |= {entity.entity_type for entity in feature.entities}
            names |= {struct.wire.name for struct in feature.messages}
            names |= {error.code for error in feature.errors} | {*feature.aliases}
    # These mean something else as well: a tenant, a database's session, an import's report, and how
    # long a server is away.
    names -= {"organization", "user", "session", "report", "AWAY"}
    words = re.compile(rf"\b(?:{'|'.join(names)})s?\b")
    files = [path for path in (ROOT / "sync").rglob("*.py") if "migrations" not in path.parts]
    named = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").split("\n")
        if words.search(line) and not line.startswith("from __future__")
    ]
    assert named == []


def test_no_module_is_imported_for_what_importing_it_does() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert [path for path in files if "noqa: F401" in path.read_text(encoding="utf-8")] == []


def test_every_message_that_an_app_declares_is_listed_in_its_feature() -> None:
    listed = {struct for feature in features.all().values() for struct in feature.messages}
    declared_ones = set[type]()
    for app in PACKAGES:
        module = import_module("sync.protocol.messages" if app == "sync" else f"{app}.messages")
        declared_ones |= {
            value
            for value in vars(module).values()
            if isinstance(value, type) and "wire" in value.__dict__
        }
    assert declared_ones - {Message, Request} == listed


@pytest.mark.parametrize("model", SYNCED, ids=lambda model: model.__name__)
def test_every_captured_model_can_be_looked_at_in_the_admin(model: type[models.Model]) -> None:
    inlines = {inline.model for one in admin.site._registry.values() for inline in one.inlines}
    assert model in admin.site._registry or model in inlines


@pytest.mark.parametrize("model", SYNCED, ids=lambda model: model.__name__)
def test_v1_every_captured_model_is_captured_by_all_its_managers(model: type[models.Model]) -> None:
    assert issubclass(model, SyncedModel)
    for manager in (*model._meta.managers, model._base_manager):
        assert isinstance(manager.get_queryset(), SyncedQuerySet), manager


def test_v1_every_model_of_a_tenant_that_is_a_synced_model_is_registered() -> None:
    assert {model for model in apps.get_models() if issubclass(model, SyncedModel)} == set(SYNCED)


@pytest.mark.parametrize("code", [*sorted(error_codes()), *SyncErrorCode], ids=str)
def test_e6_every_error_code_is_raised_by_a_test(code: str) -> None:
    assert re.search(rf"\b{code}\b", text_of_tests())


@pytest.mark.parametrize("code", list(CloseCode), ids=lambda code: str(int(code)))
def test_w6_every_close_code_is_raised_by_a_test(code: CloseCode) -> None:
    """1011 is what uvicorn says when the application fails, which it must not."""
    if code is CloseCode.SERVER_FAULT:
        return
    assert re.search(rf"\b{int(code)}\b|CloseCode\.{code.name}\b", text_of_tests())
