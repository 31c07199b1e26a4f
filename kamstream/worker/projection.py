"""The live tables of one partition, kept up in a thread of their own so that Redis can be slow or away.

While Redis is away only the ids that changed are kept; they are written whole when it is back. A Redis that came back
empty or older is found out by the writer and everything is written anew.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from kamstream.live.errors import RedisAway, RedisLost, Superseded
from kamstream.live.pending import Pending
from kamstream.worker.documents import Documents
from kamstream.worker.metrics import Metrics
from kamstream.worker.protocols import EngineLike, TableId
from kamstream.worker.rounds import Rounds

if TYPE_CHECKING:
    from kamstream.alerts import AlertRecord
    from kamstream.engine import TableChange
    from kamstream.live import Document

logger = logging.getLogger(__name__)

#: Alert transitions kept while Redis is away; the notifier reads Kafka and misses none.
ALERTS_KEPT = 10_000
#: Seconds between looks when nothing happens, and between attempts while Redis is away.
IDLE, RETRY = 1.0, 1.0
#: So many ids that events changed are written before everything is, and no more: after a long time away events have
#: changed nearly all, and all would be written twice.
EARLY = 1_000
#: Whole tables in one go: other partitions' come in between, and what events change comes first in the next one.
SLICE = 512
#: Seconds for which a partition that became live may hand its tables over before all of them are written.
PATIENCE = 60.0


class Writer(Protocol):
    """The part of the live writer that is used here; every method may block."""

    def write_together(self, batches: "Sequence[tuple[Any, Sequence[TableChange]]]") -> Sequence[Any]: ...
    def project(self, ids: Iterable[TableId]) -> Any: ...
    def project_some(self, tables: "Sequence[TableChange]") -> Any: ...
    def project_end(self, ids: Iterable[TableId], alerts: "Iterable[AlertRecord] | None" = None) -> Any: ...
    def put_json(self, documents: "Iterable[Document]") -> Any: ...
    def alert(self, records: "Iterable[AlertRecord]") -> None: ...
    def health(self, facts: dict[str, Any]) -> None: ...
    def release(self) -> None: ...


class TableProjection:
    """Takes changes in without waiting; ``run`` writes them until it is cancelled.

    ``whole`` is set once everything was written since takeover: only then is the partition ready for readers.
    ``documents`` (None: there are none) follow the tables. ``rounds`` are those that the partitions of a worker share
    (None: this one is alone).
    """

    def __init__(
        self,
        number: int,
        engine: EngineLike,
        writer: Writer,
        executor: Executor,
        health: Callable[[], dict[str, Any]],
        interval_ms: int,
        metrics: Metrics,
        documents: Documents | None = None,
        rounds: Rounds | None = None,
    ) -> None:
        self._number = number
        self._engine = engine
        self._writer = writer
        self._executor = executor
        self._rounds = rounds or Rounds(executor)
        self._health = health
        self._metrics = metrics
        self._documents = documents
        self._pending = Pending(interval_ms)
        self._dirty: set[TableId] = set()
        #: Ids that events changed while not everything is written yet: they do not wait for it.
        self._early: dict[TableId, None] = {}
        self._early_left = EARLY
        self._alerts: deque[AlertRecord] = deque(maxlen=ALERTS_KEPT)
        self._wake = asyncio.Event()
        self._live = self._more = False
        #: Whether everything is being written: changes are kept for afterwards.
        self._writing_all = False
        self._live_since = 0.0
        self._away = False
        self._health_at = 0.0
        self.whole = False

    def offer(
        self, changes: "Sequence[TableChange]", steps: "Sequence[AlertRecord]", *, live: bool, more: bool
    ) -> None:
        """Take in what a flush changed. While the partition catches up, only which ids did.

        ``more``: the engine holds changes back for the next flush.
        """
        if live and not self._live:
            self._live_since = time.monotonic()
        self._live, self._more = live, more
        self._alerts.extend(steps)
        if live and not self.whole:
            self._early.update(((change.scope, change.id), None) for change in changes if change.cause != "tick")
        if not self.whole and not self._writing_all:
            pass  # everything is going to be written anyway
        elif live and not self._away:
            self._pending.add(change for change in changes if (change.scope, change.id) not in self._dirty)
        else:
            self._dirty.update((change.scope, change.id) for change in changes)
        self._wake.set()

    async def run(self) -> None:
        """Write what is due, until cancelled or superseded by a newer owner."""
        while True:
            await self._rest()
            try:
                await self._round()
                if self._away:
                    logger.info("Redis is back")
                self._metrics.outage.end(self._number)
                self._away = False
            except RedisAway as error:
                if not self._away:
                    logger.warning("%s; changed ids are kept", error)
                self._stay_away()
                await asyncio.sleep(RETRY)
            except RedisLost:
                logger.warning("Redis came back without the live tables: writing them anew")
                self.whole = False
            except Superseded as error:
                logger.info("%s", error)
                return

    async def finish(self, timeout: float) -> None:
        """Write what is left, for at most ``timeout`` seconds, and take the health row away."""
        try:
            async with asyncio.timeout(timeout):
                try:
                    await self._write_rest()
                finally:
                    await self._call(self._writer.release)
        except (RedisAway, RedisLost, Superseded, TimeoutError) as error:
            logger.info("live tables left as they are: %s", error or type(error).__name__)

    async def _write_rest(self) -> None:
        if self.whole and not self._away:
            await self._write(due=False)
            while await self._write_documents(hurry=True):
                pass

    async def _rest(self) -> None:
        due = self._pending.next_due()
        wait = IDLE if due is None else max(0.0, min(IDLE, due / 1000 - time.monotonic()))
        if self._documents is not None and self.whole and self._live:
            papers = self._documents.due_in()
            wait = wait if papers is None else min(wait, papers)
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _round(self) -> None:
        if self._live:
            if not self.whole and self._is_handed_over():
                await self._write_all()
            elif self._early and not self.whole:
                await self._write_early()
            if self.whole:
                await self._write(due=True)
                await self._write_documents()
        if time.monotonic() - self._health_at >= IDLE:
            self._health_at = time.monotonic()
            await self._call(self._writer.health, self._health())

    def _is_handed_over(self) -> bool:
        """Whether every table was handed over since the takeover: written before, many would be written twice."""
        return not self._more or time.monotonic() - self._live_since > PATIENCE

    async def _write_early(self) -> None:
        ids, self._early = list(self._early)[: self._early_left], {}
        self._early_left -= len(ids)
        if ids:
            # What is not written comes with everything.
            await self._call(self._writer.project_some, self._tables(ids))

    async def _write_all(self) -> None:
        self._pending.clear()
        self._dirty.clear()
        self._early.clear()
        self._early_left = EARLY
        left = dict.fromkeys(self._engine.ids())
        # What changes from here on has to be written after this.
        self._writing_all = True
        try:
            while left:
                written = await self._call(self._writer.project_some, self._tables(self._slice(left)))
                self._metrics.redis_ids.inc(written.accepted)
            ids = list(self._engine.ids())
            await self._call(self._writer.project_end, ids, list(self._engine.active_alerts()))
        finally:
            self._writing_all = False
        self._early.clear()
        self.whole = True
        if self._documents is not None:
            self._documents.want(ids)

    def _slice(self, left: dict[TableId, None]) -> list[TableId]:
        """The next ids of those that are left: first what events changed meanwhile, even if written before."""
        ids = list(islice(self._early, SLICE // 2))
        for id in ids:
            left.pop(id, None)
        ids += islice(left, SLICE - len(ids))
        for id in ids:
            left.pop(id, None)
            self._early.pop(id, None)
        return ids

    def _tables(self, ids: Iterable[TableId]) -> "list[TableChange]":
        tables = [self._engine.published(*id) for id in ids]
        self._metrics.redis_values.inc(sum(len(table.values) for table in tables))
        return tables

    async def _write(self, *, due: bool) -> None:
        while self._dirty:
            ids = set(islice(self._dirty, SLICE))
            self._dirty -= ids
            try:
                written = await self._call(self._writer.project, ids)
            except BaseException:
                self._dirty |= ids
                raise
            self._metrics.redis_ids.inc(written.accepted)
            if self._documents is not None:
                self._documents.want(ids)
        if due and self._pending:
            await self._rounds.turn()
        changes = self._pending.take(int(time.monotonic() * 1000) if due else 1 << 62)
        if changes:
            try:
                written = await self._rounds.write(self._writer, changes)
            except BaseException:
                self._dirty.update((change.scope, change.id) for change in changes)
                raise
            self._metrics.redis_ids.inc(written.accepted)
            self._metrics.redis_values.inc(sum(len(change.values) for change in changes))
            if self._documents is not None:
                self._documents.changed(changes)
        while self._alerts:
            steps = list(self._alerts)
            await self._call(self._writer.alert, steps)
            for _ in steps:
                self._alerts.popleft()

    async def _write_documents(self, *, hurry: bool = False) -> bool:
        """Write one batch of scorecards and goals; False where none was due."""
        if self._documents is None:
            return False
        ids, made = self._documents.batch(hurry=hurry)
        try:
            if made:
                await self._call(self._writer.put_json, made)
        except BaseException:
            self._documents.again(ids)
            raise
        self._metrics.redis_documents.inc(len(made))
        return bool(ids)

    def _stay_away(self) -> None:
        self._away = True
        self._metrics.outage.begin(self._number)
        self._dirty.update((change.scope, change.id) for change in self._pending.take(1 << 62))
        self._pending.clear()

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


class NoProjection:
    """Stands in where no Redis is configured."""

    whole = True

    def offer(
        self, changes: "Sequence[TableChange]", steps: "Sequence[AlertRecord]", *, live: bool, more: bool
    ) -> None:
        """Nothing is kept."""

    async def run(self) -> None:
        """Nothing is written."""

    async def finish(self, timeout: float) -> None:
        """Nothing is left."""
