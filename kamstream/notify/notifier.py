"""The notifier's loop: alerts in, notes, letters out.

A record is folded into its case and the case noted in the book before its offset is committed; a letter is
noted when its address has taken it. So every alert that should be sent is sent at least once, and once only
unless the notifier died between sending and noting.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from kamstream.alerts.record import AlertRecord
from kamstream.alerts.rules import Ruleset
from kamstream.errors import UserError
from kamstream.notify import actions
from kamstream.notify.board import reading
from kamstream.notify.book import Book, ensure_topics
from kamstream.notify.case import Case
from kamstream.notify.courier import Courier, NotSentError
from kamstream.notify.desk import Desk, Key
from kamstream.notify.letter import Letter, Style, write
from kamstream.notify.plan import Notice

log = structlog.get_logger(__name__)

#: The loop looks again at least this often (s): wall clocks are set, silences end.
LONGEST_NAP_S = 60.0
#: How long (s) letters under way may take when the notifier is stopped.
GRACE_S = 5.0


class Sends(Protocol):
    """What delivers a letter: the courier, or a fake that takes notes."""

    async def send(self, url: str, letter: Letter) -> None:
        """Deliver or raise NotSentError."""


class Notes(Protocol):
    """What remembers cases: the book, or a fake."""

    async def note(self, key: Key, case: Case | None) -> None:
        """Remember a case, or forget it."""


def wall_clock() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass
class Delivery:
    """Sends what the desk says is due, each address in its own task: one that is down holds up no other."""

    desk: Desk
    notes: Notes
    courier: Sends
    style: Style = field(default_factory=Style)
    clock: Callable[[], int] = wall_clock
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Until cancelled; an error in a letter's task ends the loop too."""
        try:
            while True:
                self.stirred.clear()
                wake = await self.round()
                nap = LONGEST_NAP_S if wake is None else min(LONGEST_NAP_S, (wake - self.clock()) / 1000)
                # Not `wait_for`: before Python 3.12 it swallows a cancellation that meets a stir.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(nap, 0.01)):
                        await self.stirred.wait()
                for task in [task for task in self._tasks if task.done()]:
                    self._tasks.discard(task)
                    task.result()
        finally:
            await self.settle()

    async def settle(self) -> None:
        """Let letters under way arrive and be noted, so that nobody sends them again."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def round(self) -> int | None:
        """Start what is due; gives back when (epoch ms) something falls due next."""
        now = self.clock()
        todo = self.desk.round(now)
        await self._note(todo.changed)
        for url, notices in todo.letters.items():
            self.desk.sending.add(url)
            self._tasks.add(asyncio.create_task(self._send(url, notices)))
        return todo.wake

    async def _note(self, changed: Mapping[Key, Case | None]) -> None:
        for key, case in changed.items():
            # A case may have gone on while another was being noted; the newest is what counts.
            await self.notes.note(key, self.desk.cases.get(key, case))

    async def _send(self, url: str, notices: list[Notice]) -> None:
        target = notices[0].target
        names = [notice.case.firing.alert_id for notice in notices]
        try:
            await self.courier.send(url, write(notices, target.language, self.style))
        except NotSentError as error:
            again = self.desk.failed(url, self.clock())
            log.warning("not sent", to=target.key, alerts=names, error=str(error), again_at=again)
        else:
            await self._note(self.desk.sent(notices, self.clock()))
            log.info("sent", to=target.key, alerts=names, kind=str(notices[0].kind))
        finally:
            self.desk.sending.discard(url)
            self.stirred.set()


class _Intake(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Takes records of the partitions that are this notifier's, once the book's cases of them are loaded.

    The consumer hands out records while the listener is still being told of an assignment: a case folded then
    would be overwritten by the book's older word, and told again.
    """

    def __init__(self, delivery: Delivery, book: Book) -> None:
        self._delivery, self._desk, self._book = delivery, delivery.desk, book
        self._loaded: set[int] = set()
        self._turn = asyncio.Condition()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        partitions = {place.partition for place in revoked}
        async with self._turn:
            self._loaded -= partitions
        self._desk.leaving |= partitions
        await self._delivery.settle()
        self._desk.forget(partitions)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        partitions = {place.partition for place in assigned}
        found = await self._book.read(partitions)
        self._desk.cases.update(found)
        log.info("partitions assigned", partitions=len(partitions), cases=len(found))
        async with self._turn:
            self._loaded |= partitions
            self._turn.notify_all()
        self._delivery.stirred.set()

    async def take(self, where: TopicPartition, value: bytes | None, owned: Callable[[], Set[TopicPartition]]) -> bool:
        """Fold a record into its case and note it; False when the partition went to another notifier."""
        async with self._turn:
            await self._turn.wait_for(lambda: where.partition in self._loaded or where not in owned())
            if where.partition not in self._loaded:
                return False
            try:
                record = AlertRecord.from_json(value or b"")
            except ValueError as error:
                log.error("alert record left aside", partition=where.partition, error=str(error))
                return True
            changed = self._desk.take(where.partition, record, self._delivery.clock())
            if changed is not None:
                await self._book.note(*changed)
            return True


@dataclass(frozen=True)
class Place:
    """Where the notifier works."""

    bootstrap: str
    prefix: str = "kam"

    @property
    def group(self) -> str:
        """The notifier's own consumer group."""
        return f"{self.prefix}-notifier"


async def run(
    place: Place,
    ruleset: Ruleset,
    *,
    style: Style | None = None,
    courier: Sends | None = None,
    clock: Callable[[], int] = wall_clock,
) -> None:
    """Read alerts and deliver them until cancelled; UserError when Kafka or its topics are not there."""
    try:
        await ensure_topics(place.bootstrap, place.prefix)
    except KafkaError as error:
        raise UserError(f"no Kafka at {place.bootstrap}: {type(error).__name__}") from error
    producer = AIOKafkaProducer(bootstrap_servers=place.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        book = Book(producer, place.bootstrap, place.prefix)
        desk = Desk(ruleset)
        delivery = Delivery(desk, book, courier or Courier(), style or Style(), clock)
        acted = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_watch_actions(place, delivery, acted))
            tasks.create_task(_after(acted, _take_in(place, delivery, book)))
            tasks.create_task(_after(acted, delivery.run()))
    finally:
        await producer.stop()


async def _after(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Nothing is sent before the acknowledgements and silences are known."""
    try:
        await event.wait()
    except asyncio.CancelledError:
        work.close()
        raise
    await work


async def _take_in(place: Place, delivery: Delivery, book: Book) -> None:
    """Records into noted cases, then their offsets."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=place.bootstrap,
        group_id=place.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    intake = _Intake(delivery, book)
    consumer.subscribe([f"{place.prefix}.alerts"], listener=intake)
    await consumer.start()
    try:
        while True:
            for where, batch in (await consumer.getmany(timeout_ms=1_000)).items():
                for record in batch:
                    if not await intake.take(where, record.value, consumer.assignment):
                        break
                else:
                    await _commit(consumer, where, batch[-1].offset + 1)
            delivery.stirred.set()
    finally:
        await consumer.stop()


async def _commit(consumer: AIOKafkaConsumer, where: TopicPartition, offset: int) -> None:
    try:
        await consumer.commit({where: offset})
    except KafkaError as error:
        # Not lost: the record is noted, and read again it says nothing new.
        log.warning("offset not committed", partition=where.partition, error=type(error).__name__)


async def _watch_actions(place: Place, delivery: Delivery, acted: asyncio.Event) -> None:
    """Acknowledgements and silences from the beginning, and on."""
    async with reading(place.bootstrap, place.prefix) as (consumer, here):
        end = (await consumer.end_offsets([here]))[here]
        while True:
            if not acted.is_set() and await consumer.position(here) >= end:
                acted.set()
            for record in (await consumer.getmany(timeout_ms=500)).get(here, []):
                delivery.desk.act(*actions.read(record.key, record.value))
                delivery.stirred.set()
