"""The live tables behind a worker: written when it is live, kept through an outage, made anew after a loss."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kamstream.live import RedisAway, RedisLost, Superseded
from kamstream.worker.projection import TableProjection
from tests.worker.support.engine import CountingEngine, TableChange, Value


class Tables:
    """A writer that keeps tables in a dict; ``fail`` is raised by every call while it is set."""

    def __init__(self, engine: CountingEngine) -> None:
        self.engine = engine
        self.tables: dict[str, float | int | None] = {}
        self.calls: list[str] = []
        self.alerts: list[Any] = []
        self.fail: Exception | None = None

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.fail is not None:
            raise self.fail

    def write(self, changes: Iterable[TableChange]) -> None:
        self._called("write")
        self.tables |= {change.id: change.values["events:now"].value for change in changes}

    def project(self, ids: Iterable[tuple[str, str]]) -> None:
        self._called("project")
        self.tables |= {id: self.engine.table(scope, id).values["events:now"].value for scope, id in ids}

    def project_all(self, ids: Iterable[tuple[str, str]], alerts: Any = None) -> None:
        self._called("project_all")
        self.tables = {id: self.engine.table(scope, id).values["events:now"].value for scope, id in ids}

    def alert(self, records: Iterable[Any]) -> None:
        self._called("alert")
        self.alerts += records

    def health(self, facts: dict[str, Any]) -> None:
        self._called("health")

    def release(self) -> None:
        self._called("release")


class Stage:
    """A projection that runs, its engine and its tables."""

    def __init__(self) -> None:
        self.engine = CountingEngine(0)
        self.tables = Tables(self.engine)
        self.executor = ThreadPoolExecutor(1)
        self.projection = TableProjection(self.engine, self.tables, self.executor, dict, 0)

    def count(self, id: str, count: int, *, live: bool = True, steps: list[Any] | None = None) -> None:
        """A flush in which an account's count changes."""
        self.engine.counts[id] = count
        change = TableChange("account", id, 0, {"events:now": Value(count, count)}, full=False)
        self.projection.offer([change], steps or [], live=live)

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(8):
            while not holds():
                await asyncio.sleep(0.01)


def play(story: Any) -> None:
    """Run a story on a stage."""

    async def go() -> None:
        stage = Stage()
        running = asyncio.create_task(stage.projection.run())
        try:
            await story(stage)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            stage.executor.shutdown()

    asyncio.run(go())


def test_nothing_is_written_while_the_partition_catches_up_and_everything_when_it_is_live() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1, live=False)
        await stage.until(lambda: "health" in stage.tables.calls)
        assert stage.tables.tables == {}
        stage.count("B", 2)
        await stage.until(lambda: stage.tables.tables == {"A": 1, "B": 2})
        assert stage.projection.whole

    play(story)


def test_changes_of_a_live_partition_are_written_as_they_come() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1)
        await stage.until(lambda: stage.projection.whole)
        stage.count("A", 2)
        await stage.until(lambda: stage.tables.tables == {"A": 2} and "write" in stage.tables.calls)

    play(story)


def test_ids_that_changed_while_redis_was_away_are_written_when_it_is_back() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1)
        await stage.until(lambda: stage.projection.whole)
        stage.tables.fail = RedisAway("away")
        stage.count("A", 2)
        stage.count("B", 1, steps=["firing"])
        await stage.until(lambda: stage.tables.calls[-1] == "write")
        stage.count("B", 3)
        stage.tables.fail = None
        await stage.until(lambda: stage.tables.tables == {"A": 2, "B": 3} and stage.tables.alerts == ["firing"])
        assert "project" in stage.tables.calls

    play(story)


def test_a_redis_that_lost_its_data_gets_everything_again() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1)
        stage.count("B", 1)
        await stage.until(lambda: stage.projection.whole)
        stage.tables.tables, stage.tables.fail = {}, RedisLost("empty")
        stage.count("A", 5)
        await stage.until(lambda: not stage.projection.whole)
        stage.tables.fail = None
        await stage.until(lambda: stage.tables.tables == {"A": 5, "B": 1})

    play(story)


def test_a_writer_with_a_newer_owner_writes_no_more() -> None:
    async def story(stage: Stage) -> None:
        stage.tables.fail = Superseded("newer")
        stage.count("A", 1)
        await stage.until(lambda: stage.tables.calls)
        before = list(stage.tables.calls)
        stage.tables.fail = None
        stage.count("A", 2)
        await asyncio.sleep(0)
        assert stage.tables.calls == before
        assert stage.tables.tables == {}

    play(story)


@pytest.mark.parametrize("away", [False, True])
def test_parting_takes_the_health_away_unless_redis_is(away: bool) -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1)
        await stage.until(lambda: stage.projection.whole)
        stage.tables.fail = RedisAway("away") if away else None
        await stage.projection.finish(1.0)
        assert stage.tables.calls[-1] == "release"

    play(story)
