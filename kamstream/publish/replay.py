"""Reading the input topics again from their beginnings: what ``verify`` and ``why`` prove values from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError

from kamstream.events import Event, Refusal
from kamstream.events import topics as names
from kamstream.events.decode import Decoder
from kamstream.publish.connection import PATIENCE, admin_client, broker_errors, partition_counts, servers
from kamstream.settings import Settings

#: Topic, partition, offset: what a record is known by.
Identity = tuple[str, int, int]
Place = tuple[str, int]


class Record(NamedTuple):
    """A record of an input topic; ``timestamp`` is Kafka's, in epoch milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Stretch:
    """From where to where the input topics are read: the first offset and the end (not included) by place.

    ``partitions`` is how many the topics have; ``begins`` is where the log itself begins, above 0 where it was
    shortened.
    """

    partitions: int
    first: Mapping[Place, int]
    ends: Mapping[Place, int]
    begins: Mapping[Place, int]

    @property
    def size(self) -> int:
        """How many offsets there are to read."""
        return sum(max(0, end - self.first[place]) for place, end in self.ends.items())

    def after(self, other: "Stretch") -> "Stretch":
        """What has come since another stretch ended."""
        return Stretch(self.partitions, {**self.first, **other.ends}, self.ends, self.begins)

    def of(self, partitions: Iterable[int]) -> "Stretch":
        """Only these partitions."""
        wanted = frozenset(partitions)
        first = {place: at for place, at in self.first.items() if place[1] in wanted}
        ends = {place: at for place, at in self.ends.items() if place[1] in wanted}
        return Stretch(self.partitions, first, ends, {place: self.begins[place] for place in first})

    @property
    def shortened(self) -> list[Place]:
        """Where the log does not begin at its beginning any more."""
        return sorted(place for place, at in self.begins.items() if at > 0)


class Replay:
    """Reads the input topics of an installation over one connection; commits nothing.

    Methods raise ``BrokerError`` when Kafka is away or a topic is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self._bootstrap = settings.kafka.bootstrap
        self._names = names.topic_names(settings.prefix)
        self._group = names.app_id(settings.prefix)
        counts = partition_counts(self._bootstrap, [*self._names.inputs, self._names.dead_letters])
        self.partitions = max(counts[topic] for topic in self._names.inputs)
        self._places = [(topic, number) for topic in self._names.inputs for number in range(counts[topic])]
        self._letters = [(self._names.dead_letters, number) for number in range(counts[self._names.dead_letters])]
        self._refused: set[Identity] = set()
        self._letters_read: dict[Place, int] = {}

    def bounds(self) -> Stretch:
        """From the first record there is to the ends as they are now."""
        with _consumer(self._bootstrap) as consumer, broker_errors(self._bootstrap):
            begins, ends = _bounds(consumer, self._places)
        return Stretch(self.partitions, begins, ends, begins)

    def records(self, stretch: Stretch) -> Iterator[Record]:
        """The records of a stretch, each partition in its order, those refused by the worker left out.

        A verdict is final: what stands in the dead letters when the reading begins is not given out.
        """
        refused = self.refused()
        for record in self._read(stretch.first, stretch.ends):
            if (record.topic, record.partition, record.offset) not in refused:
                yield Record(
                    record.topic, record.partition, record.offset, record.timestamp,
                    record.key, record.value, record.headers,
                )  # fmt: skip

    def events(self, stretch: Stretch, decoder: Decoder, *, account: str | None = None) -> Iterator[Event]:
        """The events of a stretch (of one account only), records that are none left out."""
        key = None if account is None else account.encode()
        for record in self.records(stretch):
            if key is not None and record.key != key:
                continue
            event = decoder.decode(
                topic=record.topic,
                key=record.key,
                value=record.value,
                headers=record.headers,
                timestamp=record.timestamp,
                partition=record.partition,
                partitions=stretch.partitions,
            )
            if not isinstance(event, Refusal):
                yield event

    def refused(self) -> set[Identity]:
        """The identities of all originals in the dead letters by now."""
        with _consumer(self._bootstrap) as consumer, broker_errors(self._bootstrap):
            begins, ends = _bounds(consumer, self._letters)
        for record in self._read({**begins, **self._letters_read}, ends):
            identity = identity_of(record.headers)
            if identity is not None:
                self._refused.add(identity)
        self._letters_read = ends
        return self._refused

    def provable_from(self, stretch: Stretch) -> int | None:
        """Kafka's time (ms) of the youngest first record of a shortened partition; None where all is there.

        What happened before cannot be proven. A partition that was emptied proves nothing up to now: the time is
        then that of no record, -1.
        """
        newest: int | None = None
        for place in stretch.shortened:
            begin, end = stretch.begins[place], stretch.ends[place]
            first = next(self._read({place: begin}, {place: end}), None)
            if first is None:
                return -1
            newest = max(newest or 0, first.timestamp)
        return newest

    def passed(self, stretch: Stretch) -> bool:
        """Whether the worker's group has committed past the ends of a stretch: all of it is durable then."""
        with admin_client(self._bootstrap) as admin:
            try:
                committed = admin.list_group_offsets([self._group]).get(self._group, {})
            except (CoordinatorNotAvailableError, NotCoordinatorError, CoordinatorLoadInProgressError):
                return False  # nobody has committed anything yet, or the broker has just started
        offsets = {(tp.topic, tp.partition): said.offset for tp, said in committed.items()}
        return all(end <= stretch.begins[place] or offsets.get(place, -1) >= end for place, end in stretch.ends.items())

    def _read(self, first: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterator[Any]:
        left = [TopicPartition(*place) for place, end in ends.items() if first[place] < end]
        if not left:
            return
        with _consumer(self._bootstrap) as consumer, broker_errors(self._bootstrap):
            consumer.assign(left)
            for place in left:
                consumer.seek(place, first[place])
            while left:
                for place, batch in consumer.poll(timeout_ms=500).items():
                    end = ends[place]
                    for record in batch:
                        if record.offset < end:
                            yield record
                # Behind the last record there may be control records, which are never handed out.
                done = [place for place in left if consumer.position(place) >= ends[place]]
                if done:
                    left = [place for place in left if place not in done]
                    consumer.pause(*done)


def identity_of(headers: Sequence[tuple[str, bytes | None]]) -> Identity | None:
    """Which record a dead letter is about; None of something that is no dead letter.

    >>> identity_of([("kam-topic", b"kam.deals"), ("kam-partition", b"3"), ("kam-offset", b"17")])
    ('kam.deals', 3, 17)
    """
    said = {name: value for name, value in headers if value is not None}
    try:
        return said[names.TOPIC].decode(), int(said[names.PARTITION]), int(said[names.OFFSET])
    except (KeyError, ValueError):
        return None


def _bounds(consumer: KafkaConsumer, places: Sequence[Place]) -> tuple[dict[Place, int], dict[Place, int]]:
    wanted = [TopicPartition(*place) for place in places]
    begins, ends = consumer.beginning_offsets(wanted), consumer.end_offsets(wanted)
    return {(tp[0], tp[1]): begins[tp] for tp in wanted}, {(tp[0], tp[1]): ends[tp] for tp in wanted}


def _consumer(bootstrap: str) -> KafkaConsumer:
    """A consumer without a group that fetches in large pieces; where its offsets are gone it fails."""
    with broker_errors(bootstrap):
        return KafkaConsumer(
            bootstrap_servers=servers(bootstrap),
            client_id="kamstream",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_poll_records=2_000,
            metrics_enabled=False,
            bootstrap_timeout_ms=int(PATIENCE * 1000),
        )
