"""The consumer's arithmetic: what follows what, what may be committed."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from aiokafka.consumer.fetcher import Fetcher
from faust.types import TP

from kamstream.errors import UserError
from kamstream.worker.app import declare_agent
from kamstream.worker.transport import CarrierConsumer, CarrierThread, Receipt, announced

DEALS = TP("kam.deals", 0)
MORE_DEALS, TICKETS = TP("kam.deals", 1), TP("kam.tickets", 1)


class Log:
    """One partition as the consumer thread would serve it: ``offsets`` are those that hold records."""

    def __init__(self, offsets: list[int], *, begins: int = 0, end: int | None = None) -> None:
        self.offsets, self.begins = offsets, begins
        self.end = end if end is not None else offsets[-1] + 1
        self.at = 0
        self.seeks: list[int] = []
        self.places: list[dict[TP, int]] = []

    async def seek_wait(self, places: dict[TP, int]) -> None:
        self.at = places.get(DEALS, self.at)
        self.seeks.append(self.at)
        self.places.append(places)

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
    made._due, made._hole, made._confirmed, made._left = {}, {}, {}, set()
    made._acked, made._acked_index = defaultdict(list), defaultdict(set)
    made._read_offset = defaultdict(lambda: None)
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
                ((_tp, records),) = message.value
                offsets = [record.offset for record in records]
                assert (message.tp, message.offset) == (DEALS, offsets[-1])
                found.append(offsets)
        return found

    return asyncio.run(go())


def test_a_carrier_holds_a_fetch_and_has_the_offset_of_its_last_record() -> None:
    assert read(consumer(Log([0, 1, 2, 3, 4])), 2) == [[0, 1, 2], [3, 4]]


def fetches(made: CarrierConsumer, *answers: dict[TP, list[int]]) -> None:
    """Have the consumer fetch these offsets."""
    left = list(answers)

    async def fetched(timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:
        found = {
            tp: [SimpleNamespace(offset=at, timestamp=1_000, timestamp_type=0) for at in offsets]
            for tp, offsets in left.pop(0).items()
        }
        return found, {DEALS, MORE_DEALS, TICKETS}

    made._wait_next_records = fetched


def loads(made: CarrierConsumer) -> list[tuple[TP, int, dict[TP, tuple[int, list[int]]]]]:
    """The carriers of one fetch: for whom each stands, its offset, and by partition the begin and the offsets."""

    async def go() -> list[Any]:
        return [
            (
                message.tp,
                message.offset,
                {of: (part.begin, [each.offset for each in part]) for of, part in message.value},
            )
            async for tp, message in made.getmany(1.0)
        ]

    return asyncio.run(go())


def test_a_carrier_holds_all_partitions_of_a_topic_and_stands_for_the_first() -> None:
    made = consumer(Log([0]))
    fetches(made, {DEALS: [3, 4], TICKETS: [9], MORE_DEALS: [0]}, {MORE_DEALS: [1]})
    assert loads(made) == [
        (DEALS, 4, {DEALS: (3, [3, 4]), MORE_DEALS: (0, [0])}),
        (TICKETS, 9, {TICKETS: (9, [9])}),
    ]
    assert made._due == {DEALS: 5, MORE_DEALS: 1, TICKETS: 10}
    assert loads(made) == [(MORE_DEALS, 1, {MORE_DEALS: (1, [1])})]


def test_all_partitions_of_a_carrier_may_be_committed() -> None:
    made = consumer(Log([0]))
    fetches(made, {DEALS: [3], MORE_DEALS: [0]})
    loads(made)
    made.progress.durable = 5
    assert made._filter_committable_offsets(made._filter_tps_with_pending_acks()) == {DEALS: 5, MORE_DEALS: 5}


def test_what_does_not_follow_is_left_out_of_a_carrier() -> None:
    made = consumer(Log([0], end=100))
    made._due[DEALS] = 2
    fetches(made, {DEALS: [5], MORE_DEALS: [0]})
    assert loads(made) == [(MORE_DEALS, 0, {MORE_DEALS: (0, [0])})]
    assert made._due == {DEALS: 2, MORE_DEALS: 1}


def test_a_rebalance_leaves_the_carriers_that_are_not_handed_on_yet() -> None:
    made = consumer(Log([0]))
    fetches(made, {DEALS: [3], TICKETS: [9]})

    async def go() -> list[TP]:
        found = []
        async for tp, _ in made.getmany(1.0):
            found.append(tp)
            made.app.consumer_generation_id += 1
        return found

    assert asyncio.run(go()) == [DEALS]
    assert made._due == {DEALS: 4}


def test_what_is_fetched_before_a_rebalance_is_over_is_read_again() -> None:
    log = Log([0, 1, 2, 3])
    made = consumer(log)
    fetched = made._wait_next_records

    async def while_flow_is_stopped(timeout: float) -> Any:
        made.flow_active = False
        return await fetched(timeout)

    async def go() -> list[list[int]]:
        await made.seek_to_committed()
        made._wait_next_records = while_flow_is_stopped
        assert [tp async for tp, _ in made.getmany(1.0)] == []
        made.flow_active, made._wait_next_records = True, fetched
        return [[record.offset for record in message.value[0][1]] async for _, message in made.getmany(1.0)]

    assert asyncio.run(go()) == [[0, 1, 2]]


def test_a_partition_that_was_given_away_is_not_sought() -> None:
    log = Log([0, 1, 2, 3])
    made = consumer(log)
    made._left, made._due = {DEALS, TICKETS}, {DEALS: 1, TICKETS: 7}
    asyncio.run(made._seek_left())
    assert log.places == [{DEALS: 1}]
    assert made._left == set()


class Carried:
    """A Faust event as far as an agent needs it."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.acknowledged = 0

    def ack(self) -> bool:
        self.acknowledged += 1
        return True


def test_a_carrier_is_acknowledged_once_when_all_its_parts_are() -> None:
    carrier = Carried(None)
    receipt = Receipt(carrier, 3)
    assert [(receipt.ack(), carrier.acknowledged) for _ in range(3)] == [(False, 0), (False, 0), (True, 1)]


def test_an_agent_hands_on_each_part_and_has_those_sought_again_that_do_not_follow() -> None:
    agents: list[Any] = []
    sought: list[tuple[TP, int]] = []
    taken: list[tuple[str, int, list[int], Any]] = []

    async def seek_again(tp: TP, at: int) -> None:
        sought.append((tp, at))

    app: Any = SimpleNamespace(
        topic=lambda *names, schema: names,
        agent=lambda topic, name: agents.append,
        consumer=SimpleNamespace(seek_again=seek_again),
    )

    class Fleet:
        async def take(self, topic: str, number: int, records: list[int], receipt: Any) -> bool:
            taken.append((topic, number, records, receipt))
            return number != 1

        def next_offset(self, topic: str, number: int) -> int:
            return 40 + number

    carriers = [Carried([(DEALS, [1]), (MORE_DEALS, [2] * 1000), (TP("kam.deals", 2), [3])]), Carried([(DEALS, [4])])]

    async def events() -> AsyncIterator[Any]:
        for each in carriers:
            yield each

    stream: Any = SimpleNamespace(noack=lambda: SimpleNamespace(events=events))
    declare_agent(app, Fleet(), "kam.deals")  # type: ignore[arg-type]
    asyncio.run(agents[0](stream))
    assert [(topic, number, records[0]) for topic, number, records, _ in taken] == [
        *(("kam.deals", 0, 1), ("kam.deals", 1, 2), ("kam.deals", 2, 3), ("kam.deals", 0, 4))
    ]
    assert sought == [(MORE_DEALS, 41)]
    assert [carrier.value for carrier in carriers] == [[], []], "a carrier keeps records that were applied"
    for *_, receipt in taken[:3]:
        assert not carriers[0].acknowledged
        receipt.ack()
    assert [carrier.acknowledged for carrier in carriers] == [1, 0]


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


# -- the consumer's thread


@pytest.fixture
def thread() -> Iterator[CarrierThread]:
    """The consumer's thread without its consumer."""
    made = CarrierThread.__new__(CarrierThread)
    made.thread_loop = asyncio.new_event_loop()
    made._consumer = SimpleNamespace(_max_poll_records=7)
    running = threading.Thread(target=made.thread_loop.run_forever)
    running.start()
    yield made
    made.thread_loop.call_soon_threadsafe(made.thread_loop.stop)
    running.join()
    made.thread_loop.close()


def test_records_are_fetched_in_the_thread_and_handed_over(thread: CarrierThread) -> None:
    async def fetch(consumer: Any, partitions: set[TP], timeout: float, max_records: int) -> Any:
        return {DEALS: [timeout, max_records, threading.get_ident()]}, partitions

    thread._fetch_records = fetch
    (found, partitions) = asyncio.run(thread.getmany({DEALS}, 0.5))
    assert partitions == {DEALS}
    assert found[DEALS][:2] == [0.5, 7]
    assert found[DEALS][2] != threading.get_ident()


def test_what_fails_in_the_thread_fails_where_records_are_awaited(thread: CarrierThread) -> None:
    async def fetch(*_: Any, **__: Any) -> Any:
        raise UserError("no")

    thread._fetch_records = fetch
    with pytest.raises(UserError, match="no"):
        asyncio.run(thread.getmany({DEALS}, 0.5))


def test_who_waits_for_records_stops_to_wait_when_the_thread_is_not_wanted_any_more(thread: CarrierThread) -> None:
    ended = threading.Event()

    async def fetch(*_: Any, **__: Any) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    thread._fetch_records = fetch

    async def go() -> None:
        waiting = asyncio.create_task(thread.getmany({DEALS}, 60.0))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(go())
    assert ended.wait(5)


@pytest.mark.parametrize("found", [True, False])
def test_a_fetch_that_found_records_wakes_who_waits_for_them(found: bool) -> None:
    async def go() -> bool:
        waiter = asyncio.get_running_loop().create_future()
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        fetcher = Fetcher.__new__(Fetcher)
        fetcher._fetch_waiters = {waiter, done}

        async def fetch(assignment: Any, node: int, request: Any) -> bool:
            return found

        assert await announced(fetcher, fetch)(None, 1, None) is found
        return bool(waiter.done())

    assert asyncio.run(go()) is found
