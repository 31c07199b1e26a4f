"""State as rows: keys and values as bytes, small enough that a busy account writes only what changed.

Keys begin with a family letter and the id they belong to, closed by a zero byte, which no id contains:

====================================  ==========================================================================
``A <account> h``                     the account: what was seen last on each topic; its sums while they are few
``A <account> e <entity>``            the latest records of an entity
``A <account> x <chunk> <entity>``    earlier records of an entity
``A <account> s <topic> <chunk>``     pairs (source, id) seen earlier
``A <account> p|u <unit> <pane>``     sums of the account: all of them, those without an owner; once they are many
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

from kamstream.engine.cells import Pane, restored, stored
from kamstream.engine.plan import Plan

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode
pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder().decode

TIME_KEY = b"T"
FINGERPRINT_KEY = b"F"


def account_prefix(account: str) -> bytes:
    """What the keys of an account's rows begin with."""
    return b"A" + account.encode() + b"\0"


def pane_key(prefix: bytes, family: bytes, unit: str, number: int) -> bytes:
    """The key of a pane's row."""
    return b"%b%b%b%d" % (prefix, family, unit.encode(), number)


def encode_pane(pane: Pane, plan: Plan) -> bytes:
    """A pane as bytes: its columns by their place in the plan, which the settings' fingerprint fixes."""
    spreads = plan.spreads
    return pack([[column, *stored(pane[column], spreads[column])] for column in sorted(pane)])


def decode_pane(value: bytes) -> Pane:
    """The pane that ``encode_pane`` wrote."""
    return {column: restored(row) for column, *row in unpack(value)}


def record_of(row: list[Any]) -> tuple[Any, ...]:
    """A record as it was before it was written: lists inside are tuples again."""
    return tuple(tuple(x) if isinstance(x, list) else x for x in row)


def due_of(part: bytes, value: bytes) -> int | None:
    """The T at which an entity falls due, from its row; ``part`` is the row's key without the account's prefix."""
    if part[1:2] in READ_BY_EVENT:
        if value[DUE_AT] == NO_DUE:
            return None
        due: int | None = msgspec.msgpack.decode(value)[0]
        return due
    if value.startswith(b"[null,"):
        return None
    return int(value[1 : value.index(b",")])


#: The kinds of entities that are read event by event; where in their rows the due time stands, and what without one.
READ_BY_EVENT = b"thd"
DUE_AT, NO_DUE = 3, 0xC0
