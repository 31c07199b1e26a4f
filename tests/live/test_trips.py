"""How often a round goes to Redis, and what may happen on the way and in between."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from redis.exceptions import WatchError

from kamstream.engine import TableChange, Value
from kamstream.live import (
    SCRIPTS,
    Document,
    Layout,
    Link,
    LiveReader,
    LiveWriter,
    Options,
    RedisAway,
    RedisLost,
    Superseded,
    Written,
    connect,
)
from kamstream.live.link import Command
from tests.live.desk import OPTIONS, Desk, change, gone

pytestmark = pytest.mark.integration


class Watched(Link):
    """A link that counts its trips; before the end of one, ``meanwhile`` happens, and its answer may be lost."""

    def __init__(self, url: str) -> None:
        super().__init__(url, SCRIPTS)
        self.trips: list[list[Command]] = []
        self.told: list[list[Command]] = []
        self.meanwhile: Callable[[], object] | None = None
        self.deaf = False

    def ask(self, commands: Iterable[Command]) -> list[Any]:
        sent = list(commands)
        self.trips.append(sent)
        replies = []
        if self._open and self.meanwhile is not None and self._is_last(sent):
            happens, self.meanwhile = self.meanwhile, None
            if sent[0] != ("MULTI",):
                replies, sent = super().ask(sent[:-1]), sent[-1:]
            happens()
        replies += super().ask(sent)
        if self.deaf and self._is_last(sent):
            self.close()
            raise RedisAway("the answer was lost")
        return replies

    def _is_last(self, sent: list[Command]) -> bool:
        """Whether a trip sets the sentinel."""
        last = sent[-1]
        return last == ("EXEC",) or (isinstance(last, tuple) and self.sha["seal"] in last)

    def tell(self, commands: Iterable[Command]) -> None:
        self.told.append(list(commands))
        super().tell(self.told[-1])

    def watch(self) -> None:
        """Count from here on."""
        self.open()
        self.trips.clear()
        self.told.clear()


class Stage:
    """A partition with accounts A and B, written, and its link."""

    def __init__(self, url: str, prefix: str, options: Options = OPTIONS, partitions: int = 1) -> None:
        self.url, self.prefix = url, prefix
        self.client, self.keys, self.link = connect(url), Layout(prefix), Watched(url)
        self.reader = LiveReader(self.client, prefix)
        self.desks = [Desk() for _ in range(partitions)]
        self.writers = [
            desk.writer(url, prefix, partition=at, link=self.link, options=options)
            for at, desk in enumerate(self.desks)
        ]
        for at, (desk, writer) in enumerate(zip(self.desks, self.writers, strict=True)):
            for id in ("A", "B"):
                desk.put(change(f"{id}{at or ''}", full=True, a__7d=Value(1, 1), revenue__90d=Value(1, 1)))
            writer.project_all(desk.tables)
        self.desk, self.writer = self.desks[0], self.writers[0]
        self.link.watch()

    def write(self, *changes: TableChange) -> Written:
        return self.writer.write(self.desk.put(*changes))

    def sentinel(self) -> str | None:
        return self.client.get(self.keys.sentinel(0))

    def takeover(self) -> LiveWriter:
        """A newer owner, whose tables say 7."""
        desk = Desk()
        desk.put(change("A", full=True, a__7d=Value(7, 7), kam="kam-9"))
        owner = desk.writer(self.url, self.prefix, epoch=2)
        owner.project_all(desk.tables)
        return owner

    def value(self, id: str = "A") -> Value:
        return self.reader.tables("account", [id])[0].values["a:7d"]


@pytest.fixture
def stage(redis_url: str, prefix: str) -> Stage:
    return Stage(redis_url, prefix)


def test_what_nothing_follows_takes_one_trip_and_sets_the_sentinel(stage: Stage) -> None:
    before = int(stage.sentinel() or 0)
    assert stage.write(change("A", a__7d=Value(2, 2)), change("B", a__7d=Value(3, 2))) == Written(2, ())
    assert len(stage.link.trips) == 1
    assert stage.sentinel() == str(before + 1)
    assert stage.value() == Value(2, 2)
    assert [row.id for row in stage.reader.updates("0", 0)] == ["A", "B"]


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("a ranking", change("A", revenue__90d=Value(5, 2))),
        ("a portfolio", change("A", a__7d=Value(5, 2), kam="kam-9")),
        ("the index", change("C", full=True, a__7d=Value(5, 2), kam="kam-9")),
        ("a history", change("A", open_tickets__now=Value(5, 2))),
        ("a removal", gone("A")),
    ],
)
def test_what_something_follows_takes_two(what: str, other: TableChange, stage: Stage) -> None:
    stage.write(other)
    assert len(stage.link.trips) == 2, what
    assert stage.link.trips[1][0] == ("MULTI",)


def test_partitions_share_their_trips_whatever_follows(redis_url: str, prefix: str) -> None:
    stage = Stage(redis_url, prefix, partitions=4)
    some = [
        [change("A", a__7d=Value(2, 2))],
        [change("A1", a__7d=Value(3, 2), revenue__90d=Value(3, 2)), change("B1", a__7d=Value(3, 2))],
        [change("A2", a__7d=Value(4, 2))],
        [gone("A3")],
    ]
    done = LiveWriter.write_together(
        [(writer, desk.put(*changes)) for writer, desk, changes in zip(stage.writers, stage.desks, some, strict=True)]
    )
    assert done == [Written(len(changes), ()) for changes in some]
    assert len(stage.link.trips) == 2
    assert len(stage.link.told) == 1
    assert len(stage.link.told[0]) == 1
    stage.link.settle()
    assert {row.id for row in stage.reader.updates("0", 0)} == {"A", "A1", "A2", "B1"}
    assert [stage.value(id).value for id in ("A", "A1", "A2")] == [2, 3, 4]
    assert stage.reader.ids("account") == ["A", "A1", "A2", "B", "B1", "B2", "B3"]
    for writer in stage.writers:
        writer.check()


def forget(stage: Stage) -> None:
    stage.client.delete(*stage.client.scan_iter(f"{stage.prefix}:*"))


def restore_older(stage: Stage) -> None:
    stage.client.set(stage.keys.sentinel(0), str((1 << 32) + 1))


@pytest.mark.parametrize("fields", [["a__7d"], ["a__7d", "revenue__90d"]], ids=["one trip", "two trips"])
@pytest.mark.parametrize("forgets", [forget, restore_older])
def test_a_redis_that_forgets_on_the_way_is_noticed(
    forgets: Callable[[Stage], None], fields: list[str], stage: Stage
) -> None:
    stage.write(change("A", a__7d=Value(2, 2)))
    stage.link.meanwhile = lambda: forgets(stage)
    with pytest.raises(RedisLost):
        stage.write(change("A", **{field: Value(3, 3) for field in fields}))
    stood = stage.sentinel()
    assert stood is None or int(stood) == (1 << 32) + 1
    with pytest.raises(RedisLost):
        stage.write()
    stage.writer.project_all(stage.desk.tables)
    assert stage.value() == Value(3, 3)
    assert (stage.reader.ids("account"), stage.reader.portfolio("kam-7")) == (["A", "B"], ["A", "B"])


@pytest.mark.parametrize("fields", [["a__7d"], ["a__7d", "revenue__90d"]], ids=["one trip", "two trips"])
def test_a_newer_owner_on_the_way_stops_the_older_one(fields: list[str], stage: Stage) -> None:
    stage.link.meanwhile = stage.takeover
    with pytest.raises(Superseded):
        stage.write(change("A", **{field: Value(3, 3) for field in fields}))
    assert stage.value() == Value(7, 7)
    assert int(stage.sentinel() or 0) >> 32 == 2
    assert (stage.reader.ids("account"), stage.reader.portfolio("kam-7")) == (["A"], [])
    assert stage.reader.rank("revenue:90d") == []
    assert stage.reader.updates("0", 0) == []


@pytest.mark.parametrize("fields", [["a__7d"], ["a__7d", "revenue__90d"]], ids=["one trip", "two trips"])
def test_an_answer_that_was_lost_is_no_loss_of_redis(fields: list[str], stage: Stage) -> None:
    stage.link.deaf = True
    with pytest.raises(RedisAway):
        stage.write(change("A", **{field: Value(2, 2) for field in fields}))
    stage.link.deaf = False
    assert stage.value() == Value(2, 2)
    stage.write(change("A", a__7d=Value(3, 3)))
    assert stage.value() == Value(3, 3)


def test_a_change_in_part_that_meets_another_version_is_written_whole_in_the_same_call(stage: Stage) -> None:
    stage.client.hset(stage.keys.meta("account", "A"), "version", "17")
    stage.client.hset(stage.keys.values("account", "A"), "old:7d", "5")
    changes = change("A", a__7d=Value(2, 2)), change("B", a__7d=Value(3, 3))
    assert stage.write(*changes) == Written(2, ())
    assert stage.reader.tables("account", ["A"])[0].values == {"a:7d": Value(2, 2), "revenue:90d": Value(1, 1)}
    assert stage.desk.asked[-1] == ("account", "A")
    assert [row.id for row in stage.reader.updates("0", 0)] == ["B", "A"]
    stage.link.watch()
    stage.write(change("A", a__7d=Value(4, 4)))
    assert len(stage.link.trips) == 1


def test_health_and_documents_take_one_trip_each(stage: Stage) -> None:
    stage.writer.health({"T": 1, "lag": 0, "events_per_second": 0, "last_flush": 1, "state": "live"})
    stage.writer.put_json([Document("goals", "account", "A", "[]"), Document("scorecard", "account", "A", "{}")])
    assert len(stage.link.trips) == 2
    stage.link.meanwhile = lambda: forget(stage)
    with pytest.raises(RedisLost):
        stage.writer.put_json([Document("goals", "account", "A", "[]")])


def test_no_updates_are_told_where_none_are_wanted(redis_url: str, prefix: str) -> None:
    stage = Stage(redis_url, prefix, Options(rank_fields=("revenue:90d",), updates_cap=0))
    stage.write(change("A", a__7d=Value(2, 2)), change("B", revenue__90d=Value(3, 3)), change("C", full=True))
    stage.client.hset(stage.keys.meta("account", "A"), "version", "17")
    stage.write(change("A", a__7d=Value(3, 3)))
    assert stage.value() == Value(3, 3)
    assert stage.link.told == []
    assert not stage.client.exists(stage.keys.updates)


def test_what_was_told_and_refused_is_heard_of_at_the_next_call(stage: Stage) -> None:
    stage.client.set(stage.keys.updates, "no stream")
    changes = stage.desk.put(change("A", a__7d=Value(2, 2)))
    assert LiveWriter.write_together([(stage.writer, changes)]) == [Written(1, ())]
    (wrong,) = LiveWriter.write_together([(stage.writer, changes)])
    assert isinstance(wrong, RedisAway)
    assert "WRONGTYPE" in str(wrong)
    stage.client.delete(stage.keys.updates)
    stage.write(change("A", a__7d=Value(4, 4)))
    assert stage.value() == Value(4, 4)


def test_workers_of_the_version_before_and_of_this_one_fence_each_other(stage: Stage) -> None:
    """The one before watches the sentinel, and sets it in the transaction of each batch."""
    key = stage.keys.sentinel(0)
    with stage.client.pipeline() as batch:
        batch.watch(key)
        stage.write(change("A", a__7d=Value(2, 2)))
        batch.multi()
        batch.mset({key: str((1 << 32) + 1)})
        with pytest.raises(WatchError):
            batch.execute()
    stage.client.mset({key: str((2 << 32) + 5)})
    with pytest.raises(Superseded):
        stage.write(change("A", a__7d=Value(3, 3)))
    assert stage.sentinel() == str((2 << 32) + 5)
