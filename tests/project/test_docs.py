"""The documentation is current, and its links lead somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command

from bos import settings as settings_module
from sync.eventlog.capture import registered
from sync.protocol import registry
from sync.protocol.close_codes import CloseCode
from sync.protocol.envelope import decode_json
from sync.protocol.errors import SyncErrorCode, error_codes
from sync.protocol.registry import name_of, resolve
from sync.reference import asyncapi, documents, examples

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *(
            ROOT / name
            for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "clients/README.md")
        ),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "clients").glob("*/README.md"),
    ]
)
SCHEMAS = asyncapi.schemas()
EXAMPLES = [(entry, examples.example(entry, SCHEMAS)) for entry in asyncapi.entries()]


def of(from_client: bool) -> pytest.MarkDecorator:
    chosen = [(entry, shown) for entry, shown in EXAMPLES if entry.from_client == from_client]
    return pytest.mark.parametrize(
        ("entry", "shown"), chosen, ids=[entry.name for entry, _ in chosen]
    )


# ------------------------------------------------------------------ the reference


def test_the_reference_is_what_the_structs_say() -> None:
    assert documents.stale() == [], "run `make docs`"
    call_command("protocol_docs", check=True)


def test_a_stale_reference_is_refused(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    with pytest.raises(CommandError, match="make docs"):
        call_command("protocol_docs", check=True)
    call_command("protocol_docs")
    call_command("protocol_docs", check=True)


def test_every_message_is_in_both_references_once_a_direction() -> None:
    described = json.loads((ROOT / "docs/asyncapi.json").read_text())
    messages = described["components"]["messages"]
    requests = {f"client.{name}" for name in registry.client_messages}
    assert set(messages) == requests | {f"server.{name}" for name in registry.server_messages}
    page = (ROOT / "docs/messages.md").read_text()
    for name in registry.client_messages:
        assert page.count(f"\n### `{name}` from a client\n") == 1
    for name in registry.server_messages:
        assert page.count(f"\n### `{name}` from the server\n") == 1


def test_every_message_says_what_it_means() -> None:
    assert [entry.key for entry in asyncapi.entries() if not entry.description] == []


def test_every_error_and_close_code_is_in_both_references() -> None:
    schemas = json.loads((ROOT / "docs/asyncapi.json").read_text())["components"]["schemas"]
    page = (ROOT / "docs/messages.md").read_text()
    assert set(schemas["ErrorCode"]["enum"]) == set(schemas["ErrorCode"]["x-codes"])
    assert set(schemas["ErrorCode"]["enum"]) == error_codes() == set(asyncapi.error_actions())
    assert set(schemas["SyncErrorCode"]["enum"]) == set(SyncErrorCode)
    assert schemas["CloseCode"]["enum"] == sorted(int(code) for code in CloseCode)
    for code in (*error_codes(), *SyncErrorCode):
        assert f"\n| `{code}` | " in page
    for close in CloseCode:
        assert f"\n| {int(close)} | {close.reason} | " in page


@pytest.mark.parametrize("name", sorted(registry.client_messages))
def test_e8_both_references_say_what_answers_a_request(name: str) -> None:
    request = registry.client_messages[name]
    answers = {name_of(answer.message) for answer in request.answers} | {"ERROR"}
    described = json.loads((ROOT / "docs/asyncapi.json").read_text())
    operation = described["operations"][name]
    assert operation["messages"] == [{"$ref": f"#/channels/v1ws/messages/client.{name}"}]
    replies = {reply["$ref"] for reply in operation["reply"]["messages"]}
    assert replies == {f"#/channels/v1ws/messages/server.{answer}" for answer in answers}
    codes = [*operation["x-errors"]["own"], *operation["x-errors"]["any"]]
    assert sorted(codes) == sorted(request.codes)
    ending = [one["ends"] for one in operation["reply"]["x-answers"]]
    assert ending == [answer.ends for answer in request.answers]

    page = (ROOT / "docs/messages.md").read_text()
    section = page.partition(f"\n### `{name}` from a client\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| \[`(\w+)`\]\(#.*?\)(.*) \| (yes|no) \|$", section, re.MULTILINE)
    assert {row[0] for row in rows} == answers
    own = {
        code for row, text, _ in rows if row == "ERROR" for code in re.findall("`([A-Z_]+)`", text)
    }
    assert own == {error.code for error in request.errors}
    for answer in request.answers:
        said = [(text, ends) for row, text, ends in rows if row == name_of(answer.message)]
        assert any(
            (f"| {answer.kind}" in text, ends) == (True, "yes" if answer.ends else "no")
            for text, ends in said
        )


def test_e8_every_message_that_an_operation_names_is_in_the_channel() -> None:
    described = json.loads((ROOT / "docs/asyncapi.json").read_text())
    there = {f"#/channels/v1ws/messages/{key}" for key in described["channels"]["v1ws"]["messages"]}
    named = json.dumps(described["operations"])
    refs = set(re.findall(r'"(#/channels/v1ws/messages/[^"]+)"', named))
    assert refs == there


@of(from_client=True)
def test_an_example_of_a_request_is_accepted(entry: asyncapi.Entry, shown: Any) -> None:
    envelope = decode_json(json.dumps(shown))
    assert envelope.type == entry.name
    if entry.served:
        assert resolve(envelope.type)[0].struct is entry.struct
    envelope.payload_as(registry.client_messages[entry.name].struct)


@of(from_client=False)
def test_an_example_of_a_server_message_is_of_its_struct(entry: asyncapi.Entry, shown: Any) -> None:
    assert ("payload" in shown) == entry.has_payload
    if entry.has_payload:
        msgspec.json.decode(json.dumps(shown["payload"]), type=entry.struct)


# ------------------------------------------------------------------ the pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_a_page_leads_to_a_heading(page: Path) -> None:
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(
        r"`((?:sync|bos|kpis|collaboration|tests|benchmarks|deploy|templates)/[\w./-]+)`",
        page.read_text(),
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_can_be_read_beside_something_else(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    long = [line for line in prose.splitlines() if len(line) > 130 and line[:1] != "|"]
    assert long == []


def test_every_entity_that_clients_mirror_is_described() -> None:
    page = (ROOT / "docs/entities.md").read_text()
    described = set(re.findall(r"^## `([a-z]+)`$", page, re.MULTILINE))
    # Users are captured for their rights alone, and never sent.
    assert described == {synced.entity_type for synced in registered().values()} - {"user"}


def test_every_setting_of_the_environment_is_described() -> None:
    source = Path(str(settings_module.__file__)).read_text()
    read = set(re.findall(r'(?:env\.\w+|whole|decimal)\(\s*"([A-Z_]+)"', source))
    page = (ROOT / "docs/settings.md").read_text()
    described = set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE))
    assert described == read
