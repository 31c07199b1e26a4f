"""A writer's tables as a reader sees them."""

import pytest

from kamstream.engine import Value
from kamstream.live import Document, Layout, LiveReader, RedisLost, Superseded, connect
from kamstream.live.trail import pane_start
from tests.live.desk import OPTIONS, T0, Desk, alert, change, gone

pytestmark = pytest.mark.integration


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def reader(redis_url: str, prefix: str) -> LiveReader:
    return LiveReader(connect(redis_url), prefix)


def test_a_table_comes_back_with_nulls_and_their_n(desk: Desk, reader: LiveReader, redis_url: str, prefix: str) -> None:
    writer = desk.writer(redis_url, prefix)
    desk.put(change(full=True, revenue__90d=Value(12.5, 3), nps__90d=Value(None, 0)))
    writer.project_all(desk.tables)
    (table,) = reader.tables("account", ["ACC-1", "nobody"])
    assert table.values == {"revenue:90d": Value(12.5, 3), "nps:90d": Value(None, 0)}
    assert (table.meta.name, table.meta.kam_id, table.meta.segment) == ("Name of ACC-1", "kam-7", None)
    assert (table.meta.as_of, table.meta.updated_at, table.meta.version >> 32) == (T0, T0, 1)


def test_a_change_in_part_writes_its_fields_only_and_a_null_takes_the_field_away(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix)
    desk.put(change(full=True, a__90d=Value(1, 1), b__90d=Value(2, 2), c__90d=Value(3, 3)))
    writer.project_all(desk.tables)
    client, key = connect(redis_url), Layout(prefix).values("account", "ACC-1")
    client.hset(key, "b:90d", "99")  # what the change does not name must not be touched
    desk.asked.clear()
    writer.write(desk.put(change(a__90d=Value(None, 4), c__90d=Value(0.1, 5))))
    assert client.hgetall(key) == {"b:90d": "99", "c:90d": "0.1"}
    assert client.hgetall(key + ":n") == {"a:90d": "4", "b:90d": "2", "c:90d": "5"}
    assert desk.asked == []


def test_another_stored_version_makes_the_whole_table_be_written(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix)
    desk.put(change(full=True, a__90d=Value(1, 1), b__90d=Value(2, 2)))
    writer.project_all(desk.tables)
    client, keys = connect(redis_url), Layout(prefix)
    client.hset(keys.meta("account", "ACC-1"), "version", "17")
    client.hset(keys.values("account", "ACC-1"), "old:90d", "5")
    desk.asked.clear()
    before = reader.last_update()
    writer.write(desk.put(change(a__90d=Value(9, 1))))
    assert reader.tables("account", ["ACC-1"])[0].values == {"a:90d": Value(9, 1), "b:90d": Value(2, 2)}
    assert client.hget(keys.values("account", "ACC-1"), "old:90d") is None
    assert desk.asked == [("account", "ACC-1")]
    assert [row.field for row in reader.updates(before, 0)] == ["a:90d"]


@pytest.mark.parametrize("epoch", [1, 2**21 - 1, 2**21 + 1, 2**31])
def test_versions_compare_exactly_beyond_what_a_double_holds(
    epoch: int, desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix, epoch=epoch)
    desk.put(change(full=True, a__90d=Value(1, 1)))
    writer.project_all(desk.tables)
    client, key = connect(redis_url), Layout(prefix).meta("account", "ACC-1")
    version = int(client.hget(key, "version"))
    assert version >> 32 == epoch
    client.hset(key, "version", version + 2)  # one more than the next version, equal to it as a double
    assert writer.write(desk.put(change(a__90d=Value(2, 1)))).refused == (("account", "ACC-1"),)
    assert reader.tables("account", ["ACC-1"])[0].values == {"a:90d": Value(1, 1)}
    client.hset(key, "version", version)
    assert writer.write(desk.put(change(a__90d=Value(3, 1)))).refused == ()
    assert reader.tables("account", ["ACC-1"])[0].values == {"a:90d": Value(3, 1)}


def test_index_portfolio_rank_and_history_follow(desk: Desk, reader: LiveReader, redis_url: str, prefix: str) -> None:
    writer = desk.writer(redis_url, prefix)
    writer.project_all([])
    writer.write(
        desk.put(
            change("A", full=True, revenue__90d=Value(5, 1)),
            change("B", full=True, revenue__90d=Value(7.5, 1), kam="kam-9"),
            change("C", full=True, revenue__90d=Value(None, 0), kam=None),
            change("kam-7", "kam", full=True, revenue__90d=Value(5, 1)),
        )
    )
    assert (reader.ids("account"), reader.ids("kam")) == (["A", "B", "C"], ["kam-7"])
    assert (reader.portfolio("kam-7"), reader.portfolio("kam-9")) == (["A"], ["B"])
    assert reader.rank("revenue:90d", 2) == [("B", 7.5), ("A", 5)]
    assert reader.rank("revenue:90d", 1, desc=False) == [("A", 5)]
    writer.write(desk.put(change("A", revenue__90d=Value(6, 2), as_of=T0 + 1000)))
    writer.write(desk.put(change("A", revenue__90d=Value(8, 3), as_of=T0 + 86_400_000)))
    today = pane_start("revenue:90d", T0)
    assert reader.history("account", "A", "revenue:90d") == [(today, 6), (today + 86_400, 8)]
    writer.write(desk.put(change("A", revenue__90d=Value(None, 0), as_of=T0 + 86_400_001)))
    assert reader.history("account", "A", "revenue:90d") == [(today, 6)]
    assert reader.rank("revenue:90d") == [("B", 7.5)]


def test_updates_tell_old_new_and_cause_and_only_what_changed(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix)
    writer.project_all([])
    old = {"a:90d": Value(1, 1), "b:90d": Value(2, 2), "c:90d": Value(None, 0)}
    new = {"a__90d": Value(None, 0), "b__90d": Value(2, 2), "c__90d": Value(0.5, 2)}
    writer.write(desk.put(change(full=True, old=old, cause="crm/evt-7", **new)))
    told = [(row.field, row.old, row.new, row.n, row.as_of, row.cause) for row in reader.updates("0", 0)]
    assert told == [("a:90d", 1, None, 0, T0, "crm/evt-7"), ("c:90d", None, 0.5, 2, T0, "crm/evt-7")]


def test_an_account_moves_to_the_portfolio_of_its_new_kam(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix)
    writer.project_all([])
    writer.write(desk.put(change(full=True, a__90d=Value(1, 1), kam="kam-7")))
    writer.write(desk.put(change(a__90d=Value(2, 1), kam="kam-9")))
    assert (reader.portfolio("kam-7"), reader.portfolio("kam-9")) == ([], ["ACC-1"])
    assert reader.tables("account", ["ACC-1"])[0].meta.kam_id == "kam-9"
    # A move that happened while nobody owned the partition is seen by the next owner.
    desk.put(change(full=True, a__90d=Value(2, 1), kam="kam-3"))
    desk.writer(redis_url, prefix, epoch=2, worker="w2").project_all(desk.tables)
    assert [reader.portfolio(kam) for kam in ("kam-7", "kam-9", "kam-3")] == [[], [], ["ACC-1"]]


@pytest.mark.parametrize("how", ["told by the engine", "missing at a takeover"])
def test_an_id_that_is_gone_leaves_nothing_behind(
    how: str, desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix)
    writer.project_all([])
    stays = change("kam-7", "kam", full=True, a__90d=Value(1, 1))
    writer.write(desk.put(stays, change(full=True, revenue__90d=Value(1, 1), open_tickets__now=Value(2, 2))))
    writer.put_json([Document("scorecard", "account", "ACC-1", "{}"), Document("goals", "account", "ACC-1", "[]")])
    client = connect(redis_url)
    assert len([key for key in client.scan_iter(f"{prefix}:*") if "ACC-1" in key]) == 7
    leave = gone()
    desk.put(leave)
    if how == "told by the engine":
        writer.write([leave])
    else:
        desk.writer(redis_url, prefix, epoch=2).project_all(desk.tables)
    left = {key for key in client.scan_iter(f"{prefix}:*") if "ACC-1" in key}
    assert left == {Layout(prefix).tombstone("account", "ACC-1")}
    assert 0 < client.ttl(Layout(prefix).tombstone("account", "ACC-1")) <= 86_400
    assert (reader.ids("account"), reader.portfolio("kam-7"), reader.rank("revenue:90d")) == ([], [], [])
    assert reader.ids("kam") == ["kam-7"]


def test_documents_stand_beside_the_table_until_they_are_taken_away(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix)
    writer.project_all([])
    assert (reader.goals("kam", "kam-7"), reader.scorecard("kam", "kam-7")) == ([], None)
    card, goals = '{"score":71.5}', '[{"kpi":"revenue","window":"qtd"}]'
    writer.put_json([Document("scorecard", "kam", "kam-7", card), Document("goals", "kam", "kam-7", goals)])
    assert reader.scorecard("kam", "kam-7") == {"score": 71.5}
    assert reader.goals("kam", "kam-7") == [{"kpi": "revenue", "window": "qtd"}]
    writer.put_json([Document("scorecard", "kam", "kam-7", None)])
    assert reader.scorecard("kam", "kam-7") is None


def test_alerts_are_active_until_resolved_and_the_log_keeps_both(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix)
    writer.project_all([])
    writer.alert([alert("a1"), alert("a2"), alert("a1", "resolved")])
    assert reader.active_alerts() == [alert("a2")]
    assert [(row.alert_id, row.status) for row in reader.alert_log(2)] == [
        ("a1", "resolved"),
        ("a2", "firing"),
    ]


def test_a_takeover_makes_the_active_alerts_of_its_ids_exactly_those_that_fire(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    writer = desk.writer(redis_url, prefix, owns=lambda scope, id: id == "ACC-1")
    writer.project_all([])
    writer.alert([alert("stale"), alert("kept"), alert("other", id="ACC-2")])
    after = desk.writer(redis_url, prefix, epoch=2, owns=lambda scope, id: id == "ACC-1")
    after.project_all([], alerts=[alert("kept"), alert("unwritten")])
    assert {row.alert_id for row in reader.active_alerts()} == {"kept", "unwritten", "other"}


def test_health_is_kept_by_worker_and_partition_and_goes_with_its_owner(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    first = desk.writer(redis_url, prefix, partition=3)
    facts = {"T": T0, "lag": 5, "events_per_second": 2.5, "last_flush": None, "state": "recovering"}
    first.health(facts)
    (row,) = reader.health()
    assert (row.worker, row.partition, row.time, row.lag, row.state) == ("w1", 3, T0, 5, "recovering")
    assert (row.last_flush, row.at, row.stale(T0), row.stale(T0 + 60_000)) == (None, T0, False, True)
    second = desk.writer(redis_url, prefix, partition=3, epoch=2, worker="w2")
    second.health(facts)
    second.project_all([])
    assert [row.worker for row in reader.health()] == ["w2"]
    second.release()
    assert reader.health() == []


def test_an_owner_of_the_past_tells_no_health_once_the_next_one_did(
    desk: Desk, reader: LiveReader, redis_url: str, prefix: str
) -> None:
    """Both processes may have one name, and the old one knows an older T."""
    old, heir = desk.writer(redis_url, prefix), desk.writer(redis_url, prefix, epoch=2)
    old.project_all([])
    facts = {"lag": 0, "events_per_second": 0.0, "last_flush": None, "state": "live"}
    heir.health({**facts, "T": T0 + 5_000})
    with pytest.raises(Superseded):
        old.health({**facts, "T": T0})
    assert [row.time for row in reader.health()] == [T0 + 5_000]
    heir.project_all([])
    heir.health({**facts, "T": T0 + 6_000})
    assert [row.time for row in reader.health()] == [T0 + 6_000]


def test_a_new_writer_first_writes_everything(desk: Desk, redis_url: str, prefix: str) -> None:
    writer = desk.writer(redis_url, prefix)
    with pytest.raises(RedisLost, match="not everything"):
        writer.write(desk.put(change(full=True, a__90d=Value(1, 1))))


def test_many_ids_and_many_fields_pass_in_pieces(desk: Desk, reader: LiveReader, redis_url: str, prefix: str) -> None:
    wide = {f"kpi{n}__90d": Value(n, n) for n in range(3000)}
    desk.put(change("wide", full=True, **wide))
    desk.put(*(change(f"A{n:04}", full=True, revenue__90d=Value(n, 1)) for n in range(600)))
    writer = desk.writer(redis_url, prefix)
    assert writer.project_all(desk.tables).accepted == 601
    assert len(reader.tables("account", ["wide"])[0].values) == 3000
    assert [t.values["revenue:90d"].value for t in reader.tables("account", reader.ids("account"))[:600]] == list(
        range(600)
    )
    assert len(reader.rank("revenue:90d", 1000)) == len(OPTIONS.rank_fields) * 600
