"""The log's columns of topics: neutral by name, and what was in the named ones before."""

from __future__ import annotations

from importlib import import_module

from django.db import connection, transaction

from sync.eventlog import log
from sync.models import Event
from tests.support.cast import Cast

columns = import_module("sync.migrations.0004_topic_columns")


def indexes() -> set[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Event._meta.db_table)
    return {name for name, one in found.items() if name.startswith("event_by_") and one["index"]}


def test_v1_columns_named_after_kinds_become_neutral_with_all_that_is_in_them(cast: Cast) -> None:
    revenue = cast.home.revenue
    revenue.name = "Renamed"
    revenue.save()
    newest = log.head(cast.home.id).sequence
    now = indexes()
    with transaction.atomic():
        editor = connection.schema_editor()
        columns.rename_back(None, editor)
        before = indexes()
        with connection.cursor() as cursor:
            cursor.execute(
                'SELECT "organization", "kpi" FROM "sync_event"'
                ' WHERE "organization_id" = %s AND "sequence" = %s',
                (cast.home.id, newest),
            )
            assert cursor.fetchone() == (cast.home.id, str(revenue.pk))
        columns.rename(None, editor)
        event = log.find(cast.home.id, newest)
        assert event is not None
        assert (event.topic("organization"), event.topic("kpi")) == (cast.home.id, str(revenue.pk))
        assert indexes() == now
    assert before == (now - {f"event_by_{new}" for new in columns.RENAMED.values()}) | {
        f"event_by_{old}" for old in columns.RENAMED
    }
