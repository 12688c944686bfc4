"""The documentation is current, and its links lead somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.core.management import call_command

from sync import registry

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def test_the_reference_is_what_the_structs_say() -> None:
    call_command("protocol_docs", check=True)


def test_every_message_is_in_both_references() -> None:
    described = json.loads((ROOT / "docs/asyncapi.json").read_text())
    named = {message["name"] for message in described["components"]["messages"].values()}
    assert named == set(registry.requests) | set(registry.events)
    page = (ROOT / "docs/messages.md").read_text()
    assert all(f"### {name}\n" in page for name in named)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []
