"""Ledgers: both forms keep the same sums, store them in the same bytes and read the same totals, and all are exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamstream.engine import Config
from kamstream.engine.plan import Frame, Plan
from kamstream.entities.fact import Fact
from kamstream.kpis import CATALOGUE, At, Kpi, Shelf, Sums
from kamstream.kpis.base import Take, count_of
from kamstream.windows import DAY, HOUR, MINUTE, parse
from tests.engine.forms import FORMS, compiled, pure

START = 20_000 * DAY
#: What Python's integers hold and 64 bits do not, and what is just inside.
HUGE = (2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**62, -(2**62), 10**43, -(10**43))


def kpi(name: str, sums: Sums, rank: int | None = None, previous: bool = False) -> Kpi:
    """A KPI as somebody could add it."""
    return Kpi(name, "s", "lower", name, "then", sums, count_of, rank=rank, previous=previous)


def _late(fact: Fact) -> tuple[int, ...] | None:
    return (fact.amounts[0] * 3,) if fact.amounts[0] % 2 else None


def _long(fact: Fact) -> int:
    return abs(fact.amounts[0]) // 7


PLAIN = Sums("plain", "thing", 2, Take(0, 2))
OWN = (
    kpi("count", Sums("count", "thing")),
    kpi("plain", PLAIN, previous=True),
    kpi("asked", Sums("asked", "thing", 1, _late)),
    kpi("placed", Sums("placed", "thing", 1, Take(1, 1), At(0)), rank=50),
    kpi("ranked", Sums("ranked", "thing", 0, Take(0, 0), _long), rank=90),
    kpi("unranked", Sums("unranked", "thing", 1, Take(0, 1), At(0))),
    kpi("wide", Sums("wide", "wide", 9, Take(0, 9), At(0)), rank=90),
    kpi("four", Sums("four", "wide", 4, Take(1, 4))),
    kpi("standing", Sums("standing", "standing", 1, Take(0, 1), shelf=Shelf.NOW)),
    kpi("each", Sums("each", "each", 1, Take(0, 1), shelf=Shelf.PER_WINDOW)),
    kpi("ahead", Sums("ahead", "ahead", 1, Take(0, 1), shelf=Shelf.AHEAD)),
    kpi("wait", Sums("wait", "wait", 0, Take(0, 0), shelf=Shelf.WAITS)),
)
KINDS = ("thing", "thing", "thing", "wide", "standing", "each", "ahead", "wait")
WINDOWS = (("24h", "7d", "30d"), ("90m", "3h", "2d"), ("24h", "mtd", "ytd"))

amounts = st.one_of(st.integers(-5, 5), st.integers(0, 10**9), st.sampled_from(HUGE))
facts = st.builds(
    lambda kind, before, label, values: (kind, before, str(label), tuple(values)),
    st.sampled_from(KINDS),
    st.one_of(st.integers(-3, 300), st.integers(0, 50_000)),  # minutes before now
    st.integers(0, 2),
    st.lists(amounts, min_size=9, max_size=9),
)
steps = st.one_of(
    st.tuples(st.just("post"), facts),
    st.tuples(st.just("post"), facts),
    st.tuples(st.just("post"), facts),
    st.tuples(st.just("back"), st.integers(0, 99)),
    st.tuples(st.just("on"), st.sampled_from([1, 30, 60, 61, 600, 1440, 1441, 9000, 60_000])),
    st.tuples(st.sampled_from(["prune", "collect", "merge", "move", "read", "reload", "restart"]), st.none()),
)


class Pair:
    """A form's ledgers: one that facts are posted to, with its rows as stored, and the one that its panes go to."""

    def __init__(self, form: ModuleType, plan: Plan) -> None:
        self.form, self.plan = form, plan
        self.lanes = form.lanes_of(plan)
        self.own = form.Ledger(plan)
        self.sum = form.Ledger(plan, tracked=False)
        self.sent: dict[tuple[int, int], bytes] = {}
        self.frame: Frame | None = None

    def take(self, step: str, what: Any, frame: Frame) -> Any:
        """Let a step act; what can be seen of it."""
        if step in ("post", "back"):
            fact, sign = what
            lanes = self.lanes.get(fact.kind)
            return lanes and self.form.post([self.own], fact, lanes, sign, frame)
        return getattr(self, "_" + step)(frame)

    def _prune(self, frame: Frame) -> None:
        self.own.prune(frame)
        self.sum.prune(frame)

    def _collect(self, frame: Frame) -> Any:
        return self.own.collect()

    def _merge(self, frame: Frame) -> Any:
        """Send the changed panes, which the receiver replaces."""
        changes = self.own.collect()
        for unit, number, pane, _ in changes:
            before = self.sent.pop((unit, number), None)
            if before is not None:
                self.sum.merge(unit, number, before, -1)
            if pane is not None:
                self.sent[unit, number] = pane
                self.sum.merge(unit, number, pane, 1)
        return changes, list(self.sum.panes())

    def _move(self, frame: Frame) -> Any:
        there = self.form.Ledger(self.plan)
        there.move(self.own, 1, frame)
        rows = there.dump(), there.collect()
        there.move(self.own, -1, frame)
        return rows, there.dump(), there.is_empty, there.collect()

    def _reload(self, frame: Frame) -> Any:
        row = self.own.dump()
        self.own = self.form.Ledger(self.plan)
        self.own.load(row)
        self.own.track(whole=True)
        self.frame = None
        return row

    def _restart(self, frame: Frame) -> None:
        panes = list(self.own.panes())
        self.own = self.form.Ledger(self.plan, tracked=False)
        for unit, number, pane in panes:
            self.own.put(unit, number, pane)
        self.own.track(whole=False)
        self.frame = None

    def _read(self, frame: Frame) -> Any:
        if self.own.is_empty:
            self.own.settle()
            self.frame = frame
            return None
        stale = self.own.stale(self.frame, frame) if self.frame is not None else -1
        totals = self.own.totals(frame, stale)
        seen = seen_of(totals, self.plan, frame, stale)
        self.own.settle()
        self.frame = frame
        return stale, totals.due, seen, seen_of(self.own.totals_once(frame), self.plan, frame, -1)

    def looks(self) -> Any:
        """Everything that can be asked of the ledgers without changing them."""
        return [
            (each.size(), each.is_empty, each.oldest_wait(), each.dump(), sorted(each.panes()))
            for each in (self.own, self.sum)
        ]


def seen_of(totals: Any, plan: Plan, frame: Frame, columns: int) -> Any:
    """The totals of columns in every view; and whether anything is held, where all are known."""
    found = {}
    for column in plan.columns:
        if columns < 0 or columns >> column.index & 1:
            for unit, _ in column.places:
                # Views as fields ask for them: from the widest on, or from the narrowest.
                views = range(len(frame.ranges[unit].views))
                for view in views if column.index % 2 else reversed(views):
                    total = totals.of(unit, view, column.index)
                    if total is not None:
                        found[column.sums.name, unit, view] = (total.n, tuple(total.amounts), dict(total.spread))
    return found, totals.held if columns < 0 else None


def config(windows: Sequence[str], kpis: tuple[Kpi, ...] = OWN) -> Config:
    return Config(windows=tuple(parse(name) for name in windows), kpis=kpis)


def walk(steps: list[Any], plan: Plan, start: int) -> Iterator[tuple[str, Any, Frame]]:
    """The steps with what they need: facts, of which only those that count are taken back, and the frame at T."""
    now, posted = start, list[Fact]()
    for step, what in steps:
        if step == "on":
            now += what * MINUTE
            continue
        if step == "post":
            kind, before, label, values = what
            time = now + before * MINUTE if kind == "ahead" else max(0, now - before * MINUTE)
            fact = Fact(kind, time, None, values, label, 0, ())
            posted.append(fact)
            yield step, (fact, 1), plan.frame(now)
        elif step == "back":
            if posted:
                yield step, (posted.pop(what % len(posted)), -1), plan.frame(now)
        else:
            yield step, None, plan.frame(now)


@pytest.mark.compiled
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WINDOWS), st.lists(steps, max_size=80))
def test_both_forms_keep_the_same(windows: tuple[str, ...], taken: list[Any]) -> None:
    plans = [Plan(config(windows)) for _ in range(2)]
    pairs = [Pair(form("engine.ledger"), plan) for form, plan in zip((pure, compiled), plans, strict=True)]
    walks = [walk(taken, plan, START) for plan in plans]
    for (step, what, frame), (_, _, same) in zip(*walks, strict=True):
        assert pairs[0].take(step, what, frame) == pairs[1].take(step, what, same), step
        assert pairs[0].looks() == pairs[1].looks(), step


@pytest.fixture(params=FORMS, scope="module")
def form(request: pytest.FixtureRequest) -> ModuleType:
    made: ModuleType = request.param("engine.ledger")
    return made


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(amounts, st.integers(0, 20)), min_size=1, max_size=40))
def test_sums_are_exact(form: ModuleType, given_amounts: list[tuple[int, int]]) -> None:
    plan = Plan(config(("24h", "7d")))
    ledger, lanes, frame = form.Ledger(plan), form.lanes_of(plan)["thing"], plan.frame(START)
    facts = [Fact("thing", START - days * HOUR, None, (amount, 1), "", 0, ()) for amount, days in given_amounts]
    for fact in facts:
        form.post([ledger], fact, lanes, 1, frame)
    column = next(column for column in plan.columns if column.sums is PLAIN)
    day = plan.unit_of("d")
    total = ledger.totals(frame).of(day, 0, column.index)
    assert (total.n, *total.amounts) == (len(facts), sum(fact.amounts[0] for fact in facts), len(facts))
    for fact in facts:
        form.post([ledger], fact, lanes, -1, frame)
    assert ledger.is_empty
    assert ledger.dump() == b"\x90"


def test_a_large_company_keeps_its_tally_right(form: ModuleType) -> None:
    plan = Plan(config(("90m", "600m", "24h", "7d")))
    ledger, lanes, old = form.Ledger(plan), form.lanes_of(plan)["thing"], None
    for number in range(3_000):
        now = START + number * (MINUTE if number % 1000 else 300 * MINUTE)
        frame = plan.frame(now)
        fact = Fact("thing", now - number % 50 * 10 * MINUTE, None, (number % 977, number), "", 0, ())
        form.post([ledger], fact, lanes, 1, frame)
        if number % 3 == 0 and number > 600:
            form.post([ledger], fact, lanes, -1, frame)
        if number % 30 == 29:
            ledger.prune(frame)
            mask = ledger.stale(old, frame)
            kept, once = ledger.totals(frame, mask), ledger.totals_once(frame)
            assert seen_of(kept, plan, frame, -1) == seen_of(once, plan, frame, -1)
            ledger.settle()
            old = frame
    assert ledger.size() > 1000


def test_many_buckets_are_counted(form: ModuleType) -> None:
    plan = Plan(config(("24h",)))
    ledgers, lanes, frame = [form.Ledger(plan) for _ in range(2)], form.lanes_of(plan)["thing"], plan.frame(START)
    for number in range(900):
        form.post(ledgers, Fact("thing", START, None, (number * number % 9000, 0), "", 0, ()), lanes, 1, frame)
    row = ledgers[0].pane(plan.unit_of("h"), START // HOUR)
    ledgers[1].merge(plan.unit_of("h"), START // HOUR, row, 1)
    column = next(column for column in plan.columns if column.sums.name == "placed")
    once, twice = (ledger.totals(frame).of(plan.unit_of("h"), 0, column.index) for ledger in ledgers)
    assert {number: 2 * count for number, count in once.spread.items()} == twice.spread
    assert (sum(once.spread.values()), twice.n) == (900, 1800)
    ledgers[1].merge(plan.unit_of("h"), START // HOUR, row, -1)
    assert ledgers[1].dump() == ledgers[0].dump()
    ledgers[1].merge(plan.unit_of("h"), START // HOUR, row, -1)
    assert ledgers[1].is_empty


def test_buckets_are_those_of_the_sketch(form: ModuleType) -> None:
    """Also next to the borders, where the last digit of a logarithm decides."""
    from kamstream.sketch import bucket, middle

    plan = Plan(config(("24h",)))
    lanes, frame = form.lanes_of(plan)["thing"], plan.frame(START)
    column = next(column for column in plan.columns if column.sums.name == "placed").index
    for number in range(0, 3000, 7):
        upper = round(middle(number) * 1.00925)
        for duration in range(max(0, upper - 2), upper + 3):
            ledger = form.Ledger(plan)
            form.post([ledger], Fact("thing", START, None, (duration, 0), "", 0, ()), lanes, 1, frame)
            total = ledger.totals(frame).of(plan.unit_of("h"), 0, column)
            assert total.spread == {bucket(duration): 1}


def test_panes_before_the_epoch_have_negative_numbers(form: ModuleType) -> None:
    plan = Plan(config(("24h",)))
    ledger, lanes, frame = form.Ledger(plan), form.lanes_of(plan)["thing"], plan.frame(5_000)
    form.post([ledger], Fact("thing", -1, None, (1, 1), "", 0, ()), lanes, 1, frame)
    assert [(unit, number) for unit, number, _ in ledger.panes()] == [(plan.unit_of("h"), -1)]


def test_too_few_amounts_are_an_error(form: ModuleType) -> None:
    plan = Plan(config(("24h",)))
    ledger, lanes = form.Ledger(plan), form.lanes_of(plan)["thing"]
    with pytest.raises(IndexError):
        form.post([ledger], Fact("thing", START, None, (), "", 0, ()), lanes, 1, plan.frame(START))


@pytest.mark.parametrize("row", [b"", b"\x91", b"\x91\x92", b"\xc0", b"\x91\x93\x05\x01"])
def test_damaged_rows_are_refused(row: bytes, form: ModuleType) -> None:
    plan = Plan(config(("24h",)))
    for take in (lambda: form.Ledger(plan).load(row), lambda: form.Ledger(plan).put(0, 1, row)):
        with pytest.raises((ValueError, TypeError, IndexError, msgspec.DecodeError)):
            take()


def test_whole_catalogue_fits(form: ModuleType) -> None:
    plan = Plan(Config(windows=tuple(map(parse, ("60m", "24h", "90d", "mtd"))), kpis=CATALOGUE))
    assert set(form.lanes_of(plan)) == plan.wants - {"product_won"} | {"account"}
