"""The log's topic columns belong to no kind by name: features claim them (`TopicKind.column`).

What is there keeps its rows and, on PostgreSQL, its indexes: columns and indexes only get other
names, in milliseconds however long the log is. SQLite cannot rename an index and builds it anew.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# By the kinds for which they were made.
RENAMED = {
    "organization": "topic_1",
    "user": "topic_2",
    "department": "topic_3",
    "kpi": "topic_4",
    "session": "topic_5",
}
ADDED = ("topic_6", "topic_7", "topic_8")


def _index(column: str) -> models.Index:
    condition = models.Q(**{f"{column}__isnull": False})
    return models.Index(fields=[column, "sequence"], condition=condition, name=f"event_by_{column}")


def _rename(editor: BaseDatabaseSchemaEditor, old: str, new: str) -> None:
    editor.execute(f'ALTER TABLE "sync_event" RENAME COLUMN "{old}" TO "{new}"')
    if editor.connection.vendor == "postgresql":
        editor.execute(f'ALTER INDEX "event_by_{old}" RENAME TO "event_by_{new}"')
    else:
        editor.execute(f'DROP INDEX "event_by_{old}"')
        editor.execute(
            f'CREATE INDEX "event_by_{new}" ON "sync_event" ("{new}", "sequence")'
            f' WHERE "{new}" IS NOT NULL'
        )


def rename(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    for old, new in RENAMED.items():
        _rename(editor, old, new)


def rename_back(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    for old, new in RENAMED.items():
        _rename(editor, new, old)


def _renamed_in_state() -> list[Any]:
    operations: list[Any] = []
    for old, new in RENAMED.items():
        operations += [
            migrations.RemoveIndex("event", f"event_by_{old}"),
            migrations.RenameField("event", old, new),
            migrations.AddIndex("event", _index(new)),
        ]
    return operations


class Migration(migrations.Migration):
    dependencies = [("sync", "0003_commit_mark")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(rename, rename_back)],
            state_operations=_renamed_in_state(),
        ),
        *(
            operation
            for column in ADDED
            for operation in (
                migrations.AddField("event", column, models.CharField(max_length=64, null=True)),
                migrations.AddIndex("event", _index(column)),
            )
        ),
    ]
