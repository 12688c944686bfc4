"""The clients of this repository, the conversations, and the runner itself (decision K5)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from double import CLOSES
from rules import REQUESTS, ROUTINE
from run import command_of, conversations, known_drivers, play

from sync.protocol import registry
from sync.protocol.close_codes import CloseCode
from tests.support import strict
from tests.support.server import ROOT

CONFORMANCE = ROOT / "clients/conformance"
EXAMPLE = CONFORMANCE / "example_driver.py"
CONVERSATIONS = sorted((CONFORMANCE / "conversations").glob("*.json"))
NORMAL = 1000
MUTANT_PATIENCE_S = 1.5
MUTANTS_AT_ONCE = 6


@dataclass(frozen=True)
class Mutant:
    """A way to be wrong: in the example driver, `right` becomes `wrong`; `fails`: where."""

    fails: str
    right: str
    wrong: str


MUTANTS = {
    "its cursor moves while older events are missing": Mutant(
        "cursor_stands_still_in_a_round", "if not self.in_round:\n", "if True:\n"
    ),
    "it resumes where the last sync ended, not the first": Mutant(
        "two_part_sync", "min(self.completed)", "max(self.completed)"
    ),
    "it tells what comes twice a second time": Mutant(
        "duplicates_after_resume", "if event not in self.seen:", "if True:"
    ),
    "it takes a snapshot after each loss": Mutant(
        "cut_live", 'cursor in ((known, {"lastSequence": self.cursor})', "cursor in ((known, {})"
    ),
    "it sends a request again under another requestId": Mutant(
        "cut_while_a_request_waits",
        "for _, message in self.requests.values():\n            await self.send(message)",
        "for _, message in self.requests.values():\n"
        '            await self.send(message | {"requestId": str(uuid.uuid4())})',
    ),
    "it writes ids in lower case": Mutant(
        "ids_are_opaque",
        '"payload": payload, "requestId": request_id}\n        self',
        (
            '"payload": json.loads(json.dumps(payload).lower()), "requestId": request_id}\n'
            "        self"
        ),
    ),
    "it comes back after a final code": Mutant(
        "final_4400", "return FINAL.get(socket.close_code or 0)", "return None"
    ),
    "it is back at once after 4429": Mutant("too_many_messages", "or 60.0", "or 0.1"),
    "it waits two seconds before it first tries again": Mutant(
        "first_attempt_is_soon", "BACKOFF_S = (0.25, 2,", "BACKOFF_S = (3, 3,"
    ),
    "its store is empty while a new snapshot comes": Mutant(
        "history_expired",
        "channels = list(self.wanted)\n        self.anew",
        "channels = list(self.wanted)\n        self.swap({})\n        self.anew",
    ),
    "it asks again for a channel that was taken away": Mutant(
        "revoked_channel", 'if self.wanted.pop(channel, "") is None:', "if channel in self.wanted:"
    ),
    "it tries a refused token again and again": Mutant(
        "sign_in_refused", "elif not self.refused:", "elif True:"
    ),
    "it writes something else than reports": Mutant(
        "connect_snapshot",
        'report("state", state="connecting"',
        'print("hello"), report("state", state="connecting"',
    ),
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the runner."""
    return subprocess.run(
        [sys.executable, str(CONFORMANCE / "run.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def why_it_fails(driver: Path, conversation: str) -> str:
    """Return in words why this driver fails this conversation, "" where it passes."""
    round_ = await play(
        [sys.executable, str(driver)],
        conversations([conversation]),
        jobs=1,
        fresh=False,
        once=True,
        patience=MUTANT_PATIENCE_S,
    )
    [outcome] = round_.outcomes
    return outcome.why


@pytest.mark.timeout(150)
@pytest.mark.parametrize("driver", known_drivers(), ids=lambda path: path.parent.name)
def test_k5_each_client_passes_every_conversation(driver: Path, tmp_path: Path) -> None:
    record, command = tmp_path / "frames", command_of(driver)
    if not command:
        pytest.skip(f"there is neither deno nor node for {driver.name}")
    done = run("--json", "--record", str(record), "--", *command)
    assert done.returncode in (0, 1), done.stderr
    [round_] = json.loads(done.stdout)
    failed = {one["name"]: one["why"] for one in round_["conversations"] if not one["passed"]}
    assert not failed
    assert len(round_["conversations"]) == len(CONVERSATIONS)
    check_frames([json.loads(line) for line in record.read_text().splitlines()])


def check_frames(sent: list[dict[str, Any]]) -> None:
    """Compare what was sent with the registry; what a file calls wrong must be wrong."""
    assert sent
    for one in sent:
        if one["wrong"]:
            with pytest.raises((strict.Undeclared, KeyError)):
                strict.decode(json.dumps(one["frame"]))
        else:
            strict.decode(json.dumps(one["frame"]))


def test_k5_what_a_conversation_sends_is_what_the_server_sends() -> None:
    """Where no client plays it to the end here; of `happen` those above have to tell."""
    wrong = {}
    for path in CONVERSATIONS:
        for step in json.loads(path.read_text())["steps"]:
            if "send" in step and "wrong" not in step:
                frame = filled({"timestamp": "$time"} | step["send"])
                try:
                    strict.decode(json.dumps(frame))
                except (strict.Undeclared, KeyError) as error:
                    wrong[path.stem] = error
    assert not wrong


def filled(value: Any) -> Any:
    """Return the frame with something in place of what is remembered."""
    if isinstance(value, dict):
        return {key: filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner) for inner in value]
    if isinstance(value, str) and value.startswith("$"):
        return "2026-01-20T10:30:00Z" if value.startswith("$time") else "remembered"
    return value


def test_k5_the_double_closes_as_the_server_does() -> None:
    closes = {code: words for code, words in CLOSES.items() if code != NORMAL}
    assert closes == {code.value: (code.reason, code.error or "") for code in CloseCode}


def test_k5_the_double_knows_the_requests_of_the_server() -> None:
    assert registry.client_messages.keys() == REQUESTS | ROUTINE


async def test_k5_a_client_that_is_wrong_fails_where_it_should(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    drivers = {}
    for number, (name, mutant) in enumerate(MUTANTS.items()):
        assert mutant.right in text, f"{name}: nothing to be changed"
        drivers[name] = tmp_path / f"mutant_{number}.py"
        drivers[name].write_text(text.replace(mutant.right, mutant.wrong, 1))
    some = asyncio.Semaphore(MUTANTS_AT_ONCE)

    async def played(driver: Path, conversation: str) -> str:
        async with some:
            return await why_it_fails(driver, conversation)

    wrong = await asyncio.gather(*(played(drivers[name], MUTANTS[name].fails) for name in MUTANTS))
    passed = [name for name, why in zip(MUTANTS, wrong, strict=True) if not why]
    assert not passed, "these were not found"


def test_k5_the_example_passes_what_its_mutants_fail() -> None:
    names = sorted({mutant.fails for mutant in MUTANTS.values()})
    chosen = [word for name in names for word in ("--conversation", name)]
    done = run("--json", "--jobs", "2", *chosen, "--", sys.executable, str(EXAMPLE))
    [round_] = json.loads(done.stdout)
    assert {one["name"]: one["why"] for one in round_["conversations"]} == dict.fromkeys(names, "")


def test_k5_a_driver_that_does_not_start_is_told_in_words() -> None:
    done = run("--", "no-such-driver")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no-such-driver" in done.stderr


def test_k5_a_conversation_that_does_not_exist_is_told_in_words() -> None:
    done = run("--conversation", "nothing", "--", sys.executable, str(EXAMPLE))
    assert (done.returncode, done.stderr) == (2, "no conversation is named nothing\n")


def test_k5_the_conversation_of_the_readme_can_be_played(tmp_path: Path) -> None:
    example = (CONFORMANCE / "README.md").read_text().split("```json\n")[1].split("```")[0]
    path = tmp_path / f"{json.loads(example)['name']}.json"
    path.write_text(example)
    done = run("--conversation", str(path), "--", sys.executable, str(EXAMPLE))
    assert done.returncode == 0, done.stdout


def test_k5_a_step_that_nobody_knows_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    odd = {"name": "odd", "decision": "K5", "about": "A slip.", "steps": [{"exepct": {}}]}
    path.write_text(json.dumps(odd))
    done = run("--conversation", str(path), "--", sys.executable, str(EXAMPLE))
    assert done.returncode == 2
    assert '{"exepct": {}} is no step' in done.stderr


def test_k5_a_failure_says_which_step_and_what_came(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    steps = [
        {"tell": {"do": "connect", "token": "T1"}},
        {"expect": {"type": "AUTH", "payload": {"token": "T2"}}},
    ]
    odd = {"name": "odd", "decision": "A1", "about": "", "by_hand": ["AUTH"], "steps": steps}
    path.write_text(json.dumps(odd))
    done = run("--once", "--conversation", str(path), "--", sys.executable, str(EXAMPLE))
    assert done.returncode == 1
    assert 'step 2 {"expect": {"type": "AUTH", "payload": {"token": "T2"}}}' in done.stdout
    assert 'payload.token is "T1", not "T2"' in done.stdout
