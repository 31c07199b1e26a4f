"""Stored rows sorted by account, in both forms, for the rows of an engine that keeps everything."""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec
import pytest

from kamstream.engine import Config, Engine
from kamstream.engine.rows import account_prefix, due_of
from kamstream.events import Decoder, Event, Rules
from kamstream.simulate import Plan, play
from tests.engine.forms import FORMS

#: Not the whole history, so that some contracts still run.
EVENTS = 1_501
MORE = {
    b"A" + "Müller & Söhne".encode() + b"\0h": b"[]",
    b"A\0h": b"[]",
    # An open ticket with a promise to keep, as a strand writes it.
    b"AACC-0001\0etT-1": b"\xdc\x00\x05" + msgspec.msgpack.encode(1_770_000_000_000) + b"\x01\xc0\x00\x00",
    b"Tx": b"1",
    b"O17": b"{}",
    b"L": b"",
}


@pytest.fixture(scope="module")
def stored() -> dict[bytes, bytes]:
    """What an engine stored of a year of some accounts, in the order of the last writing."""
    engine, rows = Engine(Config()), dict[bytes, bytes]()
    decoder, encode = Decoder(Rules()), msgspec.json.Encoder().encode
    for number, record in enumerate(islice(play(Plan(6, 200, 1_767_225_600_000, 3, "EUR", {})), EVENTS)):
        event = decoder.decode_line(encode(record), now=2**60)
        assert isinstance(event, Event)
        engine.apply(event)
        if number % 150 == 0:
            for key, value in engine.flush(evaluate=False).rows:
                rows.pop(key, None)
                if value is not None:
                    rows[key] = value
    return rows | MORE


@pytest.mark.parametrize("form", FORMS)
def test_every_row_is_sorted_in(form: Any, stored: dict[bytes, bytes]) -> None:
    accounts, dues, rest = form("engine.restoring").sort_rows(stored)
    there = dict(rest)
    for id, parts in accounts.items():
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            there[account_prefix(id) + key] = value
    assert there == stored
    assert len(accounts) == 8
    assert {key[:1] for key, _ in rest} >= {b"S", b"T", b"F", b"O", b"L"}
    wanted = []
    for id, parts in accounts.items():
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            due = due_of(key, value) if key[:1] == b"e" else None
            if due is not None:
                wanted.append((due, id, key[1:].decode()))
    assert sorted(dues) == sorted(wanted)
    assert (1_770_000_000_000, "ACC-0001", "tT-1") in wanted
    assert {key[0] for _, _, key in wanted} == {"t", "c"}


@pytest.mark.parametrize("form", FORMS)
def test_no_rows_are_sorted_too(form: Any) -> None:
    assert form("engine.restoring").sort_rows({}) == ({}, [], [])
