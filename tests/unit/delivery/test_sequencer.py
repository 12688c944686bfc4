"""Order of one organization's events (V2, A5, w7): whatever comes, each once, in order, no gaps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sync.delivery.sequencer import GAP_PATIENCE, REMEMBERED, Gap, Sequencer, Step
from sync.eventlog.log import Head, LoggedEvent

PAGE = 4
MOST = 3
CHARACTERS = 10
SEQUENCES = st.lists(st.integers(1, 12), max_size=30)


def event(
    sequence: int, at_us: int | None = None, *, access: str = "", data: str = "{}"
) -> LoggedEvent:
    """An event of organization `o`; its time is 10 us a sequence."""
    at_us = sequence * 10 if at_us is None else at_us
    return LoggedEvent(
        *("o", sequence, at_us, "kpi", "k", "updated", data, "", "", "", "admin", "", "", access),
        *("o", None, None, None, None, None, None, None),
    )


def taken(sequencer: Sequencer, most: int = 1000, characters: int = 10**6) -> list[int]:
    return [one.sequence for one in sequencer.ready(most=most, characters=characters)]


def after(sequence: int) -> Sequencer:
    return Sequencer(Head(sequence, sequence * 10))


# ------------------------------------------------------------------ plain cases


def test_v2_an_event_that_came_early_waits_for_the_one_before_it() -> None:
    sequencer = after(5)
    sequencer.take([event(7)], now=0)
    assert (taken(sequencer), sequencer.step()) == ([], Step.READ)
    sequencer.take([event(6)], now=0)
    assert sequencer.step() is Step.DELIVER
    assert (taken(sequencer), sequencer.step()) == ([6, 7], Step.WAIT)


def test_v2_what_is_missing_is_read_after_20_ms_and_not_before() -> None:
    sequencer = after(5)
    assert (sequencer.step(), sequencer.patience(now=0)) == (Step.WAIT, 0)
    sequencer.take([event(8)], now=1)
    assert sequencer.patience(now=1) == pytest.approx(GAP_PATIENCE)
    sequencer.take([event(9)], now=1.015)  # no new patience with every event behind it
    assert sequencer.patience(now=1.015) == pytest.approx(GAP_PATIENCE - 0.015)
    assert sequencer.patience(now=1.021) == 0
    assert sequencer.gap() == Gap(4, 9)


def test_v2_the_next_page_of_a_long_gap_is_read_at_once() -> None:
    sequencer = after(0)
    sequencer.compare(Head(100, 1000), known=0, now=0)
    gap = sequencer.gap()
    sequencer.read(gap, [event(n) for n in range(1, 51)], now=1)
    assert taken(sequencer) == list(range(1, 51))
    assert (sequencer.step(), sequencer.patience(now=1), sequencer.gap()) == (
        *(Step.READ, 0),
        Gap(49, 100),
    )


def test_o1_what_was_read_counts_where_it_had_not_come_under_what_told_of_it() -> None:
    def later(sequencer: Sequencer) -> None:
        sequencer.take([event(8)], now=0)

    def head(sequencer: Sequencer) -> None:
        sequencer.take([event(7)], now=0)
        sequencer.compare(Head(8, 80), known=5, now=0)

    def sync(sequencer: Sequencer) -> None:
        sequencer.expect(8, now=0)

    for tell, cause, missing in ((later, "gap", 2), (head, "head", 2), (sync, "sync", 3)):
        sequencer = after(5)
        tell(sequencer)
        assert sequencer.cause == cause
        answer = [event(n) for n in (5, 6, 7, 8)]
        assert sequencer.read(sequencer.gap(), answer, now=1) == missing
        assert taken(sequencer) == [6, 7, 8]


def test_o1_what_is_read_of_a_log_that_was_put_back_is_no_repair() -> None:
    sequencer = after(5)
    sequencer.expect(7, now=0)
    answer = [event(5, 51), event(6, 61), event(7, 71)]
    assert sequencer.read(sequencer.gap(), answer, now=1) == 0


def test_v2_what_arrived_in_time_leaves_nothing_to_be_read_and_a_new_gap_its_whole_patience() -> (
    None
):
    sequencer = after(0)
    sequencer.take([event(2)], now=0)
    sequencer.take([event(1)], now=0.01)
    assert (taken(sequencer), sequencer.step()) == ([1, 2], Step.WAIT)
    sequencer.take([event(4)], now=5)
    assert sequencer.patience(now=5) == pytest.approx(GAP_PATIENCE)


@pytest.mark.parametrize(
    ("most", "characters", "given_out"), [(3, 10**6, 3), (99, 19, 2), (99, 20, 3)]
)
def test_v2_a_slice_ends_at_so_many_events_or_behind_so_many_characters(
    most: int, characters: int, given_out: int
) -> None:
    sequencer = after(0)
    sequencer.take([event(n, data="x" * 10) for n in range(1, 9)], now=0)
    assert taken(sequencer, most, characters) == list(range(1, given_out + 1))
    assert sequencer.step() is Step.DELIVER


def test_v2_an_event_counts_as_given_out_when_the_next_is_asked_for() -> None:
    """The effect of an event on a subscriber begins after this event, not after all of them."""
    sequencer = after(0)
    sequencer.take([event(1), event(2)], now=0)
    lasts = [sequencer.last for _ in sequencer.ready(most=9, characters=99)]
    assert lasts == [1, 2]


# ------------------------------------------------------------------ rights


def test_a5_nothing_goes_out_behind_an_event_that_touches_rights_until_they_are_checked() -> None:
    sequencer = after(0)
    sequencer.take([event(1), event(2, access="x"), event(3), event(4, access="x")], now=0)
    assert (taken(sequencer), sequencer.step()) == ([1], Step.CHECK_RIGHTS)
    assert [one.sequence for one in sequencer.coming()] == [2, 3, 4]
    sequencer.take([event(5, access="x")], now=0)
    sequencer.rights_checked(4)  # the fifth came while the others were looked at
    assert (taken(sequencer), sequencer.step()) == ([2, 3, 4], Step.CHECK_RIGHTS)
    sequencer.rights_checked(5)
    assert (taken(sequencer), sequencer.step()) == ([5], Step.WAIT)


# ------------------------------------------------------------------ a log that was put back (w7)


def test_w7_a_head_behind_what_was_delivered_is_noticed_and_one_that_was_read_before_is_not() -> (
    None
):
    sequencer = after(5)
    sequencer.take([event(6)], now=0)
    assert taken(sequencer) == [6]
    sequencer.compare(Head(5, 50), known=5, now=0)  # read before the sixth was committed
    assert sequencer.step() is Step.WAIT
    sequencer.compare(Head(5, 50), known=6, now=0)
    assert sequencer.step() is Step.START_OVER


def test_w7_a_number_that_comes_once_more_with_a_later_time_is_noticed_and_a_repeat_is_not() -> (
    None
):
    sequencer = after(5)
    sequencer.take([event(5), event(3)], now=0)
    assert sequencer.step() is Step.WAIT
    sequencer.take([event(5, 51)], now=0)
    assert sequencer.step() is Step.START_OVER


def test_w7_a_number_that_comes_once_more_behind_a_later_one_is_noticed() -> None:
    sequencer = after(5)
    sequencer.take([event(6), event(7)], now=0)
    assert taken(sequencer) == [6, 7]
    sequencer.take([event(6), event(7)], now=0)
    assert sequencer.step() is Step.WAIT
    sequencer.take([event(6, 61)], now=0)
    assert sequencer.step() is Step.START_OVER


def test_w7_a_number_given_once_more_is_noticed_when_what_follows_it_is_read() -> None:
    """Nothing told of it: Redis was away."""
    sequencer = after(5)
    sequencer.compare(Head(7, 99), known=5, now=0)
    gap = sequencer.gap()
    sequencer.read(gap, [event(5, 80), event(6, 81), event(7, 99)], now=1)
    assert sequencer.step() is Step.START_OVER


def test_w7_what_is_known_to_be_committed_and_is_not_in_the_log_is_noticed() -> None:
    for answer in ([], [event(5)], [event(5), event(7)], [event(7)]):
        sequencer = after(5)
        sequencer.take([event(7)], now=0)
        sequencer.read(sequencer.gap(), answer, now=1)
        assert sequencer.step() is Step.START_OVER, answer


def test_v5_what_was_pruned_before_it_was_delivered_is_noticed() -> None:
    for pruned, step in ((5, Step.READ), (6, Step.START_OVER)):
        sequencer = after(5)
        sequencer.compare(Head(9, 90, pruned, pruned * 10), known=5, now=0)
        assert sequencer.step() is step


# ------------------------------------------------------------------ whatever comes


@given(SEQUENCES, st.integers(0, 3))
def test_v2_in_any_order_and_with_any_repeats_the_unbroken_beginning_goes_out_once(
    sequences: list[int], start: int
) -> None:
    sequencer = after(start)
    delivered: list[int] = []
    for sequence in sequences:
        sequencer.take([event(sequence)], now=0)
        delivered += taken(sequencer)
    end = start
    while end + 1 in sequences:
        end += 1
    assert delivered == list(range(start + 1, end + 1))
    beyond = [sequence for sequence in sequences if sequence > end]
    assert sequencer.step() is (Step.READ if beyond else Step.WAIT)


class Organization(RuleBasedStateMachine):
    """A log, and a process that hears of it by messages that get lost, late, twice and mixed up.

    The log may be put back, and go on from there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[LoggedEvent] = []
        self.clock = 0
        self.now = 0.0
        self.messages: list[LoggedEvent] = []
        self.heads: list[tuple[Head, int]] = []
        self.sequencer = Sequencer(Head())
        self.delivered: list[LoggedEvent] = []
        self.checked = 0

    @precondition(lambda self: len(self.log) < REMEMBERED - PAGE)
    @rule(count=st.integers(1, PAGE + 1), access=st.booleans())
    def commit(self, count: int, access: bool) -> None:
        for n in range(count):
            self.clock += 1
            one = event(len(self.log) + 1, self.clock, access="x" if access and not n else "")
            self.log.append(one)
            self.messages.append(one)

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), kept=st.booleans())
    def hear(self, data: st.DataObject, kept: bool) -> None:
        one = data.draw(st.sampled_from(self.messages))
        if not kept:
            self.messages.remove(one)
        self.sequencer.take([one], now=self.now)

    @rule(count=st.integers(0, 3))
    def lose(self, count: int) -> None:
        del self.messages[:count]

    @rule()
    def read_head(self) -> None:
        self.heads.append((self._head(), self.sequencer.known))

    @precondition(lambda self: self.heads)
    @rule()
    def compare_head(self) -> None:
        head, known = self.heads.pop(0)
        self.sequencer.compare(head, known=known, now=self.now)

    @rule(seconds=st.sampled_from([0.0, GAP_PATIENCE / 2, GAP_PATIENCE]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(1, 4))
    def put_back(self, count: int) -> None:
        """Nothing that was told of the lost events is still on its way."""
        del self.log[-count:]
        self.messages = [one for one in self.messages if one in self.log]
        self.heads.clear()

    @rule()
    def do_what_is_to_be_done(self) -> None:
        match self.sequencer.step():
            case Step.DELIVER:
                self.delivered += self.sequencer.ready(most=MOST, characters=CHARACTERS)
            case Step.CHECK_RIGHTS:
                self.checked = self.sequencer.coming()[-1].sequence
                self.sequencer.rights_checked(self.checked)
            case Step.READ if self.sequencer.patience(now=self.now) == 0:
                gap = self.sequencer.gap()
                answer = self.log[max(0, gap.after) : gap.upto][:PAGE]
                self.sequencer.read(gap, answer, now=self.now)

    @invariant()
    def each_once_in_order_without_gaps(self) -> None:
        assert [one.sequence for one in self.delivered] == [*range(1, len(self.delivered) + 1)]
        assert self.sequencer.last == len(self.delivered)

    @invariant()
    def nothing_that_touches_rights_goes_out_unchecked(self) -> None:
        assert all(one.sequence <= self.checked for one in self.delivered if one.access)

    def teardown(self) -> None:
        """All is told once more: what was delivered is the log, or it is known not to be."""
        self.messages += self.log
        while self.messages:
            self.sequencer.take([self.messages.pop()], now=self.now)
        self.sequencer.compare(self._head(), known=self.sequencer.known, now=self.now)
        self.now += 1
        for _ in range(1000):
            if self.sequencer.step() in (Step.WAIT, Step.START_OVER):
                break
            self.do_what_is_to_be_done()
            self.each_once_in_order_without_gaps()
        if self.sequencer.step() is not Step.START_OVER:
            assert (self.delivered, self.sequencer.step()) == (self.log, Step.WAIT)

    def _head(self) -> Head:
        return Head(len(self.log), self.log[-1].at_us if self.log else 0)


TestWhateverHappens = Organization.TestCase
TestWhateverHappens.settings = settings(max_examples=40, stateful_step_count=30)


class NeverPutBack(Organization):
    """Without that, nobody ever has to start over."""

    put_back = None  # type: ignore[assignment]  # a rule of its parent, taken away

    @invariant()
    def nobody_starts_over(self) -> None:
        assert self.sequencer.step() is not Step.START_OVER


TestWhileTheLogIsNotPutBack = NeverPutBack.TestCase
TestWhileTheLogIsNotPutBack.settings = settings(max_examples=40, stateful_step_count=30)
