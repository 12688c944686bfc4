"""Play a conversation: its steps, and the rules that every conversation asks for."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from connection import SUBPROTOCOL, Arrival, Call, Connection, Received
from conversation import Conversation, NoConversation, Outcome
from double import Double, Settings
from driver import Driver, Report
from patterns import Json, Unknown, brief, filled, mismatch
from rules import Rules
from world import World

PATIENCE_S = 5.0
PATIENCE_CLIENT_S = 15.0
EARLY_S = 0.05  # what a machine's timers and a busy processor may take from a pause
LATE_S = 1.0  # what they may add to it
ASK_AGAIN_S = 0.02
RECENT, RECENT_LENGTH, LAST_ERRORS = 4, 160, 10  # of what came, in words
ASKED_FOR = {"problem", "refused", "unsubscribed"}
"""The reports that fail a conversation unless a step asks for them."""
HARM = {"cut", "close", "deaf"}
"""The steps after which states that were reported before count no longer."""
T = TypeVar("T")


class Failed(Exception):
    """The client does not do what the conversation asks for."""


class Stir:
    """Wakes those who wait for anything to happen."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return when something has happened, or the time is over."""
        try:
            await asyncio.wait_for(self._event.wait(), max(seconds, 0))
        except TimeoutError:
            return
        self._event.clear()


class Player:
    """Plays one conversation to a client, by its driver."""

    def __init__(self, conversation: Conversation, driver: Driver, patience: float) -> None:
        server = conversation.server
        self.conversation = conversation
        self.driver = driver
        self.pace = conversation.pace
        self.patience = patience + PATIENCE_CLIENT_S * conversation.pace
        self.names: dict[str, Json] = {}
        self.frames_sent: list[dict[str, Json]] = []
        self._began = time.monotonic()
        self._trace: deque[str] = deque()
        self._stir = Stir()
        self.double = Double(
            world=World.make(server),
            rules=Rules(),
            settings=Settings(self.pace, server.get("clock", 0), server.get("life", 3600)),
            stir=self._stir,
            note=self._note,
            record=self.frames_sent.append,
            by_hand=set(conversation.by_hand),
            names=self.names,
        )
        self._url = ""
        self._last = self._began  # when the step before ended
        self._told_to_close = False
        self._before_loss = 0  # of the reports, how many had come when the double did the last harm
        self._mark = 0  # of the reports, how many had come
        self._steps: dict[str, Callable[[dict[str, Json]], Awaitable[None]]] = {
            "tell": self._tell,
            "expect": self._expect,
            "seen": self._see,
            "send": self._send,
            "send_text": self._send_text,
            "happen": self._happen,
            "forget": self._forget,
            "rewind": self._rewind,
            "accept": self._accept,
            "refuse": self._refuse,
            "ignore": self._ignore,
            "cut": self._cut,
            "close": self._close,
            "left": self._left,
            "deaf": self._deaf,
            "by_hand": self._by_hand,
            "serve": self._serve,
            "http": self._http,
            "report": self._report,
            "reports": self._reports,
            "no_report": self._no_report,
            "mark": self._set_mark,
            "store": self._store,
            "quiet": self._quiet,
            "gather": self._gather,
            "either": self._either,
        }

    async def play(self) -> Outcome:
        """Play all steps, close the client, and say how it went."""
        conversation = self.conversation
        lacking = ", ".join(conversation.needs & self.driver.cannot)
        if lacking:
            return Outcome(conversation.name, True, 0, skipped=lacking)
        self.driver.forget()
        self.driver.stir, self.driver.note = self._stir, self._note
        self.driver.heard = self._heard
        self._url = await self.double.start()
        why, number = "", 0
        try:
            for number, step in enumerate(conversation.steps, 1):  # noqa: B007  # told below
                await self._step(step)
            number = 0
            await self._finish()
        except Failed as failure:
            place = (
                f"step {number} {brief(conversation.steps[number - 1])}" if number else "the end"
            )
            why = f"{place}: {failure}"
        except (KeyError, Unknown, ValueError) as error:
            raise NoConversation(f"{conversation.name}, step {number}: {error!r}") from error
        finally:
            self.double.stop()
        seconds = time.monotonic() - self._began
        return Outcome(conversation.name, not why, seconds, why, trace=list(self._trace))

    # ------------------------------------------------------------------ waiting

    async def _step(self, step: dict[str, Json]) -> None:
        if HARM & step.keys():
            self._before_loss = len(self.driver.reports)
        kind = next((name for name in step if name in self._steps), None)
        if kind is None:
            raise NoConversation(f"{self.conversation.name}: {brief(step)} is no step")
        await self._steps[kind](step)

    async def _until(
        self, step: dict[str, Json], check: Callable[[], tuple[T, float] | None], expected: str
    ) -> T:
        """Wait for what `check` finds, and when it came; raises Failed where it does not."""
        patience = self.patience
        if "max" in step:
            patience = step["max"] * self.pace + LATE_S
        deadline = self._last + patience if "max" in step else time.monotonic() + patience
        while True:
            self._keep_rules()
            if (found := check()) is not None:
                what, at = found
                self._in_time(step, at, expected)
                self._last = max(self._last, at)
                return what
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failed(f"expected {expected}; came {self._recent()}")
            await self._stir.wait(left)

    def _in_time(self, step: dict[str, Json], at: float, expected: str) -> None:
        passed = (at - self._last) / self.pace
        least, most = step.get("min"), step.get("max")
        if least is not None and at - self._last < least * self.pace - EARLY_S:
            raise Failed(f"{expected} came after {passed:.1f} s, and not before {least} s")
        if most is not None and at - self._last > most * self.pace + LATE_S:
            raise Failed(f"{expected} came after {passed:.1f} s, and not within {most} s")

    async def _pass(self, seconds: float) -> None:
        """Let client seconds pass, and look whether the rules are kept."""
        end = time.monotonic() + seconds * self.pace
        while (left := end - time.monotonic()) > 0:
            self._keep_rules()
            await self._stir.wait(left)
        self._keep_rules()
        self._last = time.monotonic()

    def _done(self) -> None:
        self._last = time.monotonic()

    # ------------------------------------------------------------------ rules

    def _keep_rules(self) -> None:
        for broken in (self.double.rules.broken, self.driver.wrong):
            if broken:
                raise Failed("\n".join([broken[0], *self.driver.errors[-LAST_ERRORS:]]))

    def _heard(self, report: Report) -> None:
        """Note a report, and look whether what it tells keeps the rules."""
        self._note(f"    reported {brief(report.content)}")
        if report.event == "state" and report.content.get("state") == "stopped":
            self.double.stopped = True
        if report.event == "message":
            self.double.rules.check_message(report.content)

    def _check_left_over(self) -> None:
        """Nothing may have come for which no step has asked."""
        for frame in self.double.frames:
            if not frame.routine and not frame.taken and not frame.seen:
                raise Failed(f"the client has sent what nobody asked for: {brief(frame.message)}")
        for call in self.double.calls:
            if not call.taken:
                raise Failed(f"the client has called {call.path} {brief(call.body)} unasked")
        for report in self.driver.reports:
            stopped = report.event == "state" and report.content.get("state") == "stopped"
            if (stopped or report.event in ASKED_FOR) and not report.taken:
                raise Failed(f"the client has reported unasked: {brief(report.content)}")

    async def _finish(self) -> None:
        self._keep_rules()
        if not self._told_to_close:
            # The answer tells that the client has read, and written, whatever came before.
            await self._ask_for_store({})
        self._check_left_over()
        for report in self.driver.reports:
            report.taken = True
        self.driver.tell({"do": "close"})
        self._note("told close")
        await self._until({}, lambda: self._take_report({"event": "closed"}), "the report 'closed'")
        for frame in self.double.frames:
            if (
                not frame.routine
                and not frame.taken
                and not frame.seen
                and frame.type == "KPI_UPDATE"
            ):
                raise Failed(f"the client has sent what nobody asked for: {brief(frame.message)}")

    # ------------------------------------------------------------------ the driver

    async def _tell(self, step: dict[str, Json]) -> None:
        times, every = step.get("times", 1), step.get("every", 0)
        for number in range(1, times + 1):
            command = self._filled(step["tell"] if times == 1 else _numbered(step["tell"], number))
            if command["do"] == "connect":
                command = {"url": self._url, "pace": self.pace} | command
            self._note(f"told {brief(command)}")
            self._told_to_close |= command["do"] == "close"
            self.driver.tell(command)
            if every:
                await self._pass(every)
        self._done()

    async def _report(self, step: dict[str, Json]) -> None:
        pattern = step["report"]
        expected = f"the report {brief(pattern)}"
        await self._until(step, lambda: self._take_report(pattern), expected)

    async def _reports(self, step: dict[str, Json]) -> None:
        after = -1
        for pattern in step["reports"]:
            expected = f"the report {brief(pattern)}, after the one before"
            start = after

            def find(pattern: Json = pattern, start: int = start) -> tuple[int, float] | None:
                return self._find_report(pattern, start)

            after = await self._until(step, find, expected)

    def _find_report(self, pattern: Json, after: int = -1) -> tuple[int, float] | None:
        for index, report in enumerate(self.driver.reports):
            if index <= after or report.taken:
                continue
            if report.event == "state" and index < self._before_loss:
                continue  # of a connection that is no more
            if mismatch(pattern, report.content, self.names) is None:
                report.taken = True
                return index, report.at
        return None

    def _take_report(self, pattern: Json) -> tuple[Report, float] | None:
        found = self._find_report(pattern)
        return None if found is None else (self.driver.reports[found[0]], found[1])

    async def _no_report(self, step: dict[str, Json]) -> None:
        self._keep_rules()
        await self._ask_for_store({})
        for report in self.driver.reports[self._mark :]:
            if mismatch(step["no_report"], report.content, dict(self.names)) is None:
                raise Failed(f"it was reported: {brief(report.content)}")

    async def _set_mark(self, step: dict[str, Json]) -> None:
        self._mark = len(self.driver.reports)

    async def _ask_for_store(self, step: dict[str, Json]) -> dict[str, dict[str, Json]]:
        self.driver.tell({"do": "store"})
        found = await self._until(
            step, lambda: self._take_report({"event": "store"}), "the report 'store'"
        )
        entities: dict[str, dict[str, Json]] = found.content.get("entities", {})
        return entities

    async def _store(self, step: dict[str, Json]) -> None:
        deadline = time.monotonic() + self.patience
        while wrong := self._unlike(step["store"], await self._ask_for_store({})):
            if time.monotonic() > deadline:
                raise Failed(f"the store is not as expected: {wrong}")
            await self._stir.wait(ASK_AGAIN_S)
        self._done()

    def _unlike(self, wanted: Json, entities: dict[str, dict[str, Json]]) -> str:
        """Return in words where the store differs, or "" where it does not."""
        if wanted == "all":
            connection = self.double.connection
            channels = connection.asked & connection.followed if connection else set()
            wanted = {type_: {} for type_, found in entities.items() if found}
            for (type_, id_), data in self.double.world.picture(channels).items():
                wanted.setdefault(type_, {})[id_] = data
        for type_, shown in wanted.items():
            found = entities.get(type_, {})
            if found.keys() != shown.keys():
                return f"{type_} has the ids {sorted(found)}, not {sorted(shown)}"
            if wrong := mismatch(shown, found, self.names):
                return f"{type_}: {wrong}"
        return ""

    # ------------------------------------------------------------------ frames

    async def _expect(self, step: dict[str, Json]) -> None:
        pattern = step["expect"]

        def find() -> tuple[Received, float] | None:
            waiting = [one for one in self.double.frames if not one.routine and not one.taken]
            if not step.get("first"):
                waiting = [one for one in waiting if one.type == pattern["type"]]
            if not waiting:
                return None
            if wrong := mismatch(pattern, waiting[0].message, self.names):
                raise Failed(f"{wrong}; came {brief(waiting[0].message)}")
            return waiting[0], waiting[0].at

        frame = await self._until(step, find, f"the frame {brief(pattern)}")
        frame.taken, self.double.last = True, frame

    async def _see(self, step: dict[str, Json]) -> None:
        pattern = step["seen"]

        def find() -> tuple[Received, float] | None:
            for frame in self.double.frames:
                if frame.seen or frame.connection is not self.double.connection:
                    continue
                if mismatch(pattern, frame.message, self.names) is None:
                    return frame, frame.at
            return None

        frame = await self._until(step, find, f"among the frames {brief(pattern)}")
        frame.seen, self.double.last = True, frame

    async def _gather(self, step: dict[str, Json]) -> None:
        await self._pass(step["seconds"])
        pattern = step["gather"]
        found = [
            frame
            for frame in self.double.frames
            if not frame.taken and mismatch(pattern, frame.message, dict(self.names)) is None
        ]
        for frame in found:
            frame.taken = True
        least, most = step.get("least", 0), step.get("most", len(found))
        if not least <= len(found) <= most:
            raise Failed(f"{len(found)} frames {brief(pattern)}, not {least} to {most}")
        if "rate" in step and found:
            lasted = (found[-1].at - found[0].at) / self.pace
            if len(found) > lasted * step["rate"] + 2:
                raise Failed(f"{len(found)} frames {brief(pattern)} in {lasted:.2f} s")
        if "last" in step and (wrong := mismatch(step["last"], found[-1].message, self.names)):
            raise Failed(f"the last of {len(found)} frames: {wrong}")

    async def _quiet(self, step: dict[str, Json]) -> None:
        frames, reports = len(self.double.frames), len(self.driver.reports)
        arrivals = len(self.double.arrivals)
        await self._pass(step["quiet"])
        came = [one.message for one in self.double.frames[frames:]]
        self._none_of(step.get("frames", ()), came, "the frame")
        told = [one.content for one in self.driver.reports[reports:]]
        self._none_of(step.get("reports", ()), told, "the report")
        if step.get("connections") and len(self.double.arrivals) > arrivals:
            raise Failed("the client has connected, and must not")

    def _none_of(self, patterns: Iterable[Json], came: list[Json], what: str) -> None:
        for pattern in patterns:
            for one in came:
                if mismatch(pattern, one, dict(self.names)) is None:
                    raise Failed(f"{what} {brief(one)} came, and must not")

    async def _send(self, step: dict[str, Json]) -> None:
        wrong = {"wrong": step["wrong"]} if "wrong" in step else {}
        self.double.send(self._filled(step["send"]) | wrong, self._to_whom())
        self._done()

    async def _send_text(self, step: dict[str, Json]) -> None:
        self._note(f"← {step['send_text']}")
        self._to_whom().send_text(step["send_text"])
        self._done()

    def _to_whom(self) -> Connection:
        if self.double.connection is None:
            raise NoConversation(f"{self.conversation.name}: there is no connection yet")
        return self.double.connection

    async def _serve(self, step: dict[str, Json]) -> None:
        if self.double.last is None:
            raise NoConversation(f"{self.conversation.name}: there is no frame to serve")
        self.double.last.taken = True
        self.double.serve(self.double.last)
        self._done()

    # ------------------------------------------------------------------ the world

    async def _happen(self, step: dict[str, Json]) -> None:
        self.double.happen(self._filled(step["happen"]))
        self._done()

    async def _forget(self, step: dict[str, Json]) -> None:
        self.double.world.floor = step["forget"]
        self.double.world.log = [
            one for one in self.double.world.log if one.sequence > step["forget"]
        ]

    async def _rewind(self, step: dict[str, Json]) -> None:
        self.double.world.head = step["rewind"]
        self.double.world.log = []

    async def _by_hand(self, step: dict[str, Json]) -> None:
        # In place: it is the double's own set.
        self.double.by_hand.clear()
        self.double.by_hand.update(step["by_hand"])

    # ------------------------------------------------------------------ connections

    def _new_arrival(self) -> tuple[Arrival, float] | None:
        for arrival in self.double.arrivals:
            if not arrival.taken:
                return arrival, arrival.at
        return None

    async def _accept(self, step: dict[str, Json]) -> None:
        arrival = await self._until(step, self._new_arrival, "a new connection")
        arrival.taken = True
        if not arrival.answered:
            how = step["accept"] if isinstance(step["accept"], dict) else {}
            self.double.accept(arrival, how.get("subprotocol", SUBPROTOCOL))

    async def _refuse(self, step: dict[str, Json]) -> None:
        arrival = await self._until(step, self._new_arrival, "a new connection")
        arrival.taken = True
        how = step["refuse"]
        self.double.refuse(arrival, how["status"], how.get("headers", {}), how.get("body", ""))
        self._done()

    async def _ignore(self, step: dict[str, Json]) -> None:
        arrival = await self._until(step, self._new_arrival, "a new connection")
        arrival.taken = arrival.answered = True

    async def _cut(self, step: dict[str, Json]) -> None:
        if "connection" in self.double.by_hand and self._is_gone():
            arrival = await self._until(step, self._new_arrival, "a new connection")
            arrival.answered = True
            arrival.connection.cut()
        else:
            self._to_whom().cut()
        self._note("← the connection is cut")
        self.double.forsake()
        self._done()

    def _is_gone(self) -> bool:
        return self.double.connection is None or not self.double.connection.open

    async def _close(self, step: dict[str, Json]) -> None:
        how = step["close"]
        self.double.close(how["code"], how.get("details", {}))
        self._done()

    async def _left(self, step: dict[str, Json]) -> None:
        connection = self._to_whom()

        def find() -> tuple[bool, float] | None:
            return (True, connection.left_at) if connection.gone else None

        await self._until(step, find, "that the client leaves the connection")
        self.double.forsake()

    async def _deaf(self, step: dict[str, Json]) -> None:
        self._note("← (deaf)" if step["deaf"] else "← (no longer deaf)")
        self._to_whom().deaf = step["deaf"]
        if step["deaf"]:
            self.double.forsake()
        self._done()

    async def _http(self, step: dict[str, Json]) -> None:
        pattern = step["http"]["expect"]

        def find() -> tuple[Call, float] | None:
            call = next((one for one in self.double.calls if not one.taken), None)
            if call is None:
                return None
            if wrong := mismatch(pattern, {"path": call.path, "body": call.body}, self.names):
                raise Failed(f"{wrong}; came {call.path} {brief(call.body)}")
            return call, call.at

        call = await self._until(step, find, f"the HTTP request {brief(pattern)}")
        call.taken = True
        match step["http"].get("answer", "routine"):
            case "routine":
                self.double.serve_call(call)
            case "lost":
                self.names["lost"] = True
                self.double.lose_call(call)
            case answer:
                body = self._filled(answer.get("body", {}))
                self.double.answer_call(call, answer["status"], answer.get("headers", {}), body)
        self._done()

    async def _either(self, step: dict[str, Json]) -> None:
        """Go on with the first of several branches whose first step comes true."""
        ready = await self._until(step, lambda: self._branch(step["either"]), "one of either")
        for inner in ready:
            await self._step(inner)

    def _branch(self, branches: list[list[dict[str, Json]]]) -> tuple[list[Json], float] | None:
        for branch in branches:
            first = branch[0]
            if "report" in first:
                for report in self.driver.reports:
                    if report.taken or mismatch(first["report"], report.content, dict(self.names)):
                        continue
                    return branch, report.at
            if "http" in first:
                for call in self.double.calls:
                    content = {"path": call.path, "body": call.body}
                    if call.taken or mismatch(first["http"]["expect"], content, dict(self.names)):
                        continue
                    return branch, call.at
        return None

    # ------------------------------------------------------------------ words

    def _filled(self, template: Json) -> Json:
        return filled(template, self.names, self.double.time)

    def _note(self, line: str) -> None:
        self._trace.append(f"{time.monotonic() - self._began:7.3f} {line}")

    def _recent(self) -> str:
        """Return in words what came and was not taken."""
        frames = [
            brief(one.message, RECENT_LENGTH)
            for one in self.double.frames
            if not one.taken and one.type not in ("PING", "PONG")
        ]
        reports = [
            brief(one.content, RECENT_LENGTH) for one in self.driver.reports if not one.taken
        ]
        came = [f"frames: {', '.join(frames[-RECENT:])}" if frames else "no further frame"]
        came.append(f"reports: {', '.join(reports[-RECENT:])}" if reports else "no further report")
        return "; ".join([*came, *self.driver.errors[-LAST_ERRORS:]])


def _numbered(template: Json, number: int) -> Json:
    """Return the template with the number in place of "$i"."""
    if isinstance(template, dict):
        return {key: _numbered(value, number) for key, value in template.items()}
    return number if template == "$i" else template
