"""The records of a fetch as bytes: the same ones that aiokafka makes, and the same events out of them."""

from __future__ import annotations

import gc
import json
import weakref
from random import Random
from typing import Any

import pytest
from aiokafka.codec import has_lz4, has_snappy, has_zstd
from aiokafka.consumer import fetcher as driver
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from kamstream.events import CLOUDEVENTS_JSON, EVENT_TYPES, Decoder, Event, Refusal, murmur2, topic_of
from kamstream.worker import fetching
from tests.engine.forms import compiled
from tests.events.drafts import NOW, RULES, document

#: The Python form leaves the records to aiokafka.
pytestmark = pytest.mark.compiled

TP = TopicPartition("kam.deals", 3)
BASE_OFFSET, CRC, FLAGS = slice(0, 8), slice(17, 21), slice(21, 23)
APPEND_TIME, CONTROL = 8, 32
#: How batches can be compressed here: not, gzip, snappy, lz4, zstd.
CODECS = [0, 1, *(at for at, has in enumerate([has_snappy, has_lz4, has_zstd], 2) if has())]
Row = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]  # timestamp, key, value, headers


def batch(rows: list[Row | None], offset: int, codec: int = 0, flags: int = 0) -> bytes:
    """A batch as a broker keeps it; None is a record that compaction took away."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 24,
    )  # fmt: skip
    for at, row in enumerate(rows):
        if row is not None:
            timestamp, key, value, headers = row
            assert builder.append(at, timestamp, key, value, headers) is not None
    made = bytearray(builder.build())
    made[BASE_OFFSET] = offset.to_bytes(8, "big")
    if flags:
        made[FLAGS] = (int.from_bytes(made[FLAGS], "big") | flags).to_bytes(2, "big")
        made[CRC] = calc_crc32c(bytes(made[FLAGS.start :])).to_bytes(4, "big")
    return bytes(made)


def row(random: Random) -> Row | None:
    if random.random() < 0.1:
        return None
    headers: list[tuple[str, bytes | None]] = [
        (random.choice(["content-type", "trace", "é"]), random.choice([None, b"", b"x" * 200]))
        for _ in range(random.choice([0, 0, 1, 3]))
    ]
    return (
        NOW + random.randrange(-(10**9), 10**9),
        random.choice([None, b"", b"ACC-1", "Müller".encode()]),
        random.choice([None, b"", b"{}", b"v" * random.randrange(300)]),
        headers,
    )


def log(random: Random) -> bytes:
    """Some batches in a row, with holes between them, the last one perhaps in part."""
    made, offset = b"", 100
    for _ in range(random.randrange(1, 6)):
        rows = [row(random) for _ in range(random.randrange(1, 40))]
        rows[0] = rows[0] or (NOW, b"k", b"v", [])
        flags = random.choice([0, 0, APPEND_TIME, CONTROL])
        if flags == CONTROL:
            rows = [(NOW, b"\0\0\0\1", b"\0\0\0\0\0\0", [])]
        made += batch(rows, offset, random.choice([0, *CODECS]), flags)
        offset += len(rows) + random.choice([0, 0, 5])
    return made[: -random.choice([0, 0, 1, 30])] if random.random() < 0.3 else made


class Assigned:
    """An assignment of which one partition is read from an offset on."""

    active = True

    def __init__(self, position: int) -> None:
        self.paused, self.position = False, position

    def state_value(self, tp: TopicPartition) -> Assigned:
        return self

    def consumed_to(self, offset: int) -> None:
        self.position = offset


def fetch(data: bytes, begin: int, *, ours: bool, committed: bool = False) -> tuple[Any, Assigned]:
    """A fetch of this data, as a fetcher keeps it."""
    assigned = Assigned(begin)
    unpacked, result = (fetching.Unpacked, fetching.Result) if ours else (driver.PartitionRecords, driver.FetchResult)
    batches = fetching.Batches(data) if ours else MemoryRecords(data)
    records = unpacked(TP, batches, None, begin, None, None, True, int(committed))
    return result(TP, assignment=assigned, partition_records=records, backoff=0), assigned


def parts(record: Any) -> tuple[Any, ...]:
    return (
        *(record.topic, record.partition, record.offset, record.timestamp, record.timestamp_type),
        *(record.key, record.value, tuple(record.headers)),
    )


def read(data: bytes, begin: int, most: int | None, *, ours: bool) -> list[Any]:
    """What comes of a fetch: each time the records, and the position after them."""
    result, assigned = fetch(data, begin, ours=ours)
    found: list[Any] = []
    while result.has_more():
        records = result.getall(most)
        if records:
            found.append(([parts(record) for record in records], assigned.position))
    return [*found, assigned.position]


@pytest.mark.parametrize("seed", range(60))
def test_the_records_are_those_that_aiokafka_makes(seed: int) -> None:
    random = Random(seed)
    data, begin = log(random), random.choice([100, 100, 103, 120])
    assert type(fetch(data, begin, ours=True)[0].getall(1)) is compiled("worker.records").Records
    for most in (None, 1, 7, 4_000):
        # Where a fetch of so many ends with a batch, aiokafka sees only the next time that there are no more.
        assert read(data, begin, most, ours=True) == read(data, begin, most, ours=False)


def test_records_that_are_asked_for_one_by_one_are_those_that_aiokafka_makes() -> None:
    data = log(Random(3))
    found: list[list[Any]] = []
    for ours in (True, False):
        result, assigned = fetch(data, 100, ours=ours)
        records = [(parts(record), assigned.position) for record in iter(result.getone, None)]
        found.append([*records, assigned.position])
    assert found[0] == found[1]
    assert len(found[0]) > 10


@pytest.mark.parametrize("taken", [False, True])
def test_what_was_fetched_is_gone_with_the_last_who_wants_it(taken: bool) -> None:
    """A fetch brings megabytes, and a worker that catches up does not look for cycles."""
    result, _ = fetch(batch([(NOW, b"k", b"v", [])], 100), 100, ours=True)
    gone = weakref.ref(result._partition_records._records)
    gc.disable()
    try:
        if taken:
            assert result.getall(None)
        del result
        assert gone() is None
    finally:
        gc.enable()


def test_a_damaged_batch_is_refused_and_fetched_again() -> None:
    whole = batch([(NOW, b"k", b"v" * 50, [])], 100)
    damaged = bytearray(batch([(NOW, b"k", b"v" * 50, [])], 101))
    damaged[-10] ^= 1
    result, assigned = fetch(whole + damaged + whole, 100, ours=True)
    with pytest.raises(CorruptRecordException):
        result.getall(10)
    assert not result.getall(10)
    assert not result.has_more()
    assert assigned.position == 100


def test_malformed_records_are_refused() -> None:
    records, good = (
        compiled("worker.records").Records("t", 0),
        batch([(NOW, b"key", b"value", [("h", b"x")])] * 3, 0)[61:],
    )
    for cut in range(len(good)):
        with pytest.raises(ValueError):
            records.append(good[:cut], 0, cut, 3, 0, 0, None, 0)
    for at in range(len(good)):
        for byte in (0, 1, 0x7F, 0x80, 0xFF):
            try:
                records.append(good[:at] + bytes([byte]) + good[at + 1 :], 0, len(good), 3, 0, 0, None, 0)
            except ValueError:
                continue
            assert all(parts(record) for record in records)
    with pytest.raises(ValueError):
        records.append(good, 0, len(good), 2**31 - 1, 0, 0, None, 0)
    with pytest.raises(ValueError):
        records.append(good, 0, len(good) + 1, 3, 0, 0, None, 0)


def test_what_is_not_plain_is_left_to_aiokafka() -> None:
    old = LegacyRecordBatchBuilder(magic=1, compression_type=0, batch_size=1 << 20)
    old.append(0, timestamp=NOW, key=b"k", value=b"v")
    new = batch([(NOW, b"k", b"v", [])], 1)
    for data, committed in ((bytes(old.build()), False), (new, True)):
        result, _ = fetch(data, 0, ours=True, committed=committed)
        assert type(result.getall(10)) is list


def test_a_fetcher_of_aiokafka_is_known() -> None:
    class Fetcher(driver.Fetcher):  # type: ignore[misc]
        pass

    plain = driver.Fetcher.__new__(driver.Fetcher)
    assert fetching.leave_as_bytes(plain)
    assert plain.fetched_records.__globals__["FetchResult"] is fetching.Result
    assert driver.Fetcher.fetched_records.__globals__["FetchResult"] is driver.FetchResult
    assert not fetching.leave_as_bytes(Fetcher.__new__(Fetcher))


def told(records: Any, partitions: int, *, ours: bool) -> list[Any]:
    """What the engine and the dead letters are told of the records."""
    said: list[Any] = []

    def apply(event: Event, offset: int) -> str:
        said.append((event, offset))
        return ("applied", "duplicate", "too-late")[offset % 3]

    def other(record: Any, verdict: Refusal | str) -> None:
        said.append((parts(record), verdict))

    feed = fetching.feed if ours else fetching.feed_plain
    feed(Decoder(RULES), TP.topic, records, TP.partition, partitions, apply, other)
    return said


def sent(random: Random, at: int) -> Row:
    """A record of the topic, or one that should not be there."""
    kind = random.choice(
        [kind for kind in EVENT_TYPES if topic_of(kind.name) == TP.topic] + [random.choice(EVENT_TYPES)]
    )
    event = document(kind.name, id=f"e-{at}", subject=random.choice(["ACC-1", "ACC-9", "Müller", "\x7f"]))
    key: bytes | None = event["subject"].encode()
    headers: list[tuple[str, bytes | None]] = [("content-type", CLOUDEVENTS_JSON.encode())]
    value: bytes | None = json.dumps(event).encode()
    match random.randrange(12):
        case 0:
            key = random.choice([None, b"", b"\xff", b"ACC-2"])
        case 1:
            value = random.choice([None, b"", b"{", value + b" " * 66_000, value[:-1]])
        case 2:
            headers = [("trace", None), *headers, ("other", b"1")]
        case 3:
            headers = random.choice(
                [[], [("content-type", None)], [("ce_specversion", None)], [("ce_specversion", b"1.0")]]
            )
        case 4:
            attributes = {name: str(text) for name, text in event.items() if name != "data"}
            headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
            value = json.dumps(event["data"]).encode()
        case 5:
            headers += [("ce_specversion", b"1.0")]
        case 6:
            value = json.dumps({**event, "data": {}}).encode()
    return NOW, key, value, headers


@pytest.mark.parametrize("seed", range(20))
def test_the_engine_is_told_the_same_of_both_kinds_of_records(seed: int) -> None:
    random = Random(seed)
    data = b"".join(batch([sent(random, at * 30 + n) for n in range(30)], at * 30) for at in range(4))
    partitions = random.choice([1, 8, murmur2(b"ACC-1") - TP.partition])
    ours, _ = fetch(data, 0, ours=True)
    theirs, _ = fetch(data, 0, ours=False)
    records = ours.getall(None)
    assert told(records, partitions, ours=True) == told(theirs.getall(None), partitions, ours=False)
    rest = fetching.since(records, 50)
    assert [record.offset for record in rest] == list(range(50, 120))
    assert told(rest, partitions, ours=True) == told(list(rest), partitions, ours=False)


def test_what_lies_behind_a_record_is_no_part_of_it() -> None:
    """The next record's bytes stand right behind a value: none of its beginnings is read on into them."""
    value = json.dumps(document("deal.lost")).encode()
    for cut in range(len(value)):
        data = batch([(NOW, b"ACC-1", value[:cut], []), (NOW, b"ACC-1", value[cut:], [])], 0)
        ours, _ = fetch(data, 0, ours=True)
        for entry in told(ours.getall(None), 1, ours=True):
            assert isinstance(entry[1], Refusal), cut
