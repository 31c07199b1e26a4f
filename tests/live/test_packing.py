"""Both forms of the packing make the same of a change."""

from __future__ import annotations

from typing import Any

import hiredis
import msgspec
import pytest

from kamstream.engine import Value
from kamstream.live import Layout
from kamstream.live.packing import table_command, table_command_plain, told, told_plain
from tests.live.desk import change

pytestmark = pytest.mark.compiled

NUMBERS = [0, 7, -3, 2**53, -(2**53), 2**53 + 1, 2**70, 0.0, -0.0, 1.0, 0.1, -2.5, 1e16, 1e21, 1e-7, 1.5e300, 5e-324]


def changes() -> list[Any]:
    """In part and whole, with and without nulls, names of all lengths."""
    values = {f"f{at}__90d": Value(number, at) for at, number in enumerate(NUMBERS)}
    nulls = {"a__7d": Value(None, 0), "b__7d": Value(None, 3)}
    old = {"f1:90d": Value(7, 1), "f2:90d": Value(-3, 9), "f9:90d": Value(None, 0), "a:7d": Value(5, 1)}
    long = {f"{'x' * size}__30d": Value(size, 70_000) for size in (20, 40, 300)}
    return [
        change(),
        change("Zoë {1}", **values),
        change(old=old, **values, **nulls),
        change(full=True, **nulls),
        change(full=True, cause="crm/ü", **long, **values, **nulls),
    ]


def packed(made: Any) -> bytes:
    """A command as it goes over the wire."""
    return made if isinstance(made, bytes) else hiredis.pack_command(made)


def arguments(command: bytes) -> list[Any]:
    """What Redis reads; lists where the argument is one."""
    reader = hiredis.Reader()
    reader.feed(command)
    read: list[Any] = reader.gets()
    assert reader.gets() is False, "more than one command"
    if read[7] == b"full":
        read[10:] = [[str(one) for one in msgspec.msgpack.decode(part)] for part in read[10:]]
    return read


@pytest.mark.parametrize("with_profile", [False, True])
def test_both_forms_write_a_table_alike(with_profile: bool) -> None:
    for one in changes():
        profile = one.profile if with_profile else None
        terms: Any = {"profile": profile, "last": "4294967297", "version": "4294967298", "stamp": "now"}
        made = [form(Layout("kam"), "abc", one, **terms) for form in (table_command, table_command_plain)]
        assert isinstance(made[0], bytes)
        assert arguments(packed(made[0])) == arguments(packed(made[1]))


def test_both_forms_tell_alike() -> None:
    for one in changes():
        ours, plain = told(one), told_plain(one)
        assert (ours is None) == (plain is None)
        if ours is not None and plain is not None:
            assert [str(x) for x in msgspec.msgpack.decode(ours)] == [str(x) for x in msgspec.msgpack.decode(plain)]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_both_forms_refuse_what_is_no_number(number: float) -> None:
    for form in (told, told_plain):
        with pytest.raises(ValueError, match="finite"):
            form(change(a__7d=Value(number, 1)))
