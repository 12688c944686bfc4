"""Play the conversations to a client, by its driver, and say which it passes.

    python run.py -- node my_driver.mjs
    python run.py --table

Needs Python 3.11 or later and `websockets`. Exit code 1 where any conversation fails, 2 where a
driver cannot be started or a conversation cannot be read. See README.md.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from conversation import CONVERSATIONS, Conversation, NoConversation, Outcome
from driver import Driver, DriverFailed
from patterns import Json
from player import PATIENCE_S, Player

JOBS = 8
CLIENTS = Path(__file__).resolve().parent.parent
TRACE_AT_FAILURE = 12


@dataclass
class Round:
    """All conversations of a client."""

    client: str
    seconds: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list)
    frames: list[dict[str, Json]] = field(default_factory=list)

    @property
    def failed(self) -> list[Outcome]:
        return [one for one in self.outcomes if not one.passed]

    @property
    def skipped(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.skipped]


def conversations(names: Sequence[str]) -> list[Conversation]:
    """Return the conversations of these names, or in these files, or all of them."""
    known = {path.stem: path for path in sorted(CONVERSATIONS.glob("*.json"))}
    own = {name: Path(name) for name in names if name.endswith(".json")}
    if unknown := set(names) - known.keys() - own.keys():
        raise NoConversation(f"no conversation is named {', '.join(sorted(unknown))}")
    return [Conversation.read((known | own)[name]) for name in names or known]


def known_drivers() -> list[Path]:
    """Return the drivers that lie beside this folder."""
    return sorted(CLIENTS.glob("*/conformance.*"))


def command_of(driver: Path) -> list[str]:
    """Return how a driver is started; empty where the program for it is missing."""
    if driver.suffix == ".py":
        return [sys.executable, str(driver)]
    beside = Path(sys.executable).with_name("deno")
    if deno := str(beside) if beside.exists() else shutil.which("deno"):
        return [deno, "run", "--quiet", "--no-remote", "--no-check", "--allow-all", str(driver)]
    node = shutil.which("node")
    return [node, str(driver)] if node else []


async def play(
    command: Sequence[str],
    wanted: Sequence[Conversation],
    jobs: int,
    fresh: bool,
    once: bool,
    patience: float,
) -> Round:
    """Play all of them, `jobs` at a time, each to a driver of its own."""
    began = time.monotonic()
    round_ = Round(client=" ".join(command))
    # Those that take longest first.
    waiting = sorted(wanted, key=lambda one: one.least_seconds, reverse=True)

    async def work() -> None:
        driver: Driver | None = None
        try:
            while waiting:
                conversation = waiting.pop(0)
                if driver is None:
                    driver = Driver(command)
                    await driver.start()
                    round_.client = driver.client
                player = Player(conversation, driver, patience)
                outcome = await player.play()
                if not outcome.passed and not conversation.again and not once:
                    # The machine may have been too busy for this pace; a right client has time.
                    waiting.append(conversation.slower())
                else:
                    outcome.slowly = conversation.again
                    round_.outcomes.append(outcome)
                for frame in player.frames_sent:
                    round_.frames.append({"conversation": conversation.name} | frame)
                if fresh or not outcome.passed:
                    driver.kill()
                    await driver.end()
                    driver = None
        finally:
            if driver is not None:
                await driver.end()

    workers = [asyncio.create_task(work()) for _ in range(min(jobs, len(waiting)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    round_.outcomes.sort(key=lambda one: one.name)
    round_.seconds = time.monotonic() - began
    return round_


def _play(command: Sequence[str], wanted: Sequence[Conversation], given: Namespace) -> Round:
    how = {name: getattr(given, name) for name in ("jobs", "fresh", "once", "patience")}
    return asyncio.run(play(command, wanted, **how))


def print_round(round_: Round, *, trace: bool) -> None:
    """Print a line for each conversation, and why the others failed."""
    print(round_.client)
    for one in round_.outcomes:
        state = "passed" if one.passed else "FAILED"
        state += ", slowly" if one.slowly else ""
        state = f"left out: it needs {one.skipped}" if one.skipped else state
        print(f"  {one.name:38} {one.seconds:5.1f} s  {state}")
        if trace:
            print("\n".join(f"      {line}" for line in one.trace))
        if not one.passed:
            print(f"    {one.why}")
            if not trace:
                print("\n".join(f"      {line}" for line in one.trace[-TRACE_AT_FAILURE:]))
    print(_summary(round_))


def print_table(rounds: Sequence[Round]) -> None:
    """Print a table: a line for each conversation, a column for each client."""
    names = sorted({one.name for round_ in rounds for one in round_.outcomes})
    print("| conversation | " + " | ".join(round_.client for round_ in rounds) + " |")
    print("|---|" + "---|" * len(rounds))
    for name in names:
        cells = [_cell(one) for round_ in rounds for one in round_.outcomes if one.name == name]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for round_ in rounds:
        print(f"\n{_summary(round_)}")
        for one in round_.failed:
            print(f"  {one.name}: {one.why}")


def _cell(outcome: Outcome) -> str:
    if outcome.skipped:
        return f"needs {outcome.skipped}"
    how = "passed" if outcome.passed else "FAILED"
    return f"{how}{' slowly' if outcome.slowly else ''}, {outcome.seconds:.1f} s"


def _summary(round_: Round) -> str:
    passed = len(round_.outcomes) - len(round_.failed) - len(round_.skipped)
    return (
        f"{round_.client}: {passed} passed, {len(round_.failed)} failed, "
        f"{len(round_.skipped)} left out, in {round_.seconds:.1f} s"
    )


def _as_json(rounds: Sequence[Round], *, trace: bool) -> str:
    shown = []
    for round_ in rounds:
        outcomes = [asdict(one) for one in round_.outcomes]
        if not trace:
            for one in outcomes:
                del one["trace"]
        shown.append(
            {"client": round_.client, "seconds": round_.seconds, "conversations": outcomes}
        )
    return json.dumps(shown, indent=1)


def _arguments() -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--conversation", action="append", default=[], metavar="NAME or FILE")
    parser.add_argument("--table", action="store_true", help="all clients of this repository")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--trace", action="store_true", help="every frame, command and report")
    parser.add_argument("--list", action="store_true", help="the conversations, and no more")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="so many at once")
    parser.add_argument("--fresh", action="store_true", help="a process for each conversation")
    parser.add_argument("--once", action="store_true", help="do not play again what has failed")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_S, metavar="S", help="how long a step waits"
    )
    parser.add_argument("--record", metavar="FILE", help="write all frames that were sent there")
    parser.add_argument("driver", nargs="*", help="-- COMMAND of the driver")
    return parser.parse_args()


def main() -> int:
    """Return the exit code."""
    given = _arguments()
    try:
        wanted = conversations(given.conversation)
        if given.list:
            for one in wanted:
                print(f"{one.name:38} {one.decision:8} {one.about}")
            return 0
        commands = [command_of(one) for one in known_drivers()] if given.table else [given.driver]
        if not any(commands):
            raise DriverFailed("name the driver's command after --")
        rounds = [_play(command, wanted, given) for command in commands if command]
    except (DriverFailed, NoConversation) as error:
        print(error, file=sys.stderr)
        return 2
    if given.record:
        lines = [json.dumps(frame) for round_ in rounds for frame in round_.frames]
        Path(given.record).write_text("\n".join(lines), encoding="utf-8")
    if given.json:
        print(_as_json(rounds, trace=given.trace))
    elif given.table:
        print_table(rounds)
    else:
        for round_ in rounds:
            print_round(round_, trace=given.trace)
    return 1 if any(round_.failed for round_ in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
