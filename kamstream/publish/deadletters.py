"""Dead letters: reading them, and sending repaired or unrepaired originals again."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafka import TopicPartition
from kafka.producer.future import FutureRecordMetadata

from kamstream.errors import UserError
from kamstream.events import Decoder, Refusal, murmur2, topic_of
from kamstream.events import topics as names
from kamstream.publish.connection import broker_errors, partition_counts, reader
from kamstream.publish.publisher import connect
from kamstream.settings import Settings

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class DeadLetter:
    """A refused record as it was, and why it was refused.

    ``topic``, ``partition``, ``offset`` say where the original lies and are its identity; ``failed_at`` is
    RFC 3339. ``headers`` are the original's own. ``truncated``: only the first bytes of ``value`` were
    kept.
    """

    code: str
    detail: str
    topic: str
    partition: int
    offset: int
    failed_at: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    truncated: bool

    @property
    def id(self) -> str:
        """``topic/partition/offset`` of the original, as the command line names it."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def row(self) -> dict[str, Any]:
        """As a JSON object; bytes that are no UTF-8 are shown with replacement characters."""
        return {
            "id": self.id,
            "code": self.code,
            "detail": self.detail,
            "failed_at": self.failed_at,
            "key": text(self.key),
            "value": text(self.value),
            "headers": {name: text(value) for name, value in self.headers},
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class Selection:
    """Which dead letters; what is empty or None selects all."""

    ids: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    topic: str | None = None

    def __contains__(self, letter: DeadLetter) -> bool:
        return (
            (not self.ids or letter.id in self.ids)
            and (not self.codes or letter.code in self.codes)
            and (self.topic is None or letter.topic == self.topic)
        )


@dataclass(frozen=True)
class Repair:
    """What to change in an original before it is sent again.

    ``values`` are new values by dotted path from the event's root (``data.currency``); None removes the
    field. ``readdress``: to the topic and under the key that the event itself names, not the original's.
    """

    values: Mapping[str, Any]
    readdress: bool = False

    def apply(self, letter: DeadLetter) -> DeadLetter:
        """The repaired letter; UserError when the value is no JSON object that could be changed."""
        if self.values:
            letter = replace(letter, value=changed(letter, self.values))
        if self.readdress:
            event = document(letter)
            kind, subject = event.get("type"), event.get("subject")
            if not isinstance(kind, str) or not isinstance(subject, str):
                raise UserError(f"{letter.id} names no type and subject to go by")
            prefix = letter.topic.rsplit(".", 1)[0]
            try:
                letter = replace(letter, topic=topic_of(kind, prefix), key=subject.encode())
            except KeyError:
                raise UserError(f"{letter.id}: no topic carries the type {kind!r}") from None
        return letter


NO_REPAIR = Repair({})


@dataclass(frozen=True)
class Redriven:
    """What became of one dead letter: sent again, or why not."""

    letter: DeadLetter
    refusal: Refusal | None


def read(settings: Settings, selection: Selection = Selection()) -> Iterator[DeadLetter]:
    """The dead letters in the order of their partitions, up to the ends as they are now; each original once.

    BrokerError when Kafka or the topic is not there. A record without readable headers of a dead letter is
    left out.
    """
    topic = names.topic_names(settings.prefix).dead_letters
    bootstrap = settings.kafka.bootstrap
    seen = set()
    count = partition_counts(bootstrap, [topic])[topic]
    with reader(bootstrap) as consumer, broker_errors(bootstrap):
        partitions = [TopicPartition(topic, number) for number in range(count)]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        left = [partition for partition in partitions if consumer.position(partition) < ends[partition]]
        while left:
            for records in consumer.poll(timeout_ms=1000).values():
                for record in records:
                    letter = letter_of(record)
                    # The worker may have written one twice around a crash.
                    if letter is not None and letter.id not in seen and letter in selection:
                        seen.add(letter.id)
                        yield letter
            left = [partition for partition in left if consumer.position(partition) < ends[partition]]


def letter_of(record: Any) -> DeadLetter | None:
    """The dead letter in a Kafka record of their topic, None for something that is none."""
    said = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    try:
        return DeadLetter(
            code=said[names.ERROR],
            detail=said.get(names.DETAIL, ""),
            topic=said[names.TOPIC],
            partition=int(said[names.PARTITION]),
            offset=int(said[names.OFFSET]),
            failed_at=said.get(names.FAILED_AT, ""),
            key=record.key,
            value=record.value,
            headers=tuple((name, value) for name, value in record.headers if name not in names.DEAD_LETTER_HEADERS),
            truncated=names.TRUNCATED in said,
        )
    except (KeyError, ValueError):
        return None


def redrive(
    settings: Settings,
    letters: Iterable[DeadLetter],
    repair: Repair = NO_REPAIR,
    *,
    force: bool = False,
    clock: Callable[[], float] = time.time,
) -> Iterator[Redriven]:
    """Send originals again, to their topics, with their keys, bytes and headers, in the order given.

    One that would be refused again for what it says is not sent (``force`` sends it), nor is one whose
    value was cut. Sending twice changes nothing more: the second arrival is a duplicate by the event's own
    id. An item is given out after Kafka has acknowledged it. BrokerError when that fails.
    """
    decoder = Decoder(settings.decoding())
    with Sender(settings.kafka.bootstrap) as sender:
        for original in letters:
            letter = repair.apply(original)
            if letter.truncated:
                refusal: Refusal | None = Refusal("too-large", "only a part of it was kept")
            else:
                refusal = None if force else would_be_refused(decoder, letter, int(clock() * 1000))
            yield from sender.take(letter, refusal)
        yield from sender.rest()


def would_be_refused(decoder: Decoder, letter: DeadLetter, now: int) -> Refusal | None:
    """What the worker would say of it now (``now`` in ms), as far as the record alone tells."""
    verdict = decoder.decode(
        topic=letter.topic, key=letter.key, value=letter.value, headers=letter.headers, timestamp=now
    )
    return verdict if isinstance(verdict, Refusal) else None


class Sender:
    """Sends letters in order and hands each out when acknowledged, with up to ``WINDOW`` on their way."""

    WINDOW = 500

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._counts: dict[str, int] = {}
        self._open: deque[tuple[Redriven, FutureRecordMetadata | None]] = deque()
        self._producer = connect(bootstrap)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close(timeout=5)

    def take(self, letter: DeadLetter, refusal: Refusal | None) -> Iterator[Redriven]:
        """Send it, unless it is refused; gives out what had to be waited for."""
        self._open.append((Redriven(letter, refusal), self._send(letter) if refusal is None else None))
        while len(self._open) > self.WINDOW:
            yield self._settle()

    def rest(self) -> Iterator[Redriven]:
        """Wait for all that is on its way."""
        while self._open:
            yield self._settle()

    def _send(self, letter: DeadLetter) -> FutureRecordMetadata:
        if letter.topic not in self._counts:
            self._counts[letter.topic] = partition_counts(self._bootstrap, [letter.topic])[letter.topic]
        home = None if letter.key is None else murmur2(letter.key) % self._counts[letter.topic]
        with broker_errors(self._bootstrap):
            return self._producer.send(
                letter.topic, letter.value, letter.key, headers=list(letter.headers), partition=home
            )

    def _settle(self) -> Redriven:
        redriven, sent = self._open.popleft()
        if sent is not None:
            with broker_errors(self._bootstrap):
                sent.get(timeout=60)
        return redriven


def changed(letter: DeadLetter, values: Mapping[str, Any]) -> bytes:
    """The original's JSON with new values at dotted paths.

    Objects on the way are made where they are missing.
    """
    event = document(letter)
    for path, value in values.items():
        *parents, last = path.split(".")
        place = event
        for name in parents:
            inner = place.setdefault(name, {})
            if not isinstance(inner, dict):
                raise UserError(f"{letter.id}: {name} in {path} is not an object")
            place = inner
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def document(letter: DeadLetter) -> dict[str, Any]:
    """The original as a JSON object; UserError when it is none."""
    if any(name == "ce_specversion" for name, _ in letter.headers):
        raise UserError(f"{letter.id} is in binary mode (attributes in headers) and cannot be repaired in place")
    try:
        event = json.loads(letter.value or b"")
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise UserError(f"{letter.id} is not a JSON object and cannot be repaired in place")
    return event


def parse_changes(assignments: Sequence[str]) -> dict[str, Any]:
    """``field=value`` arguments; a value is JSON where it reads so, else text. UserError for other forms.

    >>> parse_changes(["data.amount=12.5", "data.currency=EUR", "data.stage=null"])
    {'data.amount': 12.5, 'data.currency': 'EUR', 'data.stage': None}
    """
    changes = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not all(path.split(".")):
            raise UserError(f"not of the form field=value: {assignment!r}", exit_code=2)
        try:
            changes[path] = json.loads(value)
        except ValueError:
            changes[path] = value
    return changes


def text(raw: bytes | None) -> str | None:
    """Bytes for people."""
    return None if raw is None else raw.decode("utf-8", "replace")
