"""Record batches as a broker keeps and sends them, several in one piece of bytes; and a replay that is fed with them.

``_batches`` does the same compiled: it walks the bytes and makes an object of a record only where a replay has to think
about it. Batches are checked by their CRC in both.
"""

import struct
from typing import TYPE_CHECKING

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from kamstream.native import COMPILED

if TYPE_CHECKING:
    from kamstream.worker.replay import Record, Replay

#: Of a batch: its first offset and the length of what follows these two; where the last offset's distance stands.
_BEGIN = struct.Struct(">qi")
_LAST = struct.Struct(">i")
_LAST_AT, _HEAD = 23, 61


def offset_after(data: bytes) -> int | None:
    """The offset after the last whole batch; None where there is no whole batch."""
    at, size, after = 0, len(data), None
    while at + _HEAD <= size:
        base, length = _BEGIN.unpack_from(data, at)
        if at + _BEGIN.size + length > size:
            break
        after = base + _LAST.unpack_from(data, at + _LAST_AT)[0] + 1
        at += _BEGIN.size + length
    return after


def records_of(data: bytes, begin: int, end: int) -> "list[Record]":
    """The records of [begin, end) in whole batches; a broker sends a last one in part, and such as begin earlier."""
    found: list[Record] = []
    batches = MemoryRecords(data)
    while batches.has_next():
        batch = batches.next_batch()
        assert batch is not None
        if not batch.validate_crc():
            raise CorruptRecordException("a batch of the log is damaged: its CRC is wrong")
        if not batch.is_control_batch:
            found += [record for record in batch if begin <= record.offset < end]
    return found


def feed_plain(replay: "Replay", data: bytes, begin: int, end: int) -> None:
    """Feed a replay with the records of [begin, end)."""
    replay.feed(records_of(data, begin, end))


if TYPE_CHECKING or not COMPILED:
    feed = feed_plain
else:
    from kamstream.worker._batches import feed

__all__ = ["feed", "feed_plain", "offset_after", "records_of"]
