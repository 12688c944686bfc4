"""Which files are made of the registry, and whether they are what it says now."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from sync.reference.asyncapi import document_text
from sync.reference.entity_page import entities_text
from sync.reference.markdown import reference_text
from sync.reference.metrics import metrics_text
from sync.reference.python import python_text
from sync.reference.swift import swift_text
from sync.reference.typescript import typescript_text


def documents() -> dict[Path, str]:
    """The generated files and what they must hold."""
    docs, clients = (Path(settings.BASE_DIR) / name for name in ("docs", "clients"))
    return {
        docs / "asyncapi.json": document_text(),
        docs / "messages.md": reference_text(),
        docs / "entities.md": entities_text(),
        docs / "metrics.md": metrics_text(),
        clients / "javascript/src/protocol.ts": typescript_text(),
        clients / "python/src/bos_client/protocol.py": python_text(),
        clients / "swift/Sources/BOSClient/Protocol.swift": swift_text(),
    }


def stale() -> list[Path]:
    """Those of the files that do not hold what they must."""
    return [
        path
        for path, text in documents().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
