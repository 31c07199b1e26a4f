"""Faust's Kafka transport, carrying one message per fetch instead of one per record.

Per record Faust makes about fifteen tasks and futures. Here the consumer yields one *carrier* per (topic, fetch): a
Faust message whose value is what was fetched of each partition, and which stands for the first of them. Conductor,
channels, agents, acknowledgements, rebalances and commits stay Faust's. What may be committed is answered by the
watermark: an acknowledgement only makes Faust ask.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust import Event, Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

from kamstream.errors import UserError
from kamstream.native import COMPILED
from kamstream.worker.fetching import fetched, leave_as_bytes
from kamstream.worker.sessions import in_sessions

logger = logging.getLogger(__name__)

#: The broker answers a fetch without data after so long; a partition with new data waits for it at worst.
FETCH_WAIT_MS = 100
#: Seconds between the beginnings of two fetches from a broker at least. In a session a request names only what moved,
#: but each costs a trip and turns of two loops: without a pause a worker whose events trickle in would spend more on
#: asking than on them.
FETCH_GAP = 0.002


class Progress(Protocol):
    """What the consumer asks the fleet of partitions."""

    def next_offset(self, topic: str, partition: int) -> int | None:
        """The offset to be read next, None where the partition is not owned."""

    def durable_offset(self, topic: str, partition: int) -> int | None:
        """The offset after the last one that is durable, None where the partition is not owned."""

    async def quiesce(self) -> None:
        """Stop taking carriers and make durable what was taken."""


class Host(Protocol):
    """The app, as far as it concerns the consumer."""

    progress: Progress

    def is_input(self, topic: str) -> bool: ...
    def give_up(self, reason: BaseException) -> NoReturn: ...


#: What a carrier holds: records of several partitions of one topic.
Load = list[tuple[TP, Any]]


class Receipt:
    """The acknowledgement of a carrier, given once each of its ``parts`` is acknowledged."""

    __slots__ = ("_carrier", "_left")

    def __init__(self, carrier: Any, parts: int) -> None:
        self._carrier = carrier
        self._left = parts

    def ack(self) -> bool:
        """One part is done with."""
        self._left -= 1
        return self._left == 0 and bool(self._carrier.ack())


class CarrierSchema(Schema[Any, Any]):
    """Hands a carrier to the channel as it is: its records are decoded by the partition."""

    def compile(self, app: Any, **options: Any) -> Callable[..., Any]:
        """The decode function of a channel."""

        async def decode(message: Message, *, propagate: bool = False) -> Event:
            return cast(Event, app.create_event(None, message.value, None, message))

        return decode


class CarrierThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, quicker to answer, and not to be killed by a failed commit."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no setting for it. Read once, when the consumer starts.
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        """Start the consumer; records are left as bytes where that can be."""
        await super().on_start()
        if COMPILED and not leave_as_bytes(self._ensure_consumer()._fetcher):
            logger.warning("records are unpacked by aiokafka: its fetcher is not the one that is known here")
        fetcher = self._ensure_consumer()._fetcher
        if not in_sessions(fetcher):
            logger.warning("every fetch names every partition: aiokafka's fetcher is not the one that is known here")
        fetcher._proc_fetch_request = paced(announced(fetcher, fetcher._proc_fetch_request))

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """What was fetched of these partitions; past the queue of calls, which only adds turns of the thread's loop."""
        consumer = self._ensure_consumer()
        fetching = self._fetch_records(
            consumer, cast(set[TP], active_partitions), timeout=timeout, max_records=consumer._max_poll_records
        )
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(fetching, self.thread_loop))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit; a failure costs nothing but an up-to-date lag display: recovery reads the watermark."""
        consumer = self._ensure_consumer()
        ours = self.assignment()
        wanted = {TopicPartition(*tp): OffsetAndMetadata(at, "") for tp, at in offsets.items() if tp in ours}
        try:
            await consumer.commit(wanted)
        except KafkaError as error:
            logger.info("offsets were not committed: %s", error)
            return False
        return True


def paced(fetch: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
    """A fetch from a broker that begins no sooner than ``FETCH_GAP`` after the one before it."""
    free_at: dict[int, float] = {}

    async def wait_and_fetch(assignment: Any, node: int, request: Any) -> bool:
        wait = free_at.get(node, 0.0) - time.monotonic()
        try:
            if wait > 0:
                await asyncio.sleep(wait)
        except asyncio.CancelledError:
            return False  # as the fetch does: nobody wants its records any more
        free_at[node] = time.monotonic() + FETCH_GAP
        return await fetch(assignment, node, request)

    return wait_and_fetch


def announced(fetcher: Any, fetch: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
    """A fetch that tells at once who waits for records, instead of when the fetcher's own loop comes round to it."""

    async def fetch_and_tell(assignment: Any, node: int, request: Any) -> bool:
        found = await fetch(assignment, node, request)
        if found:
            for waiter in fetcher._fetch_waiters:
                fetcher._notify(waiter)
        return found

    return fetch_and_tell


class CarrierConsumer(driver.Consumer):
    """Faust's consumer: one carrier per fetch, commits from watermarks, seeks to watermarks."""

    progress: Progress

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.host = cast(Host, self.app)
        self.progress = self.host.progress
        self._confirmed: dict[TP, int] = {}
        # Partition to the offset at which the next record is due, and at which a hole was seen once.
        self._due: dict[TP, int] = {}
        self._hole: dict[TP, int] = {}
        # Of these something was fetched and left, since nothing is handed on while partitions come and go.
        self._left: set[TP] = set()

    def _new_consumer_thread(self) -> CarrierThread:
        return CarrierThread(self, loop=self.loop, beacon=self.beacon)

    # -- fetching

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One carrier per topic of the next fetch."""
        if self.flow_active and self._left:
            await self._seek_left()
        answer, active = await self._wait_next_records(timeout)
        if answer is None or self.should_stop:
            return
        generation = self.app.consumer_generation_id
        loads: dict[str, Load] = {}
        # A rebalance seeks everything at its end. But while that is done Faust lets partitions be fetched already.
        self._left.update(tp for tp, records in answer.items() if records)
        for tp, records in answer.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if not records or (active is not None and tp not in active and tp not in self._buffered_partitions):
                continue
            begin = self._due.get(tp, records[0].offset)
            try:
                follows = await self._continues(tp, records)
            except UserError as error:
                self.host.give_up(error)
            if follows:
                if self._due.get(tp, begin) != begin:
                    continue  # sought somewhere else meanwhile
                loads.setdefault(tp.topic, []).append((tp, fetched(records, begin)))
            else:
                self._left.discard(tp)  # sought again already
        for load in loads.values():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            message = self._carrier(load, generation)
            self._left.difference_update(tp for tp, _ in load)
            yield message.tp, message

    async def _seek_left(self) -> None:
        """Read again what was left."""
        left, self._left = self._left & self.assignment(), set()
        places = {tp: self._due[tp] for tp in left if tp in self._due}
        if places:
            try:
                await self._thread.seek_wait(places)
            except IllegalStateError:
                logger.info("not sought: partitions come and go again")

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand on what is fetched, until the consumer stops.

        Faust's own loop makes two tasks for each message, so that it can leave one that finds no room when flow is
        suspended. Where there is room nothing has to be left.
        """
        stopping = self._stopped.is_set
        try:
            while not (stopping() or fetcher._stopped.is_set()):
                async for tp, message in self.getmany(timeout=1.0):
                    if self._has_room(tp.topic):
                        await self.callback(message)
                    else:
                        await self.wait_first(self.callback(message), self.suspend_flow.wait())
                await asyncio.sleep(0)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    def _has_room(self, topic: str) -> bool:
        """Whether a message can be handed on without waiting."""
        channels = cast(Any, self.app.topics)._topic_name_index[topic]
        return bool(self.app.flow_control.is_active() and not any(channel.queue.full() for channel in channels))

    async def _continues(self, tp: TP, records: Sequence[Any]) -> bool:
        """Whether the records follow what was read before.

        Offsets may leave holes (compaction, transactions), but a fetch that began before a seek would look the same:
        a hole is believed only when it is seen twice. Records before the place, or a log that begins after it, mean
        that the topic was made anew or truncated under us.
        """
        due, first = self._due.get(tp), records[0].offset
        if due is None or first == due:
            return True
        if first > due and self._hole.get(tp) == due:
            del self._hole[tp]
            begins = (await self.earliest_offsets(tp))[tp]
            if begins > due and self.host.is_input(tp.topic):
                raise UserError(f"{tp.topic}[{tp.partition}] was truncated: {due}..{begins - 1} are gone unread")
            return True
        ends = (await self.highwaters(tp))[tp]
        if ends < due:
            raise UserError(f"{tp.topic}[{tp.partition}] ends at {ends} and was read up to {due}: it was made anew")
        self._hole[tp] = due
        await self._thread.seek_wait({tp: due})
        return False

    def _carrier(self, load: Load, generation: int) -> ConsumerMessage:
        for tp, records in load:
            last = records[-1]
            self._due[tp] = last.offset + 1
            self._read_offset[tp] = last.offset
            self._acked[tp]  # Faust asks what may be committed of each partition that it finds there
        tp, records = load[0]
        last = records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            cast(Any, load),
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )

    # -- committing

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A carrier stands for all offsets before it: there are no gaps."""

    def _new_offset(self, tp: TP) -> int | None:
        """What may be committed: the offset after the last durable record."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.progress.durable_offset(*tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return offset > self._confirmed.get(tp, 0)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        done = await super()._commit(offsets)
        if done:
            self._confirmed.update(offsets)
        return done

    # -- rebalancing

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every source to where its partition's state ends; the offsets Kafka keeps are for display."""
        places: dict[TP, int] = {}
        for tp in self.assignment():
            at = self.progress.next_offset(*tp)
            if at is not None:
                places[tp] = at
        self._due, self._hole, self._left = dict(places), {}, set()
        await self._thread.seek_wait(places)
        return places

    async def seek_again(self, tp: TP, at: int) -> None:
        """Read a source again from a place: what was read of it beyond that was dropped in a rebalance."""
        self._due[tp] = at
        self._hole.pop(tp, None)
        await self._thread.seek_wait({tp: at})

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Make durable and commit what is ours before the group may give it away."""
        self.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()
        await self.progress.quiesce()
        await self.commit()
        for tp in revoked:
            self._confirmed.pop(tp, None)
        await super().on_partitions_revoked(revoked)

    async def wait_empty(self) -> None:
        """Before the consumer stops: flush, acknowledge, commit."""
        await self.progress.quiesce()
        await super().wait_empty()

    def lag(self, tp: TP, at: int) -> int:
        """How many records lie between ``at`` and the end of a partition, as of the last fetch.

        None, when everything fetched was applied and only control records (of transactions) are left: no carrier
        will ever hold those.
        """
        subscription = self._thread._ensure_consumer()._subscription.subscription
        assignment = subscription and subscription.assignment
        state = assignment and assignment.state_value(tp)
        # None: just taken away, or nothing fetched yet.
        if state is None or state.highwater is None or not state.has_valid_position:
            return 0
        if state.position >= state.highwater and self._due.get(tp, at) <= at:
            return 0
        return max(0, int(state.highwater) - at)


class DurableProducer(driver.Producer):
    """Faust's producer, idempotent and acknowledged by all replicas."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class CarrierTransport(driver.Transport):
    """Registers the two with Faust."""

    Consumer = CarrierConsumer
    Producer = DurableProducer
