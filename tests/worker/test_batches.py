"""Record batches as brokers send them: what stands in them, and that a replay fed with them is the one fed record by
record, in both forms.
"""

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from kamstream.worker import batches
from kamstream.worker.batches import feed_plain, offset_after, records_of
from kamstream.worker.replay import BetterHintError, Replay
from kamstream.worker.watermark import KEY, Mark
from tests.worker.test_replay import Log, Rec

Feed = Callable[[Replay, bytes, int, int], None]
GZIP = 1


def feeds() -> Iterator[Any]:
    yield pytest.param(feed_plain, id="plain")
    yield pytest.param(batches.feed, id="compiled", marks=pytest.mark.compiled)


def batch(records: list[Rec], compression: int = 0) -> bytes:
    """One batch; offsets that compaction left out stay so."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=compression, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 20,
    )  # fmt: skip
    base = records[0].offset
    for record in records:
        assert builder.append(record.offset - base, 1_000 + record.offset, record.key, record.value, [*record.headers])
    made = bytearray(builder.build())
    made[0:8] = base.to_bytes(8, "big")
    return bytes(made)


def pieces(log: Log, sizes: random.Random) -> list[tuple[bytes, int]]:
    """A log as a broker sends it, with the offsets after the pieces: some batches each, some of them compressed."""
    found, at = [], 0
    while at < len(log.records):
        piece = b""
        for _ in range(sizes.randint(1, 3)):
            some = log.records[at : at + sizes.randint(1, 5)]
            if some:
                piece += batch(some, GZIP if sizes.random() < 0.2 else 0)
            at += len(some)
        found.append((piece, log.records[min(at, len(log.records)) - 1].offset + 1))
    return found


def state(replay: Replay) -> tuple[Any, ...]:
    return replay.rows, replay.mark, replay.top_epoch, replay.read, replay.damaged(), replay.spans()


def outcome(feed: Callable[[], Replay]) -> Any:
    try:
        return state(feed())
    except BetterHintError as better:
        return better.mark


def any_log(seed: int) -> Log:
    """Owners who flush, fail, linger on after they were deposed; then compaction."""
    chance, log = random.Random(seed), Log()
    reigns: list[tuple[int, str, int]] = []
    for epoch in range(1, chance.randint(2, 5)):
        owner = f"owner-{epoch}"
        reigns.append((epoch, owner, log.fence(epoch, owner, log.read().spans())))
        for _ in range(chance.randint(0, 6)):
            number, name, fence = reigns[-1] if chance.random() < 0.8 else chance.choice(reigns)
            rows = {chance.choice("abcdefgh"): chance.choice([None, "", "1", "2" * 300]) for _ in range(4)}
            if chance.random() < 0.2:
                for key, value in rows.items():
                    log.row(number, key, value)  # and dies before the watermark
            else:
                log.flush(number, name, fence, chance.randint(0, 9), **rows)
    return log.compacted(chance.randint(0, log.end)) if chance.random() < 0.5 else log


@pytest.mark.parametrize("feed", feeds())
def test_a_replay_fed_with_bytes_is_the_one_fed_record_by_record(feed: Feed) -> None:
    for seed in range(300):
        log = any_log(seed)
        for hint in (None, log.newest()):
            wanted = outcome(partial(log.read, hint))
            assert outcome(partial(read_bytes, feed, log, hint, random.Random(seed))) == wanted, f"seed {seed}"


def read_bytes(feed: Feed, log: Log, hint: Mark | None, sizes: random.Random) -> Replay:
    replay = Replay(hint)
    for piece, after in pieces(log, sizes):
        feed(replay, piece, log.records[0].offset, log.end)
        assert offset_after(piece) == after
    return replay


@pytest.mark.parametrize("feed", feeds())
def test_only_records_of_the_stretch_are_fed_and_a_batch_in_part_is_left_out(feed: Feed) -> None:
    log = Log()
    fence = log.fence(1, "A")
    log.flush(1, "A", fence, 1, a="1", b="1", c="1")
    whole = batch(log.records[:3]) + batch(log.records[3:])
    replay = Replay(log.newest())
    feed(replay, whole[:-1], 2, 100)
    assert replay.rows == {b"b": b"1"}
    assert (replay.read, offset_after(whole[:-1])) == (1, 3)
    feed(replay, whole, 3, 4)
    assert replay.rows == {b"b": b"1", b"c": b"1"}
    assert offset_after(whole) == 5
    assert offset_after(whole[:40]) is None


@pytest.mark.parametrize("feed", feeds())
def test_a_damaged_batch_is_refused(feed: Feed) -> None:
    log = Log()
    log.flush(1, "A", log.fence(1, "A"), 1, a="1", b="1")
    good = batch(log.records)
    for place in range(17, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 1
        with pytest.raises(CorruptRecordException):
            feed(Replay(log.newest()), bytes(bad), 0, 10)


@pytest.mark.parametrize("feed", feeds())
def test_batches_of_the_broker_itself_are_passed_over(feed: Feed) -> None:
    log = Log()
    log.flush(1, "A", log.fence(1, "A"), 1, a="1")
    control = bytearray(batch([Rec(log.end, b"\0\0\0\1", b"\0" * 6)]))
    control[22] |= 0x20
    control[17:21] = crc(control).to_bytes(4, "big")
    replay = Replay(log.newest())
    feed(replay, batch(log.records) + bytes(control), 0, 10)
    assert replay.rows == {b"a": b"1"}
    assert records_of(bytes(control), 0, 10) == []


def crc(data: bytes | bytearray) -> int:
    from aiokafka.record.util import calc_crc32c

    return int(calc_crc32c(bytes(data[21:])))


def test_the_watermarks_key_is_told_by_its_first_byte() -> None:
    assert KEY[0] == 0
