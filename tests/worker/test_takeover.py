"""Taking a partition over, against a real broker: fences, rivals, and inputs that are not what they were."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, TopicPartition

from kamstream.errors import UserError
from kamstream.worker.changelog import Changelog, Written
from kamstream.worker.parcels import pack_state
from kamstream.worker.reading import NEAR, Reader, open_reader
from kamstream.worker.sending import Sender, now_ms
from kamstream.worker.takeover import Takeover, take_over
from kamstream.worker.watermark import Watermark
from tests.worker.support.bench import Bench, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


class Owner:
    """An owner of partition 0 that flushes by hand."""

    def __init__(self, bench: Bench, reader: Reader, producer: AIOKafkaProducer) -> None:
        self.bench, self.reader = bench, reader
        self.log = Changelog(Sender(producer), bench.names.changelog, 0)
        self.took: Takeover | None = None

    async def take_over(self) -> Takeover:
        self.took = await take_over(self.reader, self.log, self.bench.names)
        return self.took

    async def flush(self, rows: dict[str, str | None], offsets: dict[str, int] | None = None) -> Written:
        took = self.took
        assert took is not None
        made = [(key.encode(), value and value.encode()) for key, value in rows.items()]
        mark = Watermark(
            took.mark.epoch, took.mark.owner, took.mark.flush + 1, 1, len(rows), offsets or {}, took.good, took.place
        )
        return await self.log.append(list(took.repairs.items()) + made, mark)

    async def half_flush(self, rows: dict[str, str]) -> None:
        """The rows of a flush, and then nothing."""
        assert self.took is not None
        made = [(key.encode(), value.encode()) for key, value in rows.items()]
        await self.log._send(pack_state(made, self.took.mark.epoch, now_ms()))


Story = Callable[[Callable[[], Owner], Reader], Coroutine[Any, Any, None]]


def play(bench: Bench, story: Story) -> None:
    """Run a story with as many owners as it wants."""

    async def go() -> None:
        async with (
            open_reader(bench.bootstrap) as reader,
            AIOKafkaProducer(
                bootstrap_servers=bench.bootstrap, acks="all", enable_idempotence=True, max_batch_size=20_000
            ) as producer,
        ):
            await story(lambda: Owner(bench, reader, producer), reader)

    asyncio.run(go())


def rows(took: Takeover) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in took.rows.items()}


def test_each_owner_has_a_higher_epoch_and_begins_with_what_was_flushed(bench: Bench) -> None:
    async def story(owner: Callable[[], Owner], reader: Reader) -> None:
        first = owner()
        assert (await first.take_over()).mark.epoch == 1
        await first.flush({"x": "1", "y": "1"})
        assert (await first.flush({"y": None, "z": "2"})).foreign == ()
        took = await owner().take_over()
        assert took.mark.epoch == 2
        assert rows(took) == {"x": "1", "z": "2"}
        assert took.repairs == {}

    play(bench, story)


def test_an_unfinished_flush_is_dropped_and_mended_by_the_next_owner(bench: Bench) -> None:
    async def story(owner: Callable[[], Owner], reader: Reader) -> None:
        first = owner()
        await first.take_over()
        await first.flush({"x": "1"})
        await first.half_flush({"x": "lost", "w": "lost"})
        second = owner()
        took = await second.take_over()
        assert rows(took) == {"x": "1"}
        assert took.repairs == {b"x": b"1", b"w": None}
        await second.flush({"v": "2"})
        third = await owner().take_over()
        assert rows(third) == {"x": "1", "v": "2"}
        assert third.repairs == {}

    play(bench, story)


def test_a_deposed_owner_notices_and_its_rows_are_not_believed(bench: Bench) -> None:
    async def story(owner: Callable[[], Owner], reader: Reader) -> None:
        old, new = owner(), owner()
        await old.take_over()
        await old.flush({"x": "1"})
        await new.take_over()
        assert (await old.flush({"x": "stale"})).foreign != ()
        assert (await new.flush({"y": "2"})).foreign != ()
        took = await owner().take_over()
        assert rows(took) == {"x": "1", "y": "2"}
        assert took.repairs == {b"x": b"1"}

    play(bench, story)


def test_of_many_who_take_over_at_once_each_ends_with_an_epoch_of_its_own(bench: Bench) -> None:
    async def story(owner: Callable[[], Owner], reader: Reader) -> None:
        rivals = [owner() for _ in range(4)]
        took = await asyncio.gather(*(rival.take_over() for rival in rivals))
        epochs = [each.mark.epoch for each in took]
        assert len(set(epochs)) == 4
        last = max(zip(took, rivals, strict=True), key=lambda pair: pair[0].mark.epoch)[1]
        await last.flush({"x": "mine"})
        assert rows(await owner().take_over()) == {"x": "mine"}

    play(bench, story)


def test_a_long_log_is_read_with_the_newest_watermark_in_view(bench: Bench) -> None:
    async def story(owner: Callable[[], Owner], reader: Reader) -> None:
        first = owner()
        await first.take_over()
        for i in range(4):
            await first.flush({f"k{n}": f"{i}" for n in range(NEAR)})
        await first.half_flush({f"k{n}": "lost" for n in range(NEAR + 10)})
        took = await owner().take_over()
        assert set(rows(took).values()) == {"3"}
        assert len(took.rows) == NEAR
        assert len(took.repairs) == NEAR + 10

    play(bench, story)


@pytest.mark.parametrize(("offset", "said"), [(0, "begins at 10"), (50, "was made anew")])
def test_an_input_that_does_not_reach_the_state_is_refused_in_one_line(bench: Bench, offset: int, said: str) -> None:
    deals = bench.names.inputs[1]
    bench.publish_raw([(deals, b"ACC", b"{}")] * 20, partition=0)
    admin = KafkaAdminClient(bootstrap_servers=bench.bootstrap)
    admin.delete_records({TopicPartition(deals, 0): 10})
    admin.close()

    async def story(owner: Callable[[], Owner], reader: Reader) -> None:
        first = owner()
        await first.take_over()
        await first.flush({"x": "1"}, {deals: offset})
        with pytest.raises(UserError, match=said):
            await owner().take_over()

    play(bench, story)


def test_a_worker_whose_input_was_truncated_stops_with_one_line(bench: Bench) -> None:
    bench.publish(100)
    first = bench.worker()
    bench.settled()
    assert first.stop() == 0
    bench.publish(200, start=100)
    ends = {tp: end for tp, end in bench.ends().items() if tp[0] == bench.names.inputs[0]}
    admin = KafkaAdminClient(bootstrap_servers=bench.bootstrap)
    admin.delete_records({TopicPartition(*tp): end for tp, end in ends.items()})
    admin.close()
    second = bench.worker()
    assert second.ended() == 1
    assert "truncated" in second.words()
    assert "Traceback" not in second.words()


def test_dead_letters_tell_which_offsets_are_refused_for_good(bench: Bench) -> None:
    deals = bench.names.inputs[1]
    bench.publish(20)
    bench.publish_raw([(deals, b"ACC-1", b"{"), (deals, b"ACC-2", b"[")])
    bench.worker()
    bench.settled()

    async def ask() -> set[tuple[int, int]]:
        async with open_reader(bench.bootstrap) as reader:
            found = set()
            for n in range(bench.partitions):
                names = bench.names
                by_topic = await reader.verdicts(names.dead_letters, bench.partitions, names.inputs, n)
                found |= {(n, offset) for offset in by_topic.get(deals, ())}
            return found

    refused = [(number, record.offset) for number, record in bench.placed(deals) if len(record.value) == 1]
    wait_until(lambda: asyncio.run(ask()) == set(refused), 10)


def test_a_log_is_read_in_pieces_as_small_as_a_batch(bench: Bench) -> None:
    async def story(owner: Callable[[], Owner], reader: Reader) -> None:
        first = owner()
        await first.take_over()
        wanted: dict[str, str | None] = {}
        for flush in range(30):
            rows: dict[str, str | None] = {f"k{n}": f"{flush}-{n}" * 20 for n in range(flush, flush + 40)}
            await first.flush(rows, {bench.names.inputs[0]: flush})
            wanted |= rows
        place = (first.log.topic, first.log.partition)
        ((begin, end),) = (await reader.bounds([place])).values()
        async with open_reader(bench.bootstrap, piece=1_000) as slow:
            read = [piece async for piece in slow.pieces(*place, begin, end)]
            assert len(read) >= 30
            replay, upto = await slow.replay(*place)
            some = [record.offset async for batch in slow.records(*place, 100, 200) for record in batch]
        assert upto == end
        assert {key.decode(): value.decode() for key, value in replay.rows.items()} == wanted
        assert some == list(range(100, 200))

    play(bench, story)
