"""Records of stories as they are stored: packed one after the other, and the row of an entity that holds them.

A record is an array of time, type, source, id and what its entity keeps of it; a row is an array of when the entity
falls due (nil: never), the time of its last record, what its story knew before its first record (nil: nothing), the
first of its sealed rows and the one after their last, and its latest records. ``_records`` does the same compiled.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kamstream.engine.kinds import RANKS, TYPES
from kamstream.entities.fact import Record
from kamstream.native import COMPILED

_CODE = {name: code for code, name in enumerate(TYPES)}

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
#: Where the time at which it falls due stands in an entity's own row.
DUE_AT = 3


#: An entity's own row, read: when it falls due, its last time, its beginning, the first of its sealed rows and the one
#: after their last, the number of its latest records, and those, still packed.
Row = tuple[int | None, int, tuple[Any, ...] | None, int, int, int, bytes]


class Packing:
    """How records and rows are put into bytes."""

    __slots__ = ()

    def with_record(self, packed: bytes, record: Record) -> bytes:
        """Packed records, and one more after them."""
        return packed + _pack((record[0], _CODE[record[4]], record[2], record[3], *record[5:]))

    def row(
        self,
        due: int | None,
        last: int,
        begin: Sequence[Any] | None,
        first: int,
        following: int,
        count: int,
        records: bytes,
    ) -> bytes:
        """An entity's own row."""
        head = _pack(due) + _pack(last) + _pack(begin) + _pack(first) + _pack(following)
        return b"\xdc%b%b%b" % ((5 + count).to_bytes(2, "big"), head, records)


def unpack_records(count: int, packed: bytes) -> list[Record]:
    """Records that were packed one after the other."""
    records = []
    for time, code, source, id, *rest in _unpack(b"\xdd" + count.to_bytes(4, "big") + packed):
        kept = (tuple(x) if isinstance(x, list) else x for x in rest)
        records.append((time, RANKS[code], source, id, TYPES[code], *kept))
    return records


def read_row(row: bytes) -> Row:
    """An entity's own row, read."""
    due, last, begin, first, following, *records = _unpack(row)
    head = _pack(due) + _pack(last) + _pack(begin) + _pack(first) + _pack(following)
    known = None if begin is None else tuple(begin)
    return due, last, known, first, following, len(records), row[DUE_AT + len(head) :]


def last_of(row: bytes) -> int:
    """The time of the last record of an entity, from its own row."""
    last: int = _unpack(row)[1]
    return last


if COMPILED and not TYPE_CHECKING:
    from kamstream.engine._records import Packing, last_of, read_row, unpack_records

__all__ = ["Packing", "Row", "last_of", "read_row", "unpack_records"]
