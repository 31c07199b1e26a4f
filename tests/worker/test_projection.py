"""The live tables behind a worker: written when it is live, kept through an outage, made anew after a loss."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kamstream.engine import Config, Engine
from kamstream.events import Decoder, Event, Rules
from kamstream.live import Document, RedisAway, RedisLost, Superseded, Written
from kamstream.windows import parse
from kamstream.worker.documents import EVERY, GO, STEP, Allowance, Documents
from kamstream.worker.metrics import Metrics
from kamstream.worker.projection import SLICE, TableProjection
from tests.worker.support.engine import CountingEngine, TableChange, Value


class Tables:
    """A writer that keeps tables in a dict; ``fail`` is raised by every call while it is set."""

    def __init__(self, engine: CountingEngine) -> None:
        self.engine = engine
        self.tables: dict[str, float | int | None] = {}
        self.calls: list[str] = []
        self.alerts: list[Any] = []
        self.documents: list[Document] = []
        self.fail: Exception | None = None
        #: Called with the ids of a slice before it is written, in the writers' thread.
        self.before_slice: Callable[[list[str]], None] = lambda ids: None

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.fail is not None:
            raise self.fail

    def write(self, changes: Iterable[TableChange]) -> Written:
        self._called("write")
        changes = list(changes)
        self.tables |= {change.id: change.values["events:now"].value for change in changes}
        return Written(len(changes), ())

    def write_together(self, batches: Iterable[tuple["Tables", Iterable[TableChange]]]) -> list[Written | Exception]:
        return [attempt(writer, changes) for writer, changes in batches]

    def project(self, ids: Iterable[tuple[str, str]]) -> Written:
        self._called("project")
        self.tables |= {id: self.engine.published(scope, id).values["events:now"].value for scope, id in ids}
        return Written(len(list(ids)), ())

    def project_some(self, tables: Sequence[TableChange]) -> Written:
        self._called("project_some")
        self.before_slice([table.id for table in tables])
        self.tables |= {table.id: table.values["events:now"].value for table in tables}
        return Written(len(tables), ())

    def project_end(self, ids: Iterable[tuple[str, str]], alerts: Any = None) -> Written:
        self._called("project_end")
        known = {id for _, id in ids}
        self.tables = {id: value for id, value in self.tables.items() if id in known}
        return Written(0, ())

    def put_json(self, documents: Iterable[Document]) -> tuple[Any, ...]:
        self._called("put_json")
        self.documents += documents
        return ()

    def alert(self, records: Iterable[Any]) -> None:
        self._called("alert")
        self.alerts += records

    def health(self, facts: dict[str, Any]) -> None:
        self._called("health")

    def release(self) -> None:
        self._called("release")


def attempt(writer: Tables, changes: Iterable[TableChange]) -> Written | Exception:
    try:
        return writer.write(changes)
    except Exception as error:
        return error


class Desk:
    """Every change has a document: the count in words."""

    def due(self, changes: Iterable[TableChange]) -> list[tuple[str, str]]:
        return [(change.scope, change.id) for change in changes]

    def documents(self, tables: Iterable[TableChange]) -> list[Any]:
        return [("goals", one.scope, one.id, f"{one.values['events:now'].value} events") for one in tables]


class Stage:
    """A projection that runs, its engine and its tables."""

    def __init__(self, beside: "Stage | None" = None) -> None:
        """``beside``: another partition of the same worker."""
        self.engine = CountingEngine(0)
        self.tables = Tables(self.engine)
        self.executor = beside.executor if beside else ThreadPoolExecutor(1)
        self.metrics = Metrics(CollectorRegistry())
        self.desk = Desk()
        documents = Documents(self.desk, self.engine, Allowance())  # type: ignore[arg-type]
        self.projection = TableProjection(0, self.engine, self.tables, self.executor, dict, 0, self.metrics, documents)

    def count(
        self,
        id: str,
        count: int,
        *,
        live: bool = True,
        more: bool = False,
        steps: list[Any] | None = None,
        cause: str = "tick",
    ) -> None:
        """A flush in which an account's count changes."""
        self.engine.counts[id] = count
        change = TableChange("account", id, 0, {"events:now": Value(count, count)}, full=False, cause=cause)
        self.engine._said[id] = change
        self.projection.offer([change], steps or [], live=live, more=more)

    def documents(self) -> dict[str, str | None]:
        """The last document of each id."""
        return {document.id: document.text for document in self.tables.documents}

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
        await stage.until(lambda: stage.projection._away)
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


def test_what_events_change_does_not_wait_for_everything_else() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1, live=False)
        stage.count("B", 1, more=True)
        stage.count("C", 3, more=True, cause="crm/e1")
        await stage.until(lambda: stage.tables.tables == {"C": 3})
        assert not stage.projection.whole
        stage.count("C", 4, more=True, cause="crm/e2")
        await stage.until(lambda: stage.tables.tables == {"C": 4})
        stage.count("D", 1)
        await stage.until(lambda: stage.tables.tables == {"A": 1, "B": 1, "C": 4, "D": 1})
        assert stage.tables.calls.count("project_end") == 1

    play(story)


def test_events_are_seen_while_everything_is_written() -> None:
    """On this partition at once with the next slice, on others between two slices."""

    async def story(stage: Stage) -> None:
        other = Stage(beside=stage)
        running = asyncio.create_task(other.projection.run())
        other.count("X", 1)
        await other.until(lambda: other.projection.whole)
        slices: list[list[str]] = []
        begun, go_on = threading.Event(), threading.Event()
        missing_then: list[int] = []

        def before_slice(ids: list[str]) -> None:
            slices.append(ids)
            begun.set()
            assert go_on.wait(8)

        stage.tables.before_slice = before_slice
        write = other.tables.write
        other.tables.write = lambda changes: missing_then.append(count - len(stage.tables.tables)) or write(changes)  # type: ignore[func-returns-value,method-assign]
        count = 4 * SLICE
        for at in range(count):
            stage.count(f"A{at}", 1, more=True)
        stage.count("A0", 1)
        await stage.until(begun.is_set)
        # One that is written just now, the last one and a new one; and one written now that only time moved.
        for id in ("A0", f"A{count - 1}", "new"):
            stage.count(id, 2, cause="crm/e1")
        stage.count("A1", 3)
        other.count("X", 2, cause="crm/e1")
        await asyncio.sleep(0.02)
        go_on.set()
        await stage.until(lambda: stage.projection.whole)
        assert slices[1][:3] == ["A0", f"A{count - 1}", "new"]
        assert [len(ids) for ids in slices[:4]] == [SLICE] * 4
        assert missing_then
        assert min(missing_then) > 0
        assert other.tables.tables == {"X": 2}
        told = {"A0": 2, f"A{count - 1}": 2, "new": 2, "A1": 3}
        await stage.until(lambda: told.items() <= stage.tables.tables.items())
        assert len(stage.tables.tables) == count + 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(story)


def test_many_ids_that_changed_while_redis_was_away_leave_room_for_others() -> None:
    async def story(stage: Stage) -> None:
        other = Stage(beside=stage)
        running = asyncio.create_task(other.projection.run())
        for each in (stage, other):
            each.count("A0", 1)
            await each.until(lambda each=each: each.projection.whole)
        stage.tables.fail = RedisAway("away")
        stage.count("A0", 2)
        await stage.until(lambda: stage.projection._away)
        for at in range(4 * SLICE):
            stage.count(f"A{at}", 3)
        stage.tables.fail = None
        await stage.until(lambda: len(stage.tables.tables) == 4 * SLICE and set(stage.tables.tables.values()) == {3})
        assert stage.tables.calls.count("project") >= 4
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

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


def test_tables_are_written_in_one_go_once_all_of_them_were_handed_over() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1, more=True)
        await stage.until(lambda: "health" in stage.tables.calls)
        stage.count("B", 1, more=True)
        await asyncio.sleep(0.05)
        assert not {"write", "project", "project_some"} & set(stage.tables.calls)
        stage.count("C", 1)
        await stage.until(lambda: stage.projection.whole)
        await stage.until(lambda: stage.tables.tables == {"A": 1, "B": 1, "C": 1})
        assert [call for call in stage.tables.calls if call != "health"][:2] == ["project_some", "project_end"]
        assert not {"write", "project"} & set(stage.tables.calls)

    play(story)


def test_a_table_is_published_as_the_flushes_handed_it_over() -> None:
    """Else what goes up and down again within one flush would stay in Redis: the flush hands over no change."""

    def ticket(kind: str, id: str, time: str, **data: object) -> Event:
        line = {"specversion": "1.0", "id": id, "source": "crm", "type": f"ticket.{kind}", "subject": "A", "time": time}
        event = Decoder(Rules()).decode_line(
            json.dumps(line | {"data": {"ticket_id": id[0], **data}}).encode(), now=2**60
        )
        assert isinstance(event, Event), event
        return event

    def open_tickets() -> Any:
        return engine.published("account", "A").values["open_tickets:now"].value

    engine = Engine(Config(windows=(parse("7d"),)))
    engine.apply(ticket("opened", "1o", "2026-01-05T09:00:00Z"))
    assert open_tickets() == 1, "never handed over: as it stands"
    engine.flush()
    engine.apply(ticket("opened", "2o", "2026-01-05T09:01:00Z"))
    assert (open_tickets(), engine.table("account", "A").values["open_tickets:now"].value) == (1, 2)
    engine.apply(ticket("resolved", "2r", "2026-01-05T09:02:00Z"))
    assert not [change for change in engine.flush().changes if "open_tickets:now" in change.values and change.id == "A"]
    assert open_tickets() == 1
    engine.touch_all()
    assert open_tickets() == 1


def test_documents_follow_their_tables_and_a_busy_id_s_wait() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1)
        stage.count("B", 1)
        await stage.until(lambda: stage.documents() == {"A": "1 events", "B": "1 events"})
        for count in range(2, 6):
            stage.count("A", count)
            await stage.until(lambda count=count: stage.tables.tables["A"] == count)
        stage.count("C", 1)
        await stage.until(lambda: stage.documents().get("C") == "1 events")
        assert stage.documents()["A"] == "1 events"
        await stage.until(lambda: stage.documents()["A"] == "5 events")
        assert len(stage.tables.documents) == 4

    assert EVERY < 8, "the patience of the stage"
    play(story)


def test_documents_outlive_an_outage_and_are_all_made_anew_after_a_loss() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1)
        await stage.until(lambda: stage.documents() == {"A": "1 events"})
        stage.tables.fail = RedisAway("away")
        stage.count("B", 2)
        await stage.until(lambda: stage.projection._away)
        stage.tables.fail = None
        await stage.until(lambda: stage.documents() == {"A": "1 events", "B": "2 events"})
        stage.tables.documents.clear()
        stage.tables.fail = RedisLost("empty")
        stage.count("C", 3)
        await stage.until(lambda: not stage.projection.whole)
        stage.tables.fail = None
        await stage.until(lambda: stage.documents() == {"A": "1 events", "B": "2 events", "C": "3 events"})

    play(story)


def test_what_was_written_and_how_long_redis_was_away_is_counted() -> None:
    async def story(stage: Stage) -> None:
        stage.count("A", 1)
        await stage.until(lambda: stage.projection.whole)
        stage.tables.fail = RedisAway("away")
        stage.count("A", 2)
        await stage.until(lambda: stage.metrics.outage.seconds() > 0.1)
        stage.tables.fail = None
        await stage.until(lambda: stage.tables.tables == {"A": 2})
        await stage.until(lambda: not stage.projection._away)
        told = stage.metrics.registry.get_sample_value
        assert told("kamstream_redis_ids_total") == 2
        before = told("kamstream_redis_away_seconds_total")
        assert before is not None
        assert before > 0.1
        await asyncio.sleep(0.05)
        assert told("kamstream_redis_away_seconds_total") == before

    play(story)


def test_documents_take_only_their_share_of_the_time() -> None:
    clock = [0.0]
    allowance = Allowance(0.25, lambda: clock[0])
    documents = Documents(Slow(clock), CountingEngine(0), allowance)  # type: ignore[arg-type]
    documents.want([("account", f"A{n}") for n in range(100)])
    made = 0
    while made < 100:
        made += len(documents.batch()[0])
        clock[0] += 0.001
        assert clock[0] < 3.0
        # The first batch may come at once; each pays for the next.
        assert Slow.busy - GO - STEP * 0.001 <= 0.26 * clock[0]


class Slow(Desk):
    """Takes a millisecond a document."""

    busy = 0.0

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock

    def documents(self, tables: Iterable[TableChange]) -> list[Any]:
        count = len(list(tables))
        self._clock[0] += count * 0.001
        Slow.busy += count * 0.001
        return []
