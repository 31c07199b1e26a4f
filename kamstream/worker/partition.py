"""One partition on this worker: its engine, how far each source was read, and what is not yet durable."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

from kamstream.events import Refusal
from kamstream.events.topics import TopicNames
from kamstream.worker.changelog import Changelog
from kamstream.worker.deadletters import DeadLetter, dead_letter
from kamstream.worker.fetching import feed, since
from kamstream.worker.metrics import Metrics
from kamstream.worker.protocols import DecoderLike, EngineLike
from kamstream.worker.rollups import unpack
from kamstream.worker.state import State
from kamstream.worker.takeover import Takeover
from kamstream.worker.watermark import Span

TOO_LATE = "too-late"

logger = logging.getLogger(__name__)


class Carrier(Protocol):
    """A Faust event that carries the records of one fetch, to be acknowledged when they are durable."""

    def ack(self) -> bool: ...


@dataclass(slots=True)
class Unflushed:
    """What was applied since the last flush began."""

    carriers: list[Carrier] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    records: int = 0
    letter_bytes: int = 0


class Partition:
    """State and progress. It applies batches; making them durable is ``flush``'s part."""

    def __init__(
        self,
        number: int,
        engine: EngineLike,
        decoder: DecoderLike,
        topics: TopicNames,
        changelog: Changelog,
        partitions: int,
        metrics: Metrics,
    ) -> None:
        self.number = number
        self.engine = engine
        self.changelog = changelog
        self._decoder = decoder
        self._topics = topics
        self._partitions = partitions
        self._inputs = frozenset(topics.inputs)
        self._metrics = metrics
        # -- ownership
        self.epoch = 0
        self.owner = ""
        self.fence = 0
        self.flush_number = 0
        self.good: tuple[Span, ...] = ()
        #: No owner before this one ever finished a flush, so none has told anything.
        self.first = False
        self.repairs: dict[bytes, bytes | None] = {}
        #: The T (ms) that is durable; from owner to owner it never goes back, as that in memory may.
        self.time = 0
        self.open = False
        # Offsets by topic that stand in the dead letters already; looked at only while the state is derived anew.
        self.refused: Mapping[str, Set[int]] = {}
        # -- progress: topic to the offset to be read next, applied and durable
        self.positions: dict[str, int] = {}
        self.durable: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self.unflushed = Unflushed()
        self.applied = 0
        self.last_record_ms = 0
        self.event_time = 0
        self.waits_at = -1
        self.state = State.RECOVERING
        self.lag = 0
        self.rate = 0.0
        self._measured = 0
        self._quiet = False
        self.flushing = asyncio.Lock()
        self.last_flush = 0.0
        # When (monotonic s) something was last seen to have become durable, or nothing had to; and what was, then.
        self.progress = time.monotonic()
        self.seen: Mapping[str, int] = {}
        self.last_flush_ms: int | None = None
        self.touched = self.more = False

    def begin(self, takeover: Takeover) -> bool:
        """Start as owner with recovered state; False where it was kept under other settings and is derived anew.

        Then ``refused`` has to be filled before anything is taken.
        """
        mark = takeover.mark
        kept = self.engine.restore(takeover.rows)
        self.epoch, self.owner, self.flush_number = mark.epoch, mark.owner, mark.flush
        self.first = mark.flush == 0
        self.time = mark.time
        self.fence, self.good, self.repairs = takeover.place, takeover.good, takeover.repairs
        self.positions = dict(takeover.positions)
        if not kept:
            self._start_over(takeover)
        self.durable = dict(self.positions)
        self.ends = dict(takeover.ends)
        # The highest T known to all may have been lost with the last owner: say it again.
        self.event_time = max(mark.time, self.engine.time)
        self.state = State.CATCHING_UP
        self.touched = True
        self.open = True
        return kept

    def _start_over(self, takeover: Takeover) -> None:
        """The settings that shape the state have changed: read the sources again from where they begin."""
        logger.warning("partition %d: the settings changed; its state is derived anew from the log", self.number)
        for topic, first in takeover.begins.items():
            if first and topic in self._inputs:
                logger.warning("%s[%d] begins at %d: what was before cannot count", topic, self.number, first)
        self.positions = dict(takeover.begins)
        self.repairs = dict.fromkeys([*takeover.repairs, *takeover.rows])

    def take(self, topic: str, records: Sequence[Any]) -> None:
        """Apply the records of one fetch that were not applied before."""
        at = self.positions[topic]
        if records[0].offset < at:
            records = since(records, at)
            if not records:
                return
        if topic in self._inputs:
            self._events(topic, records)
        elif topic == self._topics.rollups:
            self._rollups(records)
        else:
            self._times(records)
        self.positions[topic] = records[-1].offset + 1
        self.unflushed.records += len(records)
        self._metrics.batches.inc()
        self.touched = True

    def _events(self, topic: str, records: Sequence[Any]) -> None:
        refused = self.refused.get(topic)
        if refused:
            records = [record for record in records if record.offset not in refused]
            if not records:
                return
        before, duplicates, letters = self.engine.time, 0, len(self.unflushed.letters)

        def other(record: Any, verdict: Refusal | str) -> None:
            nonlocal duplicates
            if isinstance(verdict, Refusal):
                self._refuse(record, verdict.code, verdict.detail)
            elif verdict == TOO_LATE:
                self._refuse(record, TOO_LATE, "older than the horizon before the newest event of its account")
            else:
                duplicates += 1

        feed(self._decoder, topic, records, self.number, self._partitions, self.engine.apply, other)
        self.applied += len(records)
        self._metrics.duplicates.inc(duplicates)
        self._metrics.applied.inc(len(records) - duplicates - (len(self.unflushed.letters) - letters))
        self.last_record_ms = records[-1].timestamp
        if self.engine.time > before:
            self.event_time = self.engine.time

    def _rollups(self, records: Sequence[Any]) -> None:
        receive = self.engine.receive
        for record in records:
            try:
                stamp, payload = unpack(record.value or b"")
            except ValueError as error:
                logger.warning("%s[%d]@%d: %s", record.topic, record.partition, record.offset, error)
            else:
                receive(record.key, payload, stamp)

    def _times(self, records: Sequence[Any]) -> None:
        newest = max(map(announced_time, records))
        if newest > self.engine.time:
            self.engine.advance(newest)

    def _refuse(self, record: Any, code: str, detail: str) -> None:
        letter = dead_letter(record, code, detail)
        self._metrics.dead_letters.labels(code).inc()
        self.unflushed.letters.append(letter)
        self.unflushed.letter_bytes += letter.size

    def tick(self, now: int) -> None:
        """The wall clock says ``now`` (ms)."""
        if now > self.engine.time:
            self.engine.advance(now)
            self.touched = True

    def hold(self, carrier: Carrier) -> None:
        """Keep a carrier until what it carried is durable."""
        self.unflushed.carriers.append(carrier)

    def start_flush(self, *, more: bool) -> tuple[dict[str, int], Unflushed]:
        """What the flush that begins now covers; what is applied from here on belongs to the next one.

        ``more``: the engine holds values back for the next flush, which then need not wait.
        """
        taken, self.unflushed = self.unflushed, Unflushed()
        self.touched = self.more = more
        self.last_flush = time.monotonic()
        return dict(self.positions), taken

    def close(self) -> None:
        """Stop taking records; carriers that wait are let go, their records are read again by the next owner."""
        self.open = False
        for carrier in self.unflushed.carriers:
            carrier.ack()
        self.unflushed = Unflushed()

    def measure(self, lag: int, seconds: float) -> None:
        """Note the lag (records), and the events a second since the last call."""
        done = self.applied - self._measured
        self._measured, self._quiet = self.applied, done == 0
        self.lag = lag
        self.rate = done / seconds if seconds > 0 else 0.0

    @property
    def quiet(self) -> bool:
        """Whether no event arrived between the last two measurements."""
        return self._quiet

    @property
    def live(self) -> bool:
        """Whether rules are evaluated and the wall clock moves T."""
        return self.state is State.LIVE


def announced_time(record: Any) -> int:
    """The stream time (ms) that a record of ``kam.time`` announces; 0 where it holds none."""
    try:
        return int(record.value or b"0")
    except ValueError:
        logger.warning("%s[%d]@%d: no time", record.topic, record.partition, record.offset)
        return 0
