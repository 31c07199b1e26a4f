"""The whole notifier against a real Kafka: restarts, a crash between sending and noting, a takeover."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from kamstream.alerts import AlertRecord
from kamstream.alerts.rules import Ruleset
from kamstream.errors import UserError
from kamstream.notify import actions, notifier
from kamstream.notify.actions import SilenceAction
from kamstream.notify.courier import Courier
from kamstream.notify.notifier import Place, wall_clock
from tests.notify.receivers import web_server
from tests.notify.support import HOUR, Fake, firing, resolved, rules

pytestmark = pytest.mark.integration
NAMES = {"a1": "First", "a2": "Second", "a3": "Third"}
ROUTES = rules("routes: [{notify: [json://a]}]")


async def create(place: Place) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(f"{place.prefix}.alerts", 4, 1)])
    await admin.close()


@asynccontextmanager
async def producing(place: Place) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=place.bootstrap, acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def publish(place: Place, *records: AlertRecord | bytes) -> None:
    async with producing(place) as producer:
        for record in records:
            value, id = (record, "x") if isinstance(record, bytes) else (record.to_json(), record.id)
            await producer.send_and_wait(f"{place.prefix}.alerts", value, key=id.encode())


@asynccontextmanager
async def working(place: Place, courier: object, ruleset: Ruleset = ROUTES) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(notifier.run(place, ruleset, courier=courier))  # type: ignore[arg-type]
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, BaseExceptionGroup):
            await task


async def until(done: Callable[[], bool | Awaitable[bool]], task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(30):
        while True:
            answer = done()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.wait([task], timeout=0.02)
            assert not task.done(), task.exception()


async def lag(place: Place) -> int:
    """Records of the alerts topic that the group has not committed."""
    places = [TopicPartition(f"{place.prefix}.alerts", partition) for partition in range(4)]
    consumer = AIOKafkaConsumer(bootstrap_servers=place.bootstrap)
    admin = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap)
    await consumer.start()
    await admin.start()
    ends = await consumer.end_offsets(places)
    done = await admin.list_consumer_group_offsets(place.group)
    await consumer.stop()
    await admin.close()
    return sum(ends[one] - max(done[one].offset if one in done else 0, 0) for one in places)


def _told(fake: Fake) -> list[str]:
    """What was told, such as `Warning a1`, sorted: what falls together comes as one digest, in either order."""
    found = []
    for _, letter in fake.sent:
        parts = letter.body.split("\n\n") if "\n\n" in letter.body else [f"{letter.title}\n{letter.body}"]
        found += (f"{part.partition(':')[0]} {_which(part)}" for part in parts)
    return sorted(found)


def _which(part: str) -> str:
    return next(name for name, said in NAMES.items() if said in part)


def test_alerts_are_told_once_over_restarts_and_repeats(kafka: str, prefix: str) -> None:
    async def story() -> None:
        place, fake = Place(kafka, prefix), Fake()
        await create(place)
        one, over = firing("a1", name="First"), resolved("a1", name="First")
        await publish(place, one, b"no alert at all")
        async with working(place, fake) as task:
            await until(lambda: len(fake.sent) == 1, task)
        await publish(place, one, over, one, over, firing("a2", id="ACC-2", name="Second"))
        async with working(place, fake) as task:
            await until(lambda: _told(fake) == ["Resolved a1", "Warning a1", "Warning a2"], task)
            await until(lambda: _no_lag(place), task)
        await publish(place, firing("a3", id="ACC-3", name="Third"))
        async with working(place, fake) as task:
            await until(lambda: "Warning a3" in _told(fake), task)
        assert _told(fake) == ["Resolved a1", "Warning a1", "Warning a2", "Warning a3"]

    asyncio.run(story())


async def _no_lag(place: Place) -> bool:
    return await lag(place) == 0


KILLED = """
import asyncio, sys
from kamstream.notify import notifier
from kamstream.alerts import parse_rules
rules = parse_rules("routes: [{notify: ['%s']}]" % sys.argv[3], kpis={})
asyncio.run(notifier.run(notifier.Place(sys.argv[1], sys.argv[2]), rules))
"""


def test_a_notifier_killed_between_sending_and_noting_tells_that_one_again_and_no_other(
    kafka: str, prefix: str
) -> None:
    with web_server() as hook:
        place = Place(kafka, prefix)
        asyncio.run(create(place))
        asyncio.run(publish(place, firing("a1", name="First")))
        process = subprocess.Popen([sys.executable, "-c", KILLED, kafka, prefix, hook.url])
        try:
            assert hook.arrived.wait(30)
            asyncio.run(_noted(place, b"a1"))
            hook.arrived.clear()
            hook.hold = threading.Event()
            asyncio.run(publish(place, firing("a2", name="Second")))
            assert hook.arrived.wait(30)
        finally:
            process.kill()
            process.wait()
        hook.hold.set()

        async def again() -> None:
            ruleset = rules(f"routes: [{{notify: ['{hook.url}']}}]")
            async with working(place, Courier(), ruleset) as task:
                await until(lambda: len(hook.posts) == 3, task)
                await publish(place, firing("a3", name="Third"))
                await until(lambda: len(hook.posts) == 4, task)

        asyncio.run(again())
    told = [post["title"].partition(": ")[2].partition(",")[0] for post in hook.posts]
    assert told == ["First", "Second", "Second", "Third"]


async def _noted(place: Place, alert_id: bytes) -> None:
    """Wait until the book says that the alert was told."""
    consumer = AIOKafkaConsumer(
        f"{place.prefix}.notices", bootstrap_servers=place.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    async with asyncio.timeout(30):
        async for note in consumer:
            if note.key == alert_id and b'"told":{}' not in note.value:
                break
    await consumer.stop()


def test_a_second_notifier_takes_over_without_telling_anything_twice(kafka: str, prefix: str) -> None:
    async def story() -> None:
        place, first, second = Place(kafka, prefix), Fake(), Fake()
        await create(place)
        ids = [f"ACC-{number}" for number in range(12)]
        await publish(place, *(firing(f"a{id}", id=id) for id in ids))
        async with working(place, first) as one:
            await until(lambda: told(first) == set(ids), one)
            async with working(place, second) as two:
                await publish(place, *(firing(f"b{id}", id=id, name=f"b {id}") for id in ids))
                await until(lambda: told(first, second) == {*ids, *(f"b {id}" for id in ids)}, two)
        async with working(place, second) as two:
            await publish(place, *(firing(f"c{id}", id=id, name=f"c {id}") for id in ids))
            await until(lambda: told(second) >= {f"c {id}" for id in ids}, two)
        everything = [line for fake in (first, second) for line in lines(fake)]
        assert len(everything) == len(set(everything)) == 36

    def lines(fake: Fake) -> list[str]:
        found = []
        for _, letter in fake.sent:
            text = letter.title if "\n\n" not in letter.body else letter.body
            found += [line for line in f"{text}\n{letter.body}".splitlines() if line.startswith("Take it on")]
        return list(dict.fromkeys(found))

    def told(*fakes: Fake) -> set[str]:
        names = set()
        for fake in fakes:
            for line in lines(fake):
                alert_id = line.rpartition(" ")[2]
                names.add(alert_id[1:] if alert_id[0] == "a" else f"{alert_id[0]} {alert_id[1:]}")
        return names

    asyncio.run(story())


def test_a_silence_set_by_hand_is_known_before_anything_is_sent(kafka: str, prefix: str) -> None:
    async def story() -> None:
        place, fake = Place(kafka, prefix), Fake()
        await create(place)
        await publish(place, firing("a1"), firing("a2", id="ACC-2", name="Other"))
        await notifier.ensure_topics(kafka, prefix)
        now = wall_clock()
        quiet = SilenceAction("s", "Ana", {"account": ("ACC-1",)}, now - 1, now + HOUR, "known")
        async with producing(place) as producer:
            await actions.publish(producer, prefix, quiet.key, quiet)
            async with working(place, fake) as task:
                await until(lambda: len(fake.sent) == 1, task)
                assert "Other" in fake.sent[0][1].title
                await actions.publish(producer, prefix, quiet.key, None)
                await until(lambda: len(fake.sent) == 2, task)

    asyncio.run(story())


def test_without_topics_it_says_what_to_do(kafka: str, prefix: str) -> None:
    with pytest.raises(UserError, match="run `kamstream topics create` first"):
        asyncio.run(notifier.run(Place(kafka, prefix), ROUTES))


def test_without_kafka_it_says_so() -> None:
    with pytest.raises(UserError, match=r"no Kafka at 127\.0\.0\.1:1"):
        asyncio.run(notifier.run(Place("127.0.0.1:1"), ROUTES))
