"""Scorecards and goals beside the live tables: made anew after their tables, at a pace that leaves the worker its time.

A document costs ten times what a changed value costs. So they follow the tables: an id's at most once in ``EVERY``
seconds, and all partitions together with at most ``SHARE`` of the loop's time. Changes of one id that come meanwhile
cost one document.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING

from kamstream.goals.desk import Desk
from kamstream.live import Document
from kamstream.worker.protocols import EngineLike, TableId

if TYPE_CHECKING:
    from kamstream.engine import TableChange

#: Seconds between two documents of one busy id.
EVERY = 5.0
#: So many ids make a full batch.
BATCH = 128
#: Seconds that one go may hold the event loop up, and how many ids are made between two looks at the clock.
GO, STEP = 0.005, 16
#: Seconds between two batches of a partition, unless one is full: each costs trips to Redis, however small it is.
GAP = 1.0
#: Of the event loop's time, at most.
SHARE = 0.25


class Allowance:
    """When the next batch may be made; one for all partitions of a worker."""

    def __init__(self, share: float = SHARE, now: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self.now = now
        self.next_at = 0.0

    def spent(self, since: float) -> None:
        """The loop was held up since then (s)."""
        end = self.now()
        self.next_at = max(self.next_at, end) + (end - since) * (1 / self._share - 1)


class Documents:
    """Which ids of a partition wait for their documents; made and handed out in batches."""

    def __init__(self, desk: Desk, engine: EngineLike, allowance: Allowance) -> None:
        self._desk = desk
        self._engine = engine
        self._allowance = allowance
        self._next_at = 0.0
        #: May be made now, in the order in which they came.
        self._ready: dict[TableId, None] = {}
        #: May be made later: a heap of when (s) and which; each id once.
        self._later: list[tuple[float, TableId]] = []
        self._paused: set[TableId] = set()
        #: When the last ones of an id were made, the oldest first; forgotten after a while.
        self._made: dict[TableId, float] = {}

    def changed(self, changes: "Iterable[TableChange]") -> None:
        """These changes were written: the documents that may look different now have to be made."""
        self.want(self._desk.due(changes))

    def want(self, ids: Iterable[TableId]) -> None:
        """These ids' documents have to be made."""
        border = self._allowance.now() - EVERY
        for id in ids:
            at = self._made.get(id, border)
            if at <= border:
                self._ready[id] = None
            elif id not in self._paused:
                self._paused.add(id)
                heappush(self._later, (at + EVERY, id))

    def due_in(self) -> float | None:
        """Seconds until some may be made; None where none wait."""
        if not self._ready and not self._later:
            return None
        first = 0.0 if self._ready else self._later[0][0]
        if len(self._ready) < BATCH:
            first = max(first, self._next_at)
        return max(0.0, max(first, self._allowance.next_at) - self._allowance.now())

    def batch(self, *, hurry: bool = False) -> tuple[Sequence[TableId], list[Document]]:
        """Some that are due, or in a ``hurry`` any: their ids, for ``again`` if they cannot be written."""
        now = self._allowance.now()
        if not hurry and (self._allowance.next_at > now or (self._next_at > now and len(self._ready) < BATCH)):
            return (), []
        while self._later and (hurry or self._later[0][0] <= now):
            id = heappop(self._later)[1]
            self._paused.discard(id)
            self._ready[id] = None
        ids: list[TableId] = []
        made: list[Document] = []
        while self._ready and (not ids or self._allowance.now() - now < GO):
            some = list(islice(self._ready, STEP))
            self._note_made(some, now)
            ids += some
            written = self._desk.documents([self._engine.published(*id) for id in some])
            made += [Document(*one) for one in written]
        if ids:
            # Those that there was no time for need not wait for others.
            self._next_at = now if self._ready else now + GAP
            self._allowance.spent(now)
        return ids, made

    def _note_made(self, ids: Iterable[TableId], now: float) -> None:
        for id in ids:
            del self._ready[id]
            self._made.pop(id, None)
            self._made[id] = now
        while now - next(iter(self._made.values())) >= EVERY:
            del self._made[next(iter(self._made))]

    def again(self, ids: Iterable[TableId]) -> None:
        """They could not be written: they wait as before."""
        for id in ids:
            self._made.pop(id, None)
            self._ready[id] = None
