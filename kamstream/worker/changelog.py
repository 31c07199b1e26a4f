"""Writing one changelog partition: rows and watermark in a row, and a look at whether somebody else wrote too."""

from collections.abc import Iterable
from typing import NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder

from kamstream.worker import crash
from kamstream.worker.crash import CrashPoint
from kamstream.worker.parcels import empty, pack_state
from kamstream.worker.protocols import Rows
from kamstream.worker.sending import Sender, all_of, now_ms
from kamstream.worker.watermark import KEY, Watermark


class Written(NamedTuple):
    """Where a flush ended (the offset of its watermark), and the ranges before it that are not ours: [from, to).

    ``size``: bytes sent.
    """

    last: int
    foreign: tuple[tuple[int, int], ...]
    size: int


class Changelog:
    """The changelog of one partition under one epoch. ``next`` is the offset our next record gets if we are alone."""

    def __init__(self, sender: Sender, topic: str, partition: int, crash_point: CrashPoint = crash.none) -> None:
        self._sender = sender
        self._crash = crash_point
        self.topic = topic
        self.partition = partition
        self.next = 0

    async def append(self, rows: Rows, mark: Watermark) -> Written:
        """Write the rows and, last, the watermark; returns when all replicas have them all.

        The producer keeps the order within a partition, so a watermark is there only if its rows are. The rows are let
        go before they are sent: they are many, and packed by then.
        """
        now = now_ms()
        batches = pack_state(rows, mark.epoch, now)
        rows.clear()
        size = 0
        if self._crash is not crash.none and batches:
            size = total(batches)
            await self._send(batches)
            self._crash("mid-flush")
            batches = []
        value = mark.encode()
        if not batches or batches[-1].append(timestamp=now, key=KEY, value=value) is None:
            batches.append(empty())
            batches[-1].append(timestamp=now, key=KEY, value=value)
        size += total(batches)
        foreign = await self._send(batches)
        return Written(self.next - 1, foreign, size)

    async def _send(self, batches: list[BatchBuilder]) -> tuple[tuple[int, int], ...]:
        counts = [batch.record_count() for batch in batches]
        sent = [await self._sender.send_batch(batch, self.topic, self.partition) for batch in batches]
        foreign = []
        for count, result in zip(counts, await all_of(sent), strict=True):
            if result.offset > self.next:
                foreign.append((self.next, result.offset))
            # A repeated batch whose first answer was lost may be acknowledged without its place.
            if result.offset < 0:
                foreign.append((self.next, self.next + count))
            self.next = max(result.offset, self.next) + count
        return tuple(foreign)


def total(batches: Iterable[BatchBuilder]) -> int:
    """Bytes of the batches."""
    return sum(batch.size() for batch in batches)
