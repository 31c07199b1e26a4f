"""One reader of Redis for all visitors: keeps the board up to date and tells the pages what changed.

The whole is read once; then the stream of updates brings every changed value, and a slice of the ids is read again
on every round, because a stream that is cut to a length may lose entries, and a full rewrite announces none. So the
work per round is bounded however many accounts there are, and whatever was missed is right again soon.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
from msgspec import MsgspecError

from kamstream.alerts import AlertRecord
from kamstream.dashboard.board import SCOPES, Board, Changes, Place
from kamstream.dashboard.charts import Points
from kamstream.dashboard.freshness import LOADING, Freshness, judge
from kamstream.engine import Value
from kamstream.live import Health, LiveReader, RedisAway
from kamstream.live.reader import STALE_MS

log = structlog.get_logger()
T = TypeVar("T")

#: Ids whose tables are read in one go.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the feed looks, in seconds, and how old a worker's word may get, in milliseconds."""

    look: float = 0.5
    repair: float = 5.0
    repair_ids: int = 300
    stale_after: int = STALE_MS


class Feed:
    """Reads Redis in a thread, one call at a time; ``run`` is its loop, everything else belongs to the event loop."""

    def __init__(self, reader: LiveReader, pace: Pace | None = None, now: Callable[[], float] = time.time) -> None:
        self.board = Board()
        self._reader = reader
        self._pace = pace or Pace()
        self._now = now
        self._gate = asyncio.Lock()
        self._position = "0"
        self._away_since: int | None = None
        self._trouble = ""
        #: The bug that ended the loop, if one did.
        self.failure: BaseException | None = None
        self.healths: list[Health] = []
        self._subscribers: dict[int, Callable[[Changes], None]] = {}
        self._repair_at = 0.0
        self._repair_left: list[tuple[str, str]] = []
        self._loading = True
        self.freshness: Freshness = LOADING

    def subscribe(self, callback: Callable[[Changes], None]) -> Callable[[], None]:
        """Call back with every batch of changes until what is returned is called."""
        key = id(callback)
        self._subscribers[key] = callback
        return lambda: self._subscribers.pop(key, None) and None

    async def histories(self, scope: str, id_: str, fields: Sequence[str]) -> dict[str, Points]:
        """The histories of some fields of an id, those that have one; empty while Redis is away."""

        def read() -> dict[str, Points]:
            found = {field: self._reader.history(scope, id_, field) for field in fields}
            return {field: points for field, points in found.items() if points}

        with contextlib.suppress(RedisAway):
            return await self._ask(read)
        return {}

    async def run(self) -> None:
        """Follow the tables until cancelled; while they cannot be read, say so and try again."""
        loaded = False
        while True:
            try:
                if not loaded:
                    await self._load()
                    loaded = True
                await self._round()
                self._well()
            except RedisAway as error:
                self._ill("Redis does not answer", error)
                loaded = False
            except (ValueError, LookupError, MsgspecError) as error:
                # Not written by a worker of this version; it may be gone at the next look.
                self._ill("Redis holds something that cannot be read", error)
                loaded = False
            self._tell()
            await asyncio.sleep(self._pace.look)

    def _well(self) -> None:
        if self._away_since is not None:
            log.info("tables can be read again")
            self._away_since = None
            self.board.note(reset=True)

    def _ill(self, trouble: str, error: Exception) -> None:
        if self._away_since is None:
            log.warning("tables cannot be read", error=str(error))
            self._away_since = self._ms()
        self._trouble = trouble

    async def _load(self) -> None:
        """Read everything: where the stream stands first, so that nothing in between is missed."""
        self._position = await self._ask(self._reader.last_update)
        await self._look()
        for scope in SCOPES:
            ids = await self._ask(partial(self._reader.ids, scope))
            self.board.keep(scope, ids)
            await self._read(scope, ids)
        self._repair_at = self._now() + self._pace.repair
        self._loading = False

    async def _round(self) -> None:
        """What came over the stream, the alerts and the health, and now and then a slice of the tables."""
        unknown: set[tuple[str, str]] = set()
        updates = await self._ask(partial(self._reader.updates, self._position, 0, 5_000))
        for update in updates:
            if update.scope in SCOPES:
                place = Place(update.scope, update.id, update.field)
                if not self.board.set(place, Value(update.new, update.n)):
                    unknown.add((update.scope, update.id))
            self._position = update.position
        for scope in SCOPES:
            await self._read(scope, [id_ for where, id_ in unknown if where == scope])
        await self._look()
        if self._now() >= self._repair_at:
            self._repair_at = self._now() + self._pace.repair
            await self._repair()

    async def _look(self) -> None:
        def read() -> tuple[list[AlertRecord], list[AlertRecord], list[Health]]:
            reader = self._reader
            return reader.active_alerts(), reader.alert_log(200), reader.health()

        active, transitions, self.healths = await self._ask(read)
        resolved = [record for record in transitions if record.status == "resolved"]
        self.board.ring(active, resolved)

    async def _repair(self) -> None:
        """Which ids exist, for all scopes; and the next slice of tables."""
        for scope in SCOPES:
            ids = await self._ask(partial(self._reader.ids, scope))
            await self._read(scope, self.board.keep(scope, ids))
        if not self._repair_left:
            self._repair_left = [(scope, id_) for scope in SCOPES for id_ in self.board.entries[scope]]
        now, self._repair_left = (
            self._repair_left[: self._pace.repair_ids],
            self._repair_left[self._pace.repair_ids :],
        )
        for scope in SCOPES:
            await self._read(scope, [id_ for where, id_ in now if where == scope])

    async def _read(self, scope: str, ids: Sequence[str]) -> None:
        for at in range(0, len(ids), BATCH):
            chunk = ids[at : at + BATCH]
            for table in await self._ask(partial(self._reader.tables, scope, chunk)):
                self.board.put(table)
            if self._loading:
                self._tell()

    def _tell(self) -> None:
        """Judge the freshness and hand out what changed."""
        fresh = self._judge()
        if fresh != self.freshness:
            self.freshness = fresh
            self.board.note(health=True)
        changes = self.board.take()
        if changes:
            for callback in list(self._subscribers.values()):
                callback(changes)

    def _judge(self) -> Freshness:
        if self._loading and self._away_since is None:
            return LOADING
        return judge(
            self.healths,
            now=self._ms(),
            stale_after=self._pace.stale_after,
            away_since=self._away_since,
            trouble=self._trouble,
        )

    async def _ask(self, question: Callable[[], T]) -> T:
        """One question to Redis at a time, in a thread, so that pages stay responsive."""
        async with self._gate:
            return await asyncio.to_thread(question)

    def _ms(self) -> int:
        return int(self._now() * 1000)


@contextlib.asynccontextmanager
async def following(feed: Feed, failed: Callable[[], None]) -> AsyncIterator[None]:
    """The feed's loop in the background, for as long as the context is open.

    A bug that ends it is kept as ``feed.failure`` and told by ``failed``: a page that stands still unseen is worse
    than one that is gone.
    """
    task = asyncio.create_task(feed.run(), name="feed")

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            feed.failure = task.exception()
            failed()

    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
