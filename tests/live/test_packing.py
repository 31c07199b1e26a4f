"""Both forms of the packing make the same of a change."""

from __future__ import annotations

from math import inf, nextafter
from random import Random
from typing import Any

import hiredis
import msgspec
import pytest

from kamstream.engine import Config, TableChange, Value
from kamstream.engine.ledger import Ledger, lanes_of, post
from kamstream.engine.plan import Plan
from kamstream.engine.tables import Reader, Table
from kamstream.entities.fact import Fact
from kamstream.kpis import CATALOGUE
from kamstream.live import Layout, TableId
from kamstream.live.dumps import Kind
from kamstream.live.packing import Form, Known, table_commands, table_commands_plain, told, told_plain
from kamstream.windows import HOUR, parse
from tests.live.desk import T0, change, gone

pytestmark = pytest.mark.compiled

NUMBERS = [0, 7, -3, 2**53, -(2**53), 2**53 + 1, 2**70, 0.0, -0.0, 1.0, 0.1, -2.5, 1e16, 1e21, 1e-7, 1.5e300, 5e-324]


def changes() -> list[Any]:
    """In part and whole, with and without nulls, names of all lengths."""
    values = {f"f{at}__90d": Value(number, at) for at, number in enumerate(NUMBERS)}
    nulls = {"a__7d": Value(None, 0), "b__7d": Value(None, 3)}
    old = {"f1:90d": Value(7, 1), "f2:90d": Value(-3, 9), "f9:90d": Value(None, 0), "a:7d": Value(5, 1)}
    long = {
        f"{'x' * size}__30d": Value(size, 70_000) for size in (20, 40, 124, 125, 126, 127, 300, 5_000, 16_380, 20_000)
    }
    bulk = {f"{at}__7d": Value(-(7**at), 3**at) for at in range(25)}
    return [
        change(),
        change("Zoë {1}", **values),
        change(old=old, **values, **nulls),
        change(full=True, **nulls),
        change(full=True, **bulk),
        change("D", full=True, kam=None, revenue__7d=Value(1, 1)),
        change(full=True, cause="crm/ü", **long, **values, **nulls),
    ]


def snapshots() -> list[Any]:
    """Whole tables as an engine hands them over: their values are numbers in its memory."""
    plan = Plan(Config(windows=tuple(map(parse, ("24h", "30d"))), kpis=CATALOGUE))
    lanes, frame, tables = lanes_of(plan), plan.frame(T0), list[Any]()
    kinds = ("response", "first_response", "ticket", "invoice", "payment", "message")
    for amount in (0, 1, 7, 999, 123_457, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**63, 10**43):
        reader, table, ledger = Reader(plan), Table(), Ledger(plan)
        for number, kind in enumerate(kinds):
            if kind in lanes:
                fact = Fact(kind, T0 - number * HOUR, None, (amount,) * 6, "0", 0, ())
                post([ledger], fact, lanes[kind], 1, frame)
        reader.refresh(table, ledger, frame, T0, False)
        tables.append(TableChange("account", f"A{amount}", T0, reader.snapshot(table), full=True))
    return tables


def commands(packed: Any) -> list[list[Any]]:
    """What Redis reads; lists where an argument is one."""
    reader = hiredis.Reader()
    reader.feed(packed)
    read: list[list[Any]] = []
    while (command := reader.gets()) is not False:
        if command[7] == b"full":
            command[10:] = [[str(one) for one in msgspec.msgpack.decode(part)] for part in command[10:]]
        read.append(command)
    return read


@pytest.mark.parametrize("dumps", [None, "ziplist", "listpack"])
def test_both_forms_write_tables_alike(dumps: Kind | None) -> None:
    form = Form(Layout("kam"), "abc", dumps, ("a:7d",))
    some = [*changes(), gone("B"), *snapshots()]
    many = some * 12  # more than go in one piece
    known: dict[TableId, Known] = {
        ("account", "ACC-1"): ("4294967297", some[0].profile),
        ("account", "Zoë {1}"): ("4294967290", None),
    }
    for before in ({}, known):
        ours = [made.data for made in table_commands(form, many, before, "4294967298", "now")]
        plain = [hiredis.pack_command(made) for made in table_commands_plain(form, many, before, "4294967298", "now")]
        assert len(ours) > 1
        assert commands(b"".join(ours)) == commands(b"".join(plain))


def test_both_forms_write_the_same_digits() -> None:
    random, numbers = Random(7), list[float]()
    for power in range(-6, 20):
        numbers += [sign * random.random() * 10.0**power for sign in (1, 1, 1, -1)]
        numbers += [nextafter(10.0**power, towards) for towards in (-inf, inf)]
    one = change(full=True, **{f"f{at}__7d": Value(number, 1) for at, number in enumerate(numbers)})
    form = Form(Layout("kam"), "abc", "listpack")
    ours = b"".join(made.data for made in table_commands(form, [one], {}, "2", "now"))
    assert ours == b"".join(map(hiredis.pack_command, table_commands_plain(form, [one], {}, "2", "now")))


def test_both_forms_tell_alike() -> None:
    for one in [*changes(), *snapshots()]:
        ours, plain = told(one), told_plain(one)
        assert (ours is None) == (plain is None)
        if ours is not None and plain is not None:
            assert [str(x) for x in msgspec.msgpack.decode(ours)] == [str(x) for x in msgspec.msgpack.decode(plain)]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_both_forms_refuse_what_is_no_number(number: float) -> None:
    for form in (told, told_plain):
        with pytest.raises(ValueError, match="finite"):
            form(change(a__7d=Value(number, 1)))
