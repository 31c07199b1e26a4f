"""Values read from ledgers: both forms of the reader read the same, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamstream.engine import Config
from kamstream.engine.ledger import Ledger, lanes_of, post
from kamstream.engine.plan import Plan
from kamstream.entities.fact import Fact
from kamstream.kpis import CATALOGUE, Shelf
from kamstream.windows import DAY, HOUR, MINUTE, parse
from tests.engine.forms import FORMS, compiled, pure

START = 20_000 * DAY
WINDOWS = (("24h", "7d", "30d", "90d"), ("60m", "24h", "7d"), ("24h", "mtd", "ytd"))
KINDS = sorted({kpi.sums.fact for kpi in CATALOGUE} | {kpi.beside.fact for kpi in CATALOGUE if kpi.beside})
STANDING = {kpi.sums.fact for kpi in CATALOGUE if kpi.shelf == Shelf.NOW} | {"spend", "account"}

amounts = st.one_of(st.integers(0, 1), st.integers(0, 10**8), st.sampled_from((2**53, 2**53 + 1, 2**63, 10**43, 2**62)))
steps = st.one_of(
    st.tuples(st.integers(0, 3), st.integers(0, 60_000), st.lists(amounts, min_size=6, max_size=6)),
    st.tuples(st.integers(0, 3), st.integers(0, 1000), st.lists(amounts, min_size=6, max_size=6)),
    st.tuples(st.just(0), st.integers(0, 1000), st.lists(st.integers(0, 10**7), min_size=6, max_size=6)),
    st.tuples(st.just("back"), st.integers(0, 99), st.none()),
    st.tuples(st.just("on"), st.sampled_from([1, 59, 60, 1440, 50_000]), st.none()),
    st.tuples(st.just("read"), st.booleans(), st.none()),
)


def as_seen(values: list[Any]) -> list[Any]:
    """Values with their types: 1 is not 1.0 here."""
    return [(type(value.value), repr(value.value), type(value.n), value.n) for value in values]


@pytest.mark.compiled
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WINDOWS), st.lists(st.sampled_from(KINDS), min_size=4, max_size=4), st.lists(steps, max_size=60))
def test_both_forms_read_the_same(windows: tuple[str, ...], kinds: list[str], taken: list[Any]) -> None:
    plan = Plan(Config(windows=tuple(map(parse, windows)), kpis=CATALOGUE))
    forms = [form("engine.tables") for form in (pure, compiled)]
    ledgers, lanes = [Ledger(plan) for _ in forms], lanes_of(plan)
    readers, tables = [form.Reader(plan) for form in forms], [form.Table() for form in forms]
    now, posted = START, list[Fact]()
    for kind, number, values in [*taken, ("read", False, None)]:
        frame = plan.frame(now)
        if kind == "on":
            now += number * MINUTE
        elif kind == "back":
            if posted:
                fact = posted.pop(number % len(posted))
                post(ledgers, fact, lanes[fact.kind], -1, frame)
        elif kind == "read":
            due = []
            for reader, table, ledger in zip(readers, tables, ledgers, strict=True):
                ledger.prune(frame)
                totals = reader.refresh(table, ledger, frame, now, number)
                due.append((table.due, totals is not None and number and totals.held))
            assert due[0] == due[1]
            assert sorted(tables[0].moved) == sorted(tables[1].moved)
            assert as_seen(tables[0].values) == as_seen(tables[1].values)
            whole = [reader.values(ledger, frame, now)[0] for reader, ledger in zip(readers, ledgers, strict=True)]
            assert as_seen(whole[0]) == as_seen(whole[1]) == as_seen(tables[0].values)
            shots = [reader.snapshot(table) for reader, table in zip(readers, tables, strict=True)]
            assert list(shots[0]) == list(shots[1])
            assert as_seen(list(shots[0].values())) == as_seen(list(shots[1].values())) == as_seen(tables[0].values)
        else:
            name = kinds[kind]
            time = 0 if name in STANDING else now - number * MINUTE
            fact = Fact(name, time, None, tuple(values), "0", 0, ())
            posted.append(fact)
            post(ledgers, fact, lanes[name], 1, frame)


@pytest.mark.compiled
@pytest.mark.parametrize("count", range(1, 40, 3))
def test_percentiles_are_those_of_the_sketch(count: int) -> None:
    plan = Plan(Config(windows=tuple(map(parse, WINDOWS[0]))))
    ledger, lanes = Ledger(plan), lanes_of(plan)["first_response"]
    for number in range(count):
        time, duration = START - number * 7 * HOUR, number * number * 7919 % 100_003
        post([ledger], Fact("first_response", time, None, (duration,), "", 0, ()), lanes, 1, plan.frame(START))
    asked, usual = (form("engine.tables").Reader(plan).values(ledger, plan.frame(START), START)[0]
                    for form in (pure, compiled))  # fmt: skip
    assert as_seen(asked) == as_seen(usual)


@pytest.mark.parametrize("form", FORMS)
def test_only_what_moved_is_told(form: Any) -> None:
    form = form("engine.tables")
    plan = Plan(Config(windows=tuple(map(parse, WINDOWS[0]))))
    ledger, reader, table, lanes = Ledger(plan), form.Reader(plan), form.Table(), lanes_of(plan)
    for hours in range(3):
        post(
            [ledger], Fact("ticket", START - hours * HOUR, None, (1,), "", 0, ()), lanes["ticket"], 1, plan.frame(START)
        )
        before = table.values
        reader.refresh(table, ledger, plan.frame(START), START, False)
    changed = {plan.fields[index].name: old for index, old in table.moved}
    assert changed
    assert all(name.startswith("resolution_rate") for name in changed)
    now = dict(zip((field.name for field in plan.fields), zip(before, table.values, strict=True), strict=True))
    assert all(now[name][0] == old != now[name][1] for name, old in changed.items())
    reader.refresh(table, ledger, plan.frame(START), START, False)
    assert table.moved == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("amount", [1, 2**70])
def test_a_snapshot_shows_the_values_of_its_own_time(amount: int, form: Any) -> None:
    form = form("engine.tables")
    plan = Plan(Config(windows=tuple(map(parse, WINDOWS[0]))))
    ledger, reader, table, lanes = Ledger(plan), form.Reader(plan), form.Table(), lanes_of(plan)
    names = [field.name for field in plan.fields]
    taken = []
    for number in range(3):
        fact = Fact("response", START - number * HOUR, None, (amount * 1000,), "", 0, ())
        post([ledger], fact, lanes["response"], 1, plan.frame(START))
        reader.refresh(table, ledger, plan.frame(START), START, False)
        taken.append((reader.snapshot(table), dict(zip(names, table.values, strict=True))))
    assert taken[0][1] != taken[1][1]
    for shot, values in taken:
        assert shot == values
        assert values == shot
        assert shot != {}
        assert list(shot.items()) == list(values.items())
        assert (list(shot), list(shot.keys()), len(shot)) == (names, names, len(names))
        assert {name: shot[name] for name in names} == values == {name: shot.get(name) for name in names}
        assert {**shot} == dict(shot) == values
        assert isinstance(shot, Mapping)
        assert "response_time.mean:24h" in shot
        assert "response_time.mean:25h" not in shot
        assert shot.get("response_time.mean:25h") is None
        with pytest.raises(KeyError):
            shot["response_time.mean:25h"]
    del table, reader
    assert taken[2][0] == taken[2][1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [1, 1000])
def test_quotients_of_large_sums_are_rounded_once(scale: int, form: Any) -> None:
    part, whole = 2**53 + 1, 3
    plan = Plan(Config(windows=(parse("24h"),)))
    ledger, lanes = Ledger(plan), lanes_of(plan)
    for amount in (part - 2, 1, 1):
        fact = Fact("response", START, None, (amount * scale,), "", 0, ())
        post([ledger], fact, lanes["response"], 1, plan.frame(START))
    field = next(index for index, field in enumerate(plan.fields) if field.name == "response_time.mean:24h")
    values, _ = form("engine.tables").Reader(plan).values(ledger, plan.frame(START), START)
    assert values[field].value == part * scale / (1000 * whole)
