"""Batches of records: the same bytes as aiokafka makes, and both it and kafka-python read them back."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.memory_records import MemoryRecords as OtherRecords

from kamstream.worker import parcels
from kamstream.worker.watermark import HEADER, epoch_bytes

NOW = 1_795_530_000_123
keys = st.binary(max_size=200)
values = st.none() | st.binary(max_size=200) | st.just(b"x" * 20_000)
headers = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=80)), max_size=3)
times = st.integers(0, 1 << 45) | st.integers(NOW - 300, NOW + 300)
states = st.none() | st.tuples(st.integers(0, 1 << 62), st.integers(0, 32_767), st.integers(0, (1 << 31) - 1))


def built(batch: Any, state: tuple[int, int, int] | None = None) -> bytes:
    """A batch as the producer makes it ready for the wire."""
    if state is not None:
        batch._set_producer_state(*state)
    return bytes(batch._build())


def read(data: bytes, records: Any = MemoryRecords) -> list[tuple[Any, ...]]:
    """What a reader of such batches finds."""
    batches, found = records(data), []
    while batches.has_next():
        batch = batches.next_batch()
        assert batch.validate_crc()
        found += [(each.timestamp, each.key, each.value, [tuple(pair) for pair in each.headers]) for each in batch]
    return found


@given(
    st.lists(st.tuples(times, st.none() | keys, values, headers), max_size=20),
    st.sampled_from([100, 1_000, 30_000]),
    states,
)
def test_a_batch_is_filled_and_closed_as_aiokafkas_and_has_the_same_bytes(
    rows: list[tuple[Any, ...]], limit: int, state: tuple[int, int, int] | None
) -> None:
    mine, theirs = parcels.empty(limit), BatchBuilder(limit, 0)
    taken = []
    for time, key, value, heads in rows:
        said = [each.append(timestamp=time, key=key, value=value, headers=heads) for each in (mine, theirs)]
        fits, wanted = ((x.offset, x.timestamp, x.size, x.crc) if x is not None else None for x in said)
        assert fits == wanted
        if fits is not None:
            taken.append((time, key, value, heads))
        for name in ("size", "closed", "record_count"):
            assert getattr(mine, name)() == getattr(theirs, name)()
    data = built(mine, state)
    assert data == built(theirs, state)
    assert built(mine) == data, "a batch that is sent again is the same"
    assert mine.closed()
    assert mine.size() == len(data)
    assert mine.append(timestamp=NOW, key=b"", value=b"") is None
    if taken:
        assert read(data) == taken == read(data, OtherRecords)


def test_a_record_without_a_time_gets_that_of_now() -> None:
    batch = parcels.empty(1_000)
    assert batch.append(timestamp=None, key=b"k", value=None).timestamp > NOW - 10**11
    with pytest.raises(TypeError):
        batch.append(timestamp=None, key="text", value=None)


@given(st.lists(st.tuples(st.integers(0, 3), keys, values), max_size=60), st.sampled_from([80, 1_000, 25_000]))
def test_rows_are_packed_by_partition_in_their_order(rows: list[tuple[int, bytes, bytes | None]], limit: int) -> None:
    mine, plain = parcels.pack(rows, NOW, limit), parcels.pack_plain(rows, NOW, limit)
    assert [partition for partition, _ in mine] == [partition for partition, _ in plain]
    data = [built(batch) for _, batch in mine]
    assert data == [built(batch) for _, batch in plain]
    for wanted in range(4):
        there = b"".join(text for (partition, _), text in zip(mine, data, strict=True) if partition == wanted)
        assert read(there) == [(NOW, key, value, []) for partition, key, value in rows if partition == wanted]


@given(
    st.lists(st.tuples(keys, values), max_size=60), st.integers(0, (1 << 32) - 1), st.sampled_from([80, 1_000, 25_000])
)
def test_rows_of_state_carry_the_epoch(rows: list[tuple[bytes, bytes | None]], epoch: int, limit: int) -> None:
    mine = [built(batch) for batch in parcels.pack_state(iter(rows), epoch, NOW, limit)]
    assert mine == [built(batch) for batch in parcels.pack_state_plain(iter(rows), epoch, NOW, limit)]
    prefix = epoch_bytes(epoch)
    wanted = [(NOW, k, None, [(HEADER, prefix)]) if v is None else (NOW, k, prefix + v, []) for k, v in rows]
    assert read(b"".join(mine)) == wanted == read(b"".join(mine), OtherRecords)


def test_a_batch_goes_on_where_one_was_packed() -> None:
    """A watermark is appended to the last rows."""
    (batch,) = parcels.pack_state([(b"k", b"v"), (b"gone", None)], 7, NOW)
    assert batch.append(timestamp=NOW + 1, key=b"mark", value=b"said") is not None
    assert batch.record_count() == 3
    assert [key for _, key, _, _ in read(built(batch))] == [b"k", b"gone", b"mark"]


def test_a_record_may_be_larger_than_a_batch() -> None:
    batches = [batch for _, batch in parcels.pack([(0, b"k", b"x" * 600_000), (0, b"k", b"y")], NOW)]
    assert [batch.record_count() for batch in batches] == [1, 1]
    assert [len(value) for batch in batches for _, _, value, _ in read(built(batch))] == [600_000, 1]
