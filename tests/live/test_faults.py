"""What a reader may rely on while owners fight, Redis forgets, comes back older, is full, or is away."""

import shutil
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kamstream.engine import Value
from kamstream.errors import UserError
from kamstream.live import (
    SCRIPTS,
    Document,
    Layout,
    Link,
    LiveReader,
    LiveWriter,
    RedisAway,
    RedisLost,
    Superseded,
    check_server,
    connect,
)
from kamstream.live.link import Command
from kamstream.local.server import Server
from tests.live.desk import Desk, alert, change, gone

pytestmark = pytest.mark.integration

FIELDS = [f"f{n}__90d" for n in range(20)]


def even(number: int, *, full: bool = False) -> dict[str, Value]:
    """Values of which a reader sees at once when they are not of one write."""
    return {name: Value(number, number) for name in FIELDS}


def test_a_reader_never_sees_half_an_update_or_an_older_version_while_two_owners_fight(
    redis_url: str, prefix: str
) -> None:
    desks = Desk(), Desk()
    writers = [desk.writer(redis_url, prefix, epoch=epoch) for desk, epoch in zip(desks, (7, 8), strict=True)]
    for desk in desks:
        desk.put(change(full=True, **even(1)))
    writers[0].project_all(desks[0].tables)
    done, wrong, seen = threading.Event(), [], set()
    refused = [0, 0]

    def watch() -> None:
        reader, last = LiveReader(connect(redis_url), prefix), 0
        while not done.is_set():
            (table,) = reader.tables("account", ["ACC-1"])
            if len({*table.values.values()}) != 1 or len(table.values) != len(FIELDS):
                wrong.append(table.values)
            if table.meta.version < last:
                wrong.append((last, table.meta.version))
            last = table.meta.version
            seen.add(last)

    def fight(who: int) -> None:
        desk, writer = desks[who], writers[who]
        if who == 1:
            writer.project_all(desk.tables)
        for round_ in range(2, 300):
            try:
                writer.write(desk.put(change(full=round_ % 3 == 0, **even(1000 * who + round_))))
            except Superseded:
                refused[who] += 1

    threads = [threading.Thread(target=fight, args=(who,)) for who in (0, 1)]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    assert wrong == []
    assert refused[0] > 0
    assert refused[1] == 0
    assert len(seen) > 10
    (table,) = LiveReader(connect(redis_url), prefix).tables("account", ["ACC-1"])
    assert table.values["f0:90d"] == Value(1299, 1299)


def test_an_owner_that_lost_its_partition_changes_nothing_any_more(redis_url: str, prefix: str) -> None:
    old, new = Desk(), Desk()
    sleeper = old.writer(redis_url, prefix, epoch=1)
    for desk in (old, new):
        desk.put(change("A", full=True, revenue__90d=Value(1, 1)), change("B", full=True, a__90d=Value(1, 1)))
    sleeper.project_all(old.tables)
    owner = new.writer(redis_url, prefix, epoch=2)
    owner.project_all(new.tables)
    left = gone("B")
    new.put(left)
    owner.write([left])
    client, keys = connect(redis_url), Layout(prefix)
    before = {
        key: client.dump(key) if client.type(key) != "stream" else client.xlen(key)
        for key in client.scan_iter(f"{prefix}:*")
    }
    attempts = [
        lambda: sleeper.write(old.put(change("A", revenue__90d=Value(9, 9), kam="kam-9"))),
        lambda: sleeper.project([("account", "A")]),
        lambda: sleeper.put_json([Document("goals", "account", "A", "[]")]),
        lambda: sleeper.alert([alert("a1")]),
        lambda: sleeper.health({"T": 1, "lag": 0, "events_per_second": 0, "last_flush": 1, "state": "live"}),
        sleeper.check,
        lambda: sleeper.project_all(old.tables, alerts=[alert("a1")]),
    ]
    for attempt in attempts:
        with pytest.raises((Superseded, RedisLost)):
            attempt()
    after = {
        key: client.dump(key) if client.type(key) != "stream" else client.xlen(key)
        for key in client.scan_iter(f"{prefix}:*")
    }
    assert after == before
    assert keys.values("account", "B") not in after


def test_an_owner_that_wakes_up_between_tables_and_follow_ups_does_not_run_them(redis_url: str, prefix: str) -> None:
    old, new = Desk(), Desk()
    old.put(change("A", full=True, revenue__90d=Value(1, 1), kam="kam-1"))
    new.put(change("A", full=True, revenue__90d=Value(5, 1), kam="kam-5"))
    sleeper = old.writer(redis_url, prefix, epoch=1)
    sleeper.project_all(old.tables)
    # Its change in part makes it ask for the whole table, and there the new owner steps in.
    connect(redis_url).hset(Layout(prefix).meta("account", "A"), "version", "3")
    whole = old.whole

    def takeover_first(ids: list[tuple[str, str]]) -> list[object]:
        new.writer(redis_url, prefix, epoch=2).project_all(new.tables)
        return list(whole(ids))

    object.__setattr__(sleeper._source, "tables", takeover_first)
    with pytest.raises(Superseded):
        sleeper.write(old.put(change("A", revenue__90d=Value(3, 1), kam="kam-3")))
    reader = LiveReader(connect(redis_url), prefix)
    assert reader.rank("revenue:90d") == [("A", 5)]
    assert [reader.portfolio(kam) for kam in ("kam-1", "kam-3", "kam-5")] == [[], [], ["A"]]
    assert reader.tables("account", ["A"])[0].values == {"revenue:90d": Value(5, 1)}


def world(desk: Desk, writer: LiveWriter) -> None:
    """A few ids, projected."""
    desk.put(
        change("A", full=True, revenue__90d=Value(1, 1)),
        change("B", full=True, revenue__90d=Value(2, 1), kam="kam-9"),
        change("kam-7", "kam", full=True, revenue__90d=Value(1, 1)),
    )
    writer.project_all(desk.tables)


def assert_right(desk: Desk, reader: LiveReader) -> None:
    """Redis holds exactly what the desk does."""
    for scope in ("account", "kam"):
        ids = sorted(id for of, id in desk.tables if of == scope)
        assert reader.ids(scope) == ids
        assert {t.id: t.values for t in reader.tables(scope, ids)} == {id: desk.tables[scope, id].values for id in ids}
    for kam in ("kam-7", "kam-9"):
        of_kam = [id for (_, id), t in desk.tables.items() if t.profile and t.profile.kam_id == kam]
        assert reader.portfolio(kam) == sorted(of_kam)


def test_everything_may_be_written_piece_by_piece(redis_url: str, prefix: str) -> None:
    old, new = Desk(), Desk()
    world(old, was := old.writer(redis_url, prefix, epoch=1))
    writer, reader = new.writer(redis_url, prefix, epoch=2), LiveReader(connect(redis_url), prefix)
    new.put(
        change("B", full=True, revenue__90d=Value(7, 1), kam="kam-7"),
        change("C", full=True, revenue__90d=Value(8, 1)),
    )
    writer.project_some(new.whole([("account", "B")]))
    tables = {table.id: table.values["revenue:90d"].value for table in reader.tables("account", ["A", "B"])}
    assert tables == {"A": 1, "B": 7}
    with pytest.raises(RedisLost):
        writer.write(new.put(change("B", revenue__90d=Value(9, 1))))
    with pytest.raises(Superseded):
        was.write(old.put(change("A", revenue__90d=Value(3, 1))))
    writer.project_some(new.whole([("account", "B"), ("account", "C")]))
    writer.project_end(new.tables)
    assert_right(new, reader)
    writer.write(new.put(change("B", revenue__90d=Value(10, 1))))
    assert_right(new, reader)


def test_a_redis_that_forgot_while_everything_is_written_gets_all_of_it_again(own_redis: Server) -> None:
    desk = Desk()
    desk.put(*(change(id, full=True, revenue__90d=Value(1, 1)) for id in "ABC"))
    writer = desk.writer(own_redis.address, "kam")
    writer.project_some(desk.whole([("account", "A")]))
    connect(own_redis.address).flushall()
    with pytest.raises(RedisLost):
        writer.project_some(desk.whole([("account", "B")]))
    for some in (["A"], ["B", "C"]):
        writer.project_some(desk.whole([("account", id) for id in some]))
    connect(own_redis.address).flushall()
    with pytest.raises(RedisLost):
        writer.project_end(desk.tables)
    writer.project_some(desk.whole(list(desk.tables)))
    writer.project_end(desk.tables)
    assert_right(desk, LiveReader(connect(own_redis.address), "kam"))


def notice(writer: LiveWriter, attempt: str, desk: Desk) -> None:
    """One more call, which is to find out that Redis forgot; a dropped connection may come first."""
    calls = {
        "write": lambda: writer.write(desk.put(change("A", revenue__90d=Value(3, 2)))),
        "check": writer.check,
        "health": lambda: writer.health({"T": 1, "lag": 0, "events_per_second": 0, "state": "live"}),
        "alert": lambda: writer.alert([alert("a1")]),
    }
    try:
        calls[attempt]()
    except RedisAway:
        calls[attempt]()


@pytest.mark.parametrize("attempt", ["write", "check", "health", "alert"])
@pytest.mark.parametrize("how", ["FLUSHALL", "restarted empty", "restarted with older data"])
def test_a_redis_that_forgot_is_noticed_at_the_next_call_and_repaired(
    how: str, attempt: str, own_redis: Server
) -> None:
    desk = Desk()
    writer = desk.writer(own_redis.address, "kam")
    world(desk, writer)
    client = connect(own_redis.address)
    folder = Path(client.config_get("dir")["dir"])
    own_redis.stop()
    shutil.copytree(folder, folder / "older", ignore=shutil.ignore_patterns("older"))
    own_redis.start()
    writer = desk.writer(own_redis.address, "kam", epoch=2)
    writer.project_all(desk.tables)
    leave = gone("B")
    writer.write([*desk.put(change("A", revenue__90d=Value(2, 2)), leave)])
    desk.put(leave)
    if how == "FLUSHALL":
        client.flushall()
    else:
        own_redis.kill()
        for file in folder.glob("appendonly*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        if how == "restarted with older data":
            shutil.copytree(folder / "older", folder, dirs_exist_ok=True)
        own_redis.start()
        reader = LiveReader(connect(own_redis.address), "kam")
        assert reader.ids("account") == (["A", "B"] if how == "restarted with older data" else [])
    with pytest.raises(RedisLost, match="empty or older"):
        notice(writer, attempt, desk)
    with pytest.raises(RedisLost):  # and it stays so until everything is written again
        writer.write([])
    writer.project_all(desk.tables, alerts=[])
    assert_right(desk, LiveReader(connect(own_redis.address), "kam"))
    writer.write(desk.put(change("A", revenue__90d=Value(4, 2))))
    assert_right(desk, LiveReader(connect(own_redis.address), "kam"))


def test_a_restart_that_lost_nothing_is_not_taken_for_a_loss(own_redis: Server) -> None:
    desk = Desk()
    writer = desk.writer(own_redis.address, "kam")
    world(desk, writer)
    own_redis.stop()
    with pytest.raises(RedisAway):
        writer.write([change("A", revenue__90d=Value(9, 9))])
    own_redis.start()
    writer.write(desk.put(change("A", revenue__90d=Value(3, 2))))
    assert_right(desk, LiveReader(connect(own_redis.address), "kam"))


def test_a_move_whose_answer_was_lost_is_finished_later(own_redis: Server) -> None:
    desk = Desk()
    writer = desk.writer(own_redis.address, "kam", timeout=0.3)
    world(desk, writer)
    move = change("A", revenue__90d=Value(2, 1), kam="kam-9")
    own_redis.pause()
    try:
        with pytest.raises(RedisAway):
            writer.write(desk.put(move))
    finally:
        own_redis.resume()
    # The sleeping server has read the first half by now, or not; either way:
    writer.project([("account", "A")])
    assert_right(desk, LiveReader(connect(own_redis.address), "kam"))
    writer.write(desk.put(change("A", revenue__90d=Value(2, 1), kam="kam-7")))
    assert_right(desk, LiveReader(connect(own_redis.address), "kam"))


class DeafLink(Link):
    """A link that, while deaf, loses the answers of transactions and claims that did run."""

    deaf = False

    def ask(self, commands: Iterable[Command]) -> list[Any]:
        sent = list(commands)
        replies = super().ask(sent)
        last = sent[-1]
        if self.deaf and isinstance(last, tuple) and last[:2] in (("EXEC",), ("EVALSHA", self.sha["claim"])):
            self.close()
            raise RedisAway("the answer was lost")
        return replies


def test_a_move_that_happened_without_an_answer_is_known_at_the_next_move(redis_url: str, prefix: str) -> None:
    desk, link, reader = Desk(), DeafLink(redis_url, SCRIPTS), LiveReader(connect(redis_url), prefix)
    writer = desk.writer(redis_url, prefix, link=link)
    world(desk, writer)
    link.deaf = True
    with pytest.raises(RedisAway):
        writer.write(desk.put(change("A", revenue__90d=Value(2, 1), kam="kam-9")))
    link.deaf = False
    assert reader.portfolio("kam-9") == ["A", "B"]
    writer.write(desk.put(change("A", revenue__90d=Value(3, 1), kam="kam-7")))
    assert_right(desk, reader)


def test_a_full_redis_counts_as_away_and_what_was_not_written_is_written_later(own_redis: Server) -> None:
    desk = Desk()
    writer = desk.writer(own_redis.address, "kam")
    world(desk, writer)
    client = connect(own_redis.address)
    client.config_set("maxmemory", 1)
    changes = desk.put(change("A", revenue__90d=Value(5, 5), kam="kam-9"))
    with pytest.raises(RedisAway, match="OOM"):
        writer.write(changes)
    client.config_set("maxmemory", "0")
    writer.write(changes)
    assert_right(desk, LiveReader(connect(own_redis.address), "kam"))


def test_a_server_that_evicts_or_does_not_answer_is_refused_in_one_line(own_redis: Server) -> None:
    check_server(own_redis.address)
    client = connect(own_redis.address)
    client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(UserError, match="maxmemory-policy allkeys-lru: set it to noeviction") as refusal:
        check_server(own_redis.address)
    assert "\n" not in str(refusal.value)
    own_redis.stop()
    with pytest.raises(UserError, match="does not answer"):
        connect(own_redis.address)
    with pytest.raises(UserError, match="no Redis address"):
        connect("http://somewhere")


def test_an_owner_whose_claim_was_not_answered_is_not_taken_for_another_one(redis_url: str, prefix: str) -> None:
    desk, link, reader = Desk(), DeafLink(redis_url, SCRIPTS), LiveReader(connect(redis_url), prefix)
    desk.put(change("A", revenue__90d=Value(1, 1), full=True))
    writer = desk.writer(redis_url, prefix, link=link)
    facts = {"T": 1, "lag": 0, "events_per_second": 0.0, "last_flush": None, "state": "live"}
    link.deaf = True
    with pytest.raises(RedisAway):
        writer.health(facts)
    link.deaf = False
    writer.health(facts)
    writer.project_all(desk.tables)
    assert_right(desk, reader)
