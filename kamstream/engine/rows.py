"""State as rows: keys and values as bytes, small enough that a busy account writes only what changed.

Keys begin with a family letter and the id they belong to, closed by a zero byte, which no id contains:

====================================  ==========================================================================
``A <account> h``                     the account: newest accepted times, chunk counts
``A <account> e <entity>``            the records of an entity
``A <account> s <topic> <chunk>``     ids already seen
``A <account> p|u <unit> <pane>``     sums of the account: all of them, those without an owner
``S <scope> <id> <unit> <pane>``      sums of a KAM or the company over this partition's accounts
``R <rollup key>``                    sums received from a partition
``B <scope> <id>``                    a backfill changed the id's sums last
``E <partition>``                     the newest epoch received from a partition
``L <rule> <scope> <id>``             the life of an alert
``T``, ``F``                          stream time; the fingerprint of the settings
====================================  ==========================================================================
"""

from typing import Any

import msgspec

from kamstream.engine.ledger import Pane
from kamstream.engine.plan import Plan

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode

TIME_KEY = b"T"
FINGERPRINT_KEY = b"F"


def account_prefix(account: str) -> bytes:
    """What the keys of an account's rows begin with."""
    return b"A" + account.encode() + b"\0"


def pane_key(prefix: bytes, family: bytes, unit: str, number: int) -> bytes:
    """The key of a pane's row."""
    return b"%b%b%b%d" % (prefix, family, unit.encode(), number)


def encode_pane(pane: Pane, plan: Plan) -> bytes:
    """A pane as bytes, its columns by their stored names."""
    columns = plan.columns
    return encode({columns[column].sums.name: row for column, row in pane.items()})


def decode_pane(value: bytes, plan: Plan) -> Pane:
    """The pane that ``encode_pane`` wrote; columns that are no longer kept are left out."""
    pane: Pane = {}
    for name, row in decode(value).items():
        column = plan.column_named(name)
        if column is None:
            continue
        if isinstance(row[-1], dict):
            row[-1] = {int(key): count for key, count in row[-1].items()}
        pane[column] = row
    return pane


def record_of(row: list[Any]) -> tuple[Any, ...]:
    """A record as it was before it was written: lists inside are tuples again."""
    return tuple(tuple(x) if isinstance(x, list) else x for x in row)
