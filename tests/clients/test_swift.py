"""The Swift client, as far as it can be tried without Swift (decisions K1, K4, B1).

The rules by which its generated types are decoded are followed in Python (tests/support/swift.py):
over the examples of the reference, and over what a real server sends. The files are read as trees.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tree_sitter import Node

from sync.protocol import registry
from sync.protocol.envelope import decode_json
from sync.reference import asyncapi
from tests.support.cast import Cast
from tests.support.client import Client, Message
from tests.support.provocations import NOTE, ROOM, UNKNOWN
from tests.support.server import Server
from tests.support.swift import FILES, PROTOCOL, Rules, Undecodable, nodes, parsed, text_of

DOCUMENT = asyncapi.document()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
RULES = Rules()


def examples(sender: str) -> list[Message]:
    return [
        example["payload"]
        for key, message in MESSAGES.items()
        if key.startswith(f"{sender}.")
        for example in message["examples"]
    ]


def case_of(type_: str) -> str:
    first, *others = type_.lower().split("_")
    return first + "".join(map(str.title, others))


def written(message: Message) -> Any:
    """Return the payload, decoded and encoded again."""
    decoded = RULES.decode("ServerMessage", message)
    assert decoded[0] == case_of(message["type"])
    return RULES.encode("ServerMessage", decoded)


# ------------------------------------------------------------------ decoding


def test_k1_every_example_decodes_to_the_case_that_its_type_names_and_back() -> None:
    sent = examples("server")
    assert {message["type"] for message in sent} == set(registry.server_messages)
    for message in sent:
        assert written(message) == message.get("payload")


def test_k1_an_unknown_field_is_ignored_wherever_it_is() -> None:
    for message in examples("server"):
        more = with_more(message)
        assert more != message
        assert RULES.decode("ServerMessage", more) == RULES.decode("ServerMessage", message)


def with_more(value: Any) -> Any:
    if isinstance(value, list):
        return [with_more(one) for one in value]
    if isinstance(value, dict):
        return {key: with_more(one) for key, one in value.items()} | {"brandNew": [1]}
    return value


def test_k1_a_missing_field_that_must_be_there_is_refused() -> None:
    tried = 0
    for message in examples("server"):
        for smaller in without_one(message.get("payload"), schema_of(message)):
            tried += 1
            with pytest.raises(Undecodable):
                RULES.decode("ServerMessage", message | {"payload": smaller})
    assert tried > len(MESSAGES)


def schema_of(message: Message) -> Any:
    struct = registry.server_messages[message["type"]]
    schema = SCHEMAS.get(struct.__name__, {})
    if "oneOf" in schema:  # SYNC_UPDATE, by its entity type
        return SCHEMAS[f"{message['payload']['entityType'].title()}SyncUpdate"]
    return schema


def without_one(payload: Any, schema: Any) -> list[Any]:
    return [
        {key: value for key, value in payload.items() if key != name}
        for name in schema.get("required", ())
    ]


def test_k1_a_word_or_a_type_that_a_newer_server_has_is_no_fault() -> None:
    assert RULES.decode("ServerMessage", {"type": "BRAND_NEW"}) == ("unknown", None)
    [kpi] = [m for m in examples("server") if m.get("payload", {}).get("entityType") == "kpi"
             and m["type"] == "SYNC_UPDATE"]  # fmt: skip
    payload = kpi["payload"]
    changed = payload | {"data": payload["data"] | {"direction": "sideways"}}
    _, update = RULES.decode("ServerMessage", kpi | {"payload": changed})
    assert update["data"][1]["direction"] == "sideways"
    _, update = RULES.decode("ServerMessage", kpi | {"payload": payload | {"entityType": "ship"}})
    assert update["data"][0] == "unknown"


def test_k1_times_may_have_a_fraction_and_integers_go_to_two_to_the_53() -> None:
    assert RULES.decode("Date", "2026-01-20T10:30:00.123456Z")
    with pytest.raises(Undecodable):
        RULES.decode("Date", "2026-01-20")
    assert RULES.types["KpiUpdated"].fields["sequence"] == "Int64"
    assert RULES.types["SyncComplete"].fields["lastSequence"] == "Int64"
    assert RULES.decode("Int64", 2**53) == 2**53
    for wrong in (1.5, True, "1", 2**63):
        with pytest.raises(Undecodable):
            RULES.decode("Int64", wrong)


def test_b1_a_double_holds_every_value_that_the_server_takes() -> None:
    assert RULES.types["KpiUpdate"].fields["value"] == "Double"
    for text in ("999999999999999", "99999999999.9999", "0.1", "-12345678901.2345"):
        assert float(format(float(text), ".15g")) == float(text)
        assert format(float(text), ".15g") == text


# ------------------------------------------------------------------ real frames


async def test_k4_what_a_server_sends_decodes_and_comes_back_the_same(
    server: Server, cast: Cast
) -> None:
    """A conversation of everything that needs no worker, recorded from a real server."""
    async with (
        await Client.connect(server) as alice,
        await Client.connect(server, cast.mia) as mia,
    ):
        frames = [await alice.ask("KPI_UPDATE", {"kpiId": UNKNOWN, "value": 1})]
        frames += [await alice.ask("AUTH", {"token": "wrong"})]
        frames += [await alice.sign_in(cast.alice)]
        channels = (cast.home.topic, f"kpi:{cast.home.revenue.pk}", f"user:{cast.alice.id}")
        frames += [await alice.subscribe(*channels), *await alice.sync(*channels)]
        frames += await alice.sync(*channels, lastSequence=2**52)
        frames += [await alice.ask("SUBSCRIBE", {"channels": ["nonsense"]})]
        await mia.set_value(cast.home.revenue, 12345678901.2345)
        frames += [await alice.until("KPI_UPDATED")]
        frames += [await alice.ask("SESSION_CREATE", ROOM | {"inviteUserIds": [cast.bob.id]})]
        room = frames[-1]["payload"]["sessionId"]
        frames += [await alice.ask("SESSION_JOIN", {"sessionId": room})]
        frames += [await alice.ask("ANNOTATION_CREATE", NOTE | {"sessionId": room})]
        note = frames[-1]["payload"]["annotationId"]
        frames += [await alice.ask("ANNOTATION_UPDATE", {"annotationId": note, "content": "d"})]
        frames += [*await alice.sync(f"session:{room}"), await alice.ask("PING")]
        frames += [await alice.ask("ANNOTATION_DELETE", {"annotationId": note})]
        frames += [await alice.ask("SESSION_LEAVE", {"sessionId": room})]
        frames += [await alice.until("SESSION_ENDED")]
        frames += [await alice.ask("UNSUBSCRIBE", {"channels": [cast.home.topic]})]
        await alice.settle()
        frames += alice.seen()
    types = {frame["type"] for frame in frames}
    assert types >= {
        "AUTH_FAILED", "AUTH_SUCCESS", "SUBSCRIBED", "SYNC_START", "SYNC_UPDATE", "SYNC_COMPLETE",
        "SYNC_ERROR", "ERROR", "KPI_UPDATED", "SESSION_CREATED", "SESSION_JOINED", "SESSION_LEFT",
        "SESSION_ENDED", "ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED",
        "UNSUBSCRIBED", "PONG",
    }  # fmt: skip
    for frame in frames:
        assert written(frame) == frame.get("payload")


# ------------------------------------------------------------------ encoding


def test_k4_the_server_reads_each_request_as_swift_writes_it() -> None:
    asked = examples("client")
    assert {message["type"] for message in asked} == set(registry.client_messages)
    for message in asked:
        struct = registry.client_messages[message["type"]].struct
        if "payload" not in message:
            continue
        for payload in (message["payload"], least(message["payload"], struct.__name__)):
            name = swift_name(struct.__name__)
            sent = RULES.encode(name, RULES.decode(name, payload))
            assert sent == payload
            frame = {"type": message["type"], "payload": sent, "requestId": "r"}
            read = decode_json(json.dumps(frame)).payload_as(struct)
            assert isinstance(read, struct)


def least(payload: Any, struct: str) -> Any:
    """Return what must be there of a payload, and one more field where there must be one."""
    required = set(SCHEMAS[struct].get("required", ()))
    if struct == "AnnotationCreate":
        required.add("sessionId")
    if struct == "AnnotationUpdate":
        required.add("content")
    return {key: value for key, value in payload.items() if key in required}


def swift_name(struct: str) -> str:
    return struct if struct in RULES.types else f"{struct}Message"


def test_k1_each_request_names_the_answer_that_ends_it() -> None:
    text = PROTOCOL.read_text()
    found = dict(re.findall(r"extension (\w+): BOSRequest \{\n.*Reply = (\w+)\n", text))
    expected = {
        swift_name(request.struct.__name__): swift_name(answer.message.__name__)
        for request in registry.client_messages.values()
        for answer in request.answers
        if request.struct.__struct_fields__ and answer.ends and not answer.codes
        if answer.kind != "notice"
    }
    assert found == expected


# ------------------------------------------------------------------ the files


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_k4_a_file_is_swift_from_end_to_end(path: Any) -> None:
    wrong = [
        f"{path.name}:{node.start_point.row + 1}: {text_of(node)[:60]}"
        for node in nodes(parsed(path))
        if node.is_error or node.is_missing
    ]
    assert wrong == []


BY_HAND = [path for path in FILES if path != PROTOCOL]


def test_k4_generated_structs_are_made_of_their_own_fields() -> None:
    made = 0
    for path in BY_HAND:
        for node in nodes(parsed(path)):
            name = text_of(node.children[0]) if node.type == "call_expression" else ""
            declared = RULES.types.get(name)
            if declared is None or not declared.reads or "from:" in text_of(node):
                continue
            labels = [text_of(one) for one in labels_of(node)]
            needed = {rule.field for rule in declared.reads if rule.always}
            in_order = [one for one in declared.fields if one in labels]
            made += 1
            assert labels == in_order, f"{path.name}: {text_of(node)}"
            assert needed <= set(labels), f"{path.name}: {text_of(node)}"
    assert made >= 5


def labels_of(call: Node) -> list[Node]:
    arguments = [n for n in call.children[-1].children if n.type == "value_arguments"]
    return [
        label
        for argument in (arguments[0].children if arguments else ())
        for label in argument.children
        if label.type == "value_argument_label"
    ]


def test_k4_a_switch_without_default_names_every_case_of_an_enum() -> None:
    enums = [set(cases) for path in FILES for cases in enums_of(parsed(path))]
    looked_at = 0
    for path in FILES:
        for node in nodes(parsed(path)):
            if node.type != "switch_statement":
                continue
            entries = [text_of(n) for n in node.children if n.type == "switch_entry"]
            if any("default:" in entry for entry in entries):
                continue
            heads = [entry.split(":\n")[0].split(": ")[0] for entry in entries]
            named = {name for head in heads for name in re.findall(r"(?:^case |, )\.`?(\w+)", head)}
            assert named, f"{path.name}: {heads}"
            if "string" in named:  # a message of URLSession, which is the system's
                continue
            looked_at += 1
            assert named in enums, f"{path.name}:{node.start_point.row + 1}: {sorted(named)}"
    assert looked_at > len(RULES.types) / 4


def enums_of(tree: Node) -> list[list[str]]:
    return [
        [
            text_of(name).strip("`")
            for entry in body.children
            if entry.type == "enum_entry"
            for name in entry.children_by_field_name("name")
        ]
        for body in nodes(tree)
        if body.type == "enum_class_body"
    ]
