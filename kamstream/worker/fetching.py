"""The records of a fetch: how they are made, and how their events get to the engine.

aiokafka makes two objects of every record in the consumer's thread, which has to share the interpreter with the loop
that works on them. Where the compiled modules are there, `Batches` are only checked and measured in the thread; the
records stay bytes (`Records`) until the decoder looks at them, and ``_fetching`` feeds them to the engine. What
aiokafka does besides (positions, assignments, CRCs, when to fetch) stays its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

from aiokafka import codec as codecs
from aiokafka.consumer import fetcher as driver
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from kamstream.events import Event, Refusal
from kamstream.native import COMPILED
from kamstream.worker.protocols import DecoderLike

if TYPE_CHECKING or COMPILED:
    from kamstream.worker._records import Records

APPLIED: Final = "applied"

#: What the engine says of an event, given its offset.
Apply = Callable[[Event, int], str]
#: Told of each record that was not applied: why not, or what the engine said.
Other = Callable[[Any, "Refusal | str"], None]


class Fetched(list[Any]):
    """The records of one fetch, and the offset (``begin``) from which on they are all there are."""

    def __init__(self, records: Iterable[Any], begin: int) -> None:
        super().__init__(records)
        self.begin = begin


def fetched(records: Any, begin: int) -> Any:
    """The records, knowing that from ``begin`` on they are all there are."""
    if COMPILED and isinstance(records, Records):
        records.begin = begin
        return records
    return Fetched(records, begin)


def since(records: Any, offset: int) -> Any:
    """Those of this offset or a later one."""
    if COMPILED and isinstance(records, Records):
        return records.since(offset)
    return [record for record in records if record.offset >= offset]


def feed_plain(
    decoder: DecoderLike,
    topic: str,
    records: Sequence[Any],
    partition: int,
    partitions: int,
    apply: Apply,
    other: Other,
) -> None:
    """Decode records in their order and apply each event; what was not applied is told to ``other``."""
    decode = decoder.decode
    for record in records:
        event = decode(
            topic=topic,
            key=record.key,
            value=record.value,
            headers=record.headers,
            timestamp=record.timestamp,
            partition=partition,
            partitions=partitions,
        )
        verdict = apply(event, record.offset) if isinstance(event, Event) else event
        if verdict != APPLIED:
            other(record, verdict)


if TYPE_CHECKING or not COMPILED:
    feed = feed_plain
else:
    from kamstream.worker._fetching import feed


# -- unpacking what aiokafka fetched

#: Of a batch: its first offset, the bytes behind its length, its attributes, first and last timestamp, and records.
_HEAD: Final = Struct(">qi9xh4xqq14xi")
_LENGTH_AT, _LENGTH_COVERS, _MAGIC_AT, _NEW = 8, 12, 16, 2
_COMPRESSION, _APPEND_TIME = 0x07, 0x08
_CODECS: Final[dict[int, tuple[Callable[[], bool], Callable[[bytes], bytes]]]] = {
    1: (codecs.has_gzip, codecs.gzip_decode),
    2: (codecs.has_snappy, codecs.snappy_decode),
    3: (codecs.has_lz4, codecs.lz4_decode),
    4: (codecs.has_zstd, codecs.zstd_decode),
}


class Batches(MemoryRecords):  # type: ignore[misc]  # aiokafka tells no types
    """The batches of one answer, and the bytes that they are."""

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.data = data


class Unpacked(driver.PartitionRecords):  # type: ignore[misc]
    """The batches of one partition: handed out as `Records`, where they are ``plain``, else by aiokafka.

    Not plain: batches of an old format, a fetch that reads committed records only, deserializers.
    """

    def __init__(
        self,
        tp: Any,
        records: Batches,
        aborted_transactions: Any,
        fetch_offset: int,
        key_deserializer: Any,
        value_deserializer: Any,
        check_crcs: bool,
        isolation_level: int,
    ) -> None:
        super().__init__(
            *(tp, records, aborted_transactions, fetch_offset),
            *(key_deserializer, value_deserializer, check_crcs, isolation_level),
        )
        self.plain = (
            isolation_level == driver.READ_UNCOMMITTED
            and key_deserializer is None
            and value_deserializer is None
            and type(records.data) is bytes
            and _is_new(records.data)
        )
        if self.plain:
            # An iterator that has not ended and these records are a cycle, which would keep the bytes of the fetch
            # until somebody looks for cycles: while a worker catches up nobody does.
            self._records_iterator = None
        self.exhausted = False
        self._at = 0  # where the next batch begins
        self._after = fetch_offset  # the offset after the batches so far
        self._rest: Records | None = None

    def __next__(self) -> Any:
        """One record, as aiokafka hands it out."""
        if self._records_iterator is None:
            self._records_iterator = self._unpack_records()
        return super().__next__()

    def take(self, most: int | None) -> Records:
        """The next records, at most so many. Raises CorruptRecordException, and then has no more."""
        found = self._rest or Records(self._tp.topic, self._tp.partition)
        self._rest = None
        if self.exhausted:
            return found
        self.exhausted = True
        while (most is None or len(found) < most) and self._records.has_next():
            self._unpack(found)
        if most is None or len(found) <= most:
            self.next_fetch_offset = self._after
        else:
            found, self._rest = found.split(most)
            self.next_fetch_offset = found[-1].offset + 1
        self.exhausted = self._rest is None and not self._records.has_next()
        return found

    def _unpack(self, found: Records) -> None:
        """Add the records of the next batch."""
        batch, data, at = self._records.next_batch(), self._records.data, self._at
        base, length, attributes, first, last, count = _HEAD.unpack_from(data, at)
        self._at = end = at + _LENGTH_COVERS + length
        if self._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {self._tp}")
        if not batch.is_control_batch:
            begin = at + _HEAD.size
            if attributes & _COMPRESSION:
                data = _decompressed(batch, attributes & _COMPRESSION, data[begin:end])
                begin, end = 0, len(data)
            stamp = last if attributes & _APPEND_TIME else None
            try:
                found.append(data, begin, end, count, base, first, stamp, self._after)
            except ValueError as error:
                raise CorruptRecordException(f"{self._tp}: {error}") from error
        self._after = batch.next_offset


class Result(driver.FetchResult):  # type: ignore[misc]
    """What was fetched of one partition and is not taken yet."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> Any:
        """The next records, at most so many."""
        unpacked: Unpacked | None = self._partition_records
        if unpacked is None or not unpacked.plain:
            return super().getall(max_records)
        if not self.check_assignment(self._topic_partition):
            return []
        records = unpacked.take(max_records)
        self._update_position()
        if unpacked.exhausted:
            self._partition_records = None
        return records


def _is_new(data: bytes) -> bool:
    """Whether all whole batches are of format 2; a broker may send a last one in part."""
    at = 0
    while at + _LENGTH_COVERS <= len(data):
        length = int.from_bytes(data[at + _LENGTH_AT : at + _LENGTH_COVERS], "big", signed=True)
        end = at + _LENGTH_COVERS + length
        if end > len(data):
            break
        if end < at + _HEAD.size or data[at + _MAGIC_AT] != _NEW:
            return False
        at = end
    return True


def _decompressed(batch: Any, codec: int, data: bytes) -> bytes:
    known = _CODECS.get(codec)
    if known is None or not known[0]():
        next(iter(batch))  # aiokafka says what is missing
        raise CorruptRecordException(f"compression {codec}")
    return bytes(known[1](data))


#: What a fetcher makes of an answer, by the names it knows.
_OURS: Final = {"MemoryRecords": Batches, "PartitionRecords": Unpacked, "FetchResult": Result}
_KNOWN: Final = {
    "MemoryRecords": None,
    "PartitionRecords": "tp records aborted_transactions fetch_offset key_deserializer value_deserializer check_crcs "
    "isolation_level",
    "FetchResult": "tp assignment partition_records backoff",
}


def leave_as_bytes(fetcher: Any) -> bool:
    """Let a fetcher that has not begun hand out `Records`; False where aiokafka is not the one that is known here.

    Its methods are given our classes in place of aiokafka's, for this fetcher alone.
    """
    methods = {
        name: method
        for name, method in vars(type(fetcher)).items()
        if isinstance(method, FunctionType) and not _OURS.keys().isdisjoint(method.__code__.co_names)
    }
    if methods.keys() != {"_proc_fetch_request", "fetched_records", "next_record"} or not _is_known():
        return False
    scope = {**vars(driver), **_OURS}
    for name, method in methods.items():
        rebound = FunctionType(method.__code__, scope, name, method.__defaults__, method.__closure__)
        rebound.__kwdefaults__ = method.__kwdefaults__
        setattr(fetcher, name, MethodType(rebound, fetcher))
    return True


def _is_known() -> bool:
    for name, parameters in _KNOWN.items():
        found = getattr(driver, name, None)
        if found is None:
            return False
        if parameters is not None and list(inspect.signature(found).parameters) != parameters.split():
            return False
    return True


__all__ = ["APPLIED", "Batches", "Fetched", "Result", "Unpacked", "feed", "feed_plain", "fetched"]
__all__ += ["leave_as_bytes", "since"]
