"""The consumer's arithmetic: what follows what, what may be committed."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from faust.types import TP

from kamstream.errors import UserError
from kamstream.worker.transport import CarrierConsumer

DEALS = TP("kam.deals", 0)


class Log:
    """One partition as the consumer thread would serve it: ``offsets`` are those that hold records."""

    def __init__(self, offsets: list[int], *, begins: int = 0, end: int | None = None) -> None:
        self.offsets, self.begins = offsets, begins
        self.end = end if end is not None else offsets[-1] + 1
        self.at = 0
        self.seeks: list[int] = []

    async def seek_wait(self, places: dict[TP, int]) -> None:
        self.at = places.get(DEALS, self.at)
        self.seeks.append(self.at)

    def assignment(self) -> set[TP]:
        return {DEALS}

    def fetch(self, most: int) -> list[Any]:
        found = [o for o in self.offsets if o >= self.at][:most]
        if found:
            self.at = found[-1] + 1
        return [
            SimpleNamespace(topic="kam.deals", partition=0, offset=o, timestamp=1_000, timestamp_type=0) for o in found
        ]


class Progress:
    def __init__(self) -> None:
        self.read, self.durable = 0, 0

    def next_offset(self, topic: str, partition: int) -> int | None:
        return self.read

    def durable_offset(self, topic: str, partition: int) -> int | None:
        return self.durable


class GivenUpError(Exception):
    pass


def give_up(reason: BaseException) -> NoReturn:
    raise GivenUpError(str(reason)) from reason


def consumer(log: Log, batch: int = 3) -> CarrierConsumer:
    """A consumer without Faust around it, reading ``log`` in fetches of ``batch``."""
    made = CarrierConsumer.__new__(CarrierConsumer)
    made.progress = Progress()
    made.host = SimpleNamespace(is_input=lambda topic: True, give_up=give_up, progress=made.progress)
    made.app = SimpleNamespace(consumer_generation_id=1)
    made._thread = log
    made._due, made._hole, made._confirmed = {}, {}, {}
    made._acked, made._acked_index = defaultdict(list), defaultdict(set)
    made._buffered_partitions, made.flow_active = set(), True

    async def fetched(timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:
        return {DEALS: log.fetch(batch)}, {DEALS}

    async def first(*tps: TP) -> dict[TP, int]:
        return {DEALS: log.begins}

    async def ends(*tps: TP) -> dict[TP, int]:
        return {DEALS: log.end}

    made._wait_next_records, made.earliest_offsets, made.highwaters = fetched, first, ends
    return made


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CarrierConsumer, "should_stop", False, raising=False)


def read(made: CarrierConsumer, fetches: int) -> list[list[int]]:
    """The offsets of the carriers of so many fetches."""

    async def go() -> list[list[int]]:
        await made.seek_to_committed()
        found = []
        for _ in range(fetches):
            carriers: AsyncIterator[Any] = made.getmany(1.0)
            async for _tp, message in carriers:
                offsets = [record.offset for record in message.value]
                assert message.offset == offsets[-1]
                found.append(offsets)
        return found

    return asyncio.run(go())


def test_a_carrier_holds_a_fetch_and_has_the_offset_of_its_last_record() -> None:
    assert read(consumer(Log([0, 1, 2, 3, 4])), 2) == [[0, 1, 2], [3, 4]]


def test_a_hole_is_believed_when_it_is_seen_twice() -> None:
    log = Log([0, 1, 2, 7, 8])
    assert read(consumer(log), 3) == [[0, 1, 2], [7, 8]]
    assert log.seeks == [0, 3]


def test_records_of_a_fetch_that_began_before_a_seek_are_fetched_again() -> None:
    log = Log(list(range(9)))
    made = consumer(log)
    fetch = log.fetch

    def stale(most: int) -> list[Any]:
        log.fetch = fetch
        log.at = 6
        return fetch(most)

    log.fetch = stale
    assert read(made, 4) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_an_input_truncated_under_the_reader_is_said_and_ends_it() -> None:
    with pytest.raises(GivenUpError, match=r"truncated: 3\.\.9 are gone") as given_up:
        read(consumer(Log([0, 1, 2, 10, 11], begins=10)), 3)
    assert isinstance(given_up.value.__cause__, UserError)


def test_a_topic_made_anew_under_the_reader_is_said_and_ends_it() -> None:
    log = Log([5, 6, 7])
    made = consumer(log)
    made.progress.read = 5
    log.at = 5
    assert read(made, 1) == [[5, 6, 7]]
    made.progress.read = 8
    log.offsets, log.end = [0, 1], 2

    async def anew(places: dict[TP, int]) -> None:
        log.at = 0

    log.seek_wait = anew
    with pytest.raises(GivenUpError, match="made anew"):
        read(made, 1)


@pytest.mark.parametrize(
    ("name", "acked", "durable", "expected"),
    [
        ("nothing is durable", [2], 0, 0),
        ("an acknowledged carrier that is not durable does not count", [2, 5], 3, 3),
        ("durable without an acknowledgement counts", [], 6, 6),
    ],
)
def test_what_may_be_committed_is_what_is_durable(name: str, acked: list[int], durable: int, expected: int) -> None:
    made = consumer(Log([0]))
    made._acked[DEALS], made.progress.durable = acked, durable
    assert made._new_offset(DEALS) == expected
    assert made._acked[DEALS] == []


def test_a_failed_commit_is_tried_again_with_the_same_offset() -> None:
    made = consumer(Log([0]))
    answers = iter([False, True])

    async def commit(offsets: dict[TP, int]) -> bool:
        return next(answers)

    made._thread.commit = commit
    assert made._should_commit(DEALS, 4)
    assert asyncio.run(made._commit({DEALS: 4})) is False
    assert made._should_commit(DEALS, 4)
    assert asyncio.run(made._commit({DEALS: 4})) is True
    assert not made._should_commit(DEALS, 4)
