"""`kamstream verify` on a real Kafka and a real Redis: equal is equal, and whatever is planted is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.structs import OffsetAndMetadata

from kamstream.engine.offline import Offline
from kamstream.publish.publisher import connect
from kamstream.publish.replay import Replay
from kamstream.settings import Settings
from tests.verify.conftest import EVENTS, PARTITIONS, Heart, Installation, Verify, event

pytestmark = pytest.mark.integration

IDS = 7  # three accounts, kam-7, kam-8 and bob, the company


def test_tables_that_equal_the_log_are_said_to_be_equal(installation: Installation, verify: Verify) -> None:
    with Heart(installation):
        code, out, err = verify()
    fields = len(installation.offline.engine.table("company", "all").values)
    assert (code, out, err) == (0, f"{IDS} ids, {IDS * fields} values compared, 0 differences\n", "")


def field(scope: str, id: str, name: str, value: str) -> Callable[[Installation], object]:
    return lambda made: made.redis.hset(made.key("values", scope, id), name, value)


def n(scope: str, id: str, name: str, value: int) -> Callable[[Installation], object]:
    return lambda made: made.redis.hset(made.key("counts", scope, id), name, value)


PLANTED: list[tuple[str, Callable[[Installation], object], *tuple[str, ...]]] = [
    (
        "a value",
        field("account", "ACC-1", "revenue:90d", "120.01"),
        "account ACC-1 revenue:90d: Redis says 120.01 (n 1), the log says 120 (n 1)",
    ),
    (
        "the last digit",
        field("account", "ACC-2", "response_time.p50:7d", "1193.7710000000002"),
        "account ACC-2 response_time.p50:7d: Redis says 1193.7710000000002 (n 1)",
    ),
    (
        "n",
        n("account", "ACC-1", "open_tickets:now", 2),
        "account ACC-1 open_tickets:now: Redis says 1 (n 2), the log says 1 (n 1)",
    ),
    (
        "a null that is none",
        field("company", "all", "nps:24h", "0"),
        "company all nps:24h: Redis says 0 (n 0), the log says null (n 0)",
    ),
    (
        "a null that should be none",
        lambda made: made.redis.hdel(made.key("values", "company", "all"), "revenue:30d"),
        "company all revenue:30d: Redis says null (n 1), the log says 120 (n 1)",
    ),
    (
        "a field that is missing",
        lambda made: made.redis.hdel(made.key("counts", "kam", "kam-7"), "nps:30d"),
        "kam kam-7 nps:30d: Redis says absent, the log says null (n 0)",
    ),
    (
        "a wait that began at another time",
        field("kam", "bob", "oldest_wait:now", "1"),
        "kam bob oldest_wait:now: Redis says 1 (n 1), the log says 93600 (n 1)",
    ),
    (
        "a word of the profile",
        lambda made: made.redis.hset(made.key("meta", "account", "ACC-1"), "tier", "silver"),
        "account ACC-1 tier: Redis says silver, the log says gold",
    ),
    (
        "an id that is missing",
        lambda made: (
            made.redis.srem(made.key("index", "account"), "ACC-3"),
            made.redis.delete(made.key("meta", "account", "ACC-3")),
        ),
        "account ACC-3 (table): Redis says absent, the log says there",
        "account ACC-3 (index): Redis says absent, the log says there",
        "rank:revenue:90d ACC-3 revenue:90d: Redis says 0, its table says absent",
    ),
    (
        "a table that is not in the index",
        lambda made: made.redis.srem(made.key("index", "kam"), "kam-8"),
        "kam kam-8 (index): Redis says absent, the log says there",
    ),
    (
        "an id that should not be there",
        lambda made: made.redis.sadd(made.key("index", "account"), "ACC-9"),
        "account ACC-9 (index): Redis says there, the log says absent",
    ),
    (
        "an account in the wrong portfolio",
        lambda made: made.redis.sadd(made.key("portfolio", "kam-7"), "ACC-2"),
        "portfolio kam-7 ACC-2: Redis says there, the log says absent",
    ),
    (
        "an account that is in no portfolio",
        lambda made: made.redis.srem(made.key("portfolio", "kam-8"), "ACC-2"),
        "portfolio kam-8 ACC-2: Redis says absent, the log says there",
    ),
    (
        "a rank",
        lambda made: made.redis.zadd(made.key("rank", "revenue:90d"), {"ACC-1": 7}),
        "rank:revenue:90d ACC-1 revenue:90d: Redis says 7, its table says 120",
    ),
]


def test_every_planted_difference_is_found_and_named_and_nothing_else_is_blamed(
    installation: Installation, verify: Verify
) -> None:
    for _, plant, *_ in PLANTED:
        plant(installation)
    with Heart(installation):
        code, out, _ = verify()
    *lines, last = out.splitlines()
    for name, _, *said in PLANTED:
        for text in said:
            assert [line for line in lines if line.startswith(text)], name
    wanted = sum(len(said) for _, _, *said in PLANTED)
    assert (code, len(lines)) == (1, wanted), out
    assert last.endswith(f", {wanted} differences")


def test_json_gives_a_line_a_difference_and_the_summary(installation: Installation, verify: Verify) -> None:
    field("account", "ACC-1", "revenue:90d", "1")(installation)
    with Heart(installation):
        code, out, _ = verify("--scope", "account", "--id", "ACC-1", "--json")
    one, last = map(json.loads, out.splitlines())
    assert code == 1
    assert one == {
        "scope": "account", "id": "ACC-1", "field": "revenue:90d", "redis": "1 (n 1)", "log": "120 (n 1)",
        "at": "2026-01-05T10:00:00Z",
    }  # fmt: skip
    assert (last["ids"], last["differences"], last["busy"]) == (1, 1, 0)


def test_only_the_scopes_and_ids_asked_for_are_compared(installation: Installation, verify: Verify) -> None:
    field("account", "ACC-1", "revenue:90d", "1")(installation)
    with Heart(installation):
        assert verify("--scope", "kam,company")[0] == 0
        assert verify("--id", "ACC-2")[0] == 0
        code, _, err = verify("--id", "NOBODY")
    assert (code, err) == (1, "kamstream: neither Redis nor the log knows NOBODY\n")


def test_a_table_that_missed_an_event_is_found_although_it_was_right_at_its_own_time(
    installation: Installation, verify: Verify
) -> None:
    missed = event("deal.won", "w9", "2026-01-07T00:00:00Z", deal_id="d1", amount=77, currency="EUR")
    installation.publish(missed)
    installation.apply(missed)  # the worker's T moves on, but it forgets to write
    with Heart(installation):
        code, out, _ = verify("--scope", "account", "--id", "ACC-1")
    assert code == 1
    assert "account ACC-1 revenue:90d: Redis says 120 (n 1), the log says 77 (n 1) (at 2026-01-07T00:00:00Z)" in out


def test_tables_last_written_at_different_times_are_compared_each_at_its_own(
    installation: Installation, verify: Verify
) -> None:
    """ACC-1 and bob wait on while only others are written; their oldest_wait is that of their own T."""
    writer = installation.writer(epoch=2)
    writer.project_all(installation.offline.engine.ids())
    installation.changes()
    for number, time in enumerate(("2026-01-05T11:00:00Z", "2026-01-06T00:20:00Z")):
        later = event("deal.opened", f"later{number}", time, "ACC-3", deal_id=f"d{number}", amount=5)
        installation.publish(later)
        installation.apply(later)
        changed = installation.changes()
        assert not {"ACC-1", "bob"} & {change.id for change in changed}
        writer.write(changed)
    with Heart(installation):
        code, out, _ = verify()
    assert (code, out.splitlines()[-1].split(", ")[::2]) == (0, [f"{IDS} ids", "0 differences"])


def test_what_was_restated_since_is_asked_of_the_log_as_it_was(installation: Installation, verify: Verify) -> None:
    """kam-7 counts one active contact at its own T and at the newest; the facts of now alone would say otherwise."""
    made, file = installation, Path("kamstream.toml")
    file.write_text('kpis = ["active_contacts"]\nwindows = ["7d"]\n' + file.read_text())
    made.settings = Settings.load(None, partitions=PARTITIONS)
    made.offline = Offline(made.settings.config(partitions=1))
    talk = [
        event("interaction.logged", f"k{day}", f"2026-01-0{day}T00:00:00Z", interaction_id="k", direction="outbound",
              channel="email", contact_id="c")
        for day in (6, 8)
    ]  # fmt: skip
    made.publish(*talk)
    made.apply(*EVENTS, talk[0])
    made.changes()
    writer = made.writer(epoch=2)
    writer.project_all(made.offline.engine.ids())
    made.apply(talk[1])
    changed = made.changes()
    assert ("kam", "kam-7") not in {(change.scope, change.id) for change in changed}
    writer.write(changed)
    with Heart(made):
        code, out, _ = verify()
        assert (code, out.splitlines()[-1]) == (0, "6 ids, 6 values compared, 0 differences")
        # And where it was wrong at its own T it is found, by asking the log as it was.
        for subject in (("kam", "kam-7"), ("account", "ACC-1")):
            made.redis.hset(made.key("meta", *subject), "as_of", "2026-01-05T23:00:00Z")
        code, out, _ = verify()
    assert code == 1
    said = "active_contacts:7d: Redis says 1 (n 1), the log says 0 (n 0) (at 2026-01-05T23:00:00Z)"
    assert out.splitlines()[:-1] == [f"account ACC-1 {said}", f"kam kam-7 {said}"]


def test_an_id_that_is_written_at_every_look_is_busy_and_not_called_equal(
    installation: Installation, verify: Verify
) -> None:
    field("account", "ACC-1", "revenue:90d", "1")(installation)
    meta = installation.key("meta", "account", "ACC-1")

    def touch(_: int) -> None:
        installation.redis.hincrby(meta, "version", 1)

    with Heart(installation, on_beat=touch):
        code, out, _ = verify("--scope", "account", "--id", "ACC-1")
    assert code == 0
    assert out == (
        "busy: account ACC-1 changed at every look\n0 ids, 0 values compared, 0 differences, 1 busy (not compared)\n"
    )


def test_a_write_that_was_under_way_is_waited_for(installation: Installation, verify: Verify) -> None:
    late = event("deal.won", "w9", "2026-01-05T11:00:00Z", deal_id="d1", amount=77, currency="EUR")
    installation.publish(late)
    installation.apply(late)
    installation.offline.settle()
    written: list[int] = []

    def catch_up(beat: int) -> None:
        if beat >= 3 and not written:
            installation.writer(epoch=2).project_all(installation.offline.engine.ids())
            written.append(beat)

    with Heart(installation, on_beat=catch_up):
        code, out, _ = verify()
    assert written
    assert (code, out.splitlines()[-1].rpartition(", ")[2]) == (0, "0 differences")


def test_other_settings_than_the_workers_are_suspected_when_everything_differs(
    installation: Installation, verify: Verify
) -> None:
    file = Path("kamstream.toml")
    file.write_text('windows = ["48h"]\n' + file.read_text())
    with Heart(installation):
        code, _, err = verify()
    assert code == 1
    assert "verify must run with the settings of the worker" in err


# -- the worker ------------------------------------------------------------------------------------------------


def test_without_a_worker_there_is_one_clear_line(installation: Installation, verify: Verify) -> None:
    code, out, err = verify("--timeout", "0.5")
    assert (code, out) == (1, "")
    assert err == "kamstream: no worker reports on partition 0, 1, 2 (waited 1 s): start one with kamstream worker\n"


def test_a_worker_that_is_gone_is_not_taken_for_one_that_is_there(installation: Installation, verify: Verify) -> None:
    with Heart(installation) as heart:
        verify("--scope", "company")
    assert heart.beats
    code, _, err = verify("--timeout", "0.5")  # its last words still stand in Redis
    assert code == 1
    assert "no worker reports on partition 0, 1, 2" in err


@pytest.mark.parametrize(
    ("sick", "said"),
    [
        ({"lag": 12}, "partition 0 is live, 12 records behind"),
        ({"state": "catching-up"}, "partition 0 is catching-up, 0 records behind"),
        ({"ahead": -86_400_000}, "partition 0 stands at 2026-01-04T10:00:00Z, the log at 2026-01-05T10:00:00Z"),
        ({"partitions": 2}, "no worker reports on partition 2 "),
    ],
)
def test_a_worker_that_does_not_get_there_is_complained_of(
    sick: dict[str, int], said: str, installation: Installation, verify: Verify
) -> None:
    with Heart(installation, **sick):  # type: ignore[arg-type]
        code, out, err = verify("--timeout", "1")
    assert (code, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_under_traffic_what_the_group_committed_says_that_the_ends_are_behind(
    installation: Installation, verify: Verify
) -> None:
    settings = installation.settings
    ends = Replay(settings).bounds().ends
    with KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap) as admin:
        committed = {TopicPartition(*place): OffsetAndMetadata(end, "", -1) for place, end in ends.items()}
        admin.alter_group_offsets(f"{settings.prefix}-worker", committed)
    with Heart(installation, lag=12):
        assert verify()[0] == 0


# -- the log ---------------------------------------------------------------------------------------------------


def test_a_record_in_the_dead_letters_is_not_applied(installation: Installation, verify: Verify) -> None:
    """It would be accepted now; but its verdict was another, and a verdict is final."""
    settings = installation.settings
    before = Replay(settings).bounds().ends
    installation.publish(event("deal.opened", "x", "2026-01-05T09:00:00Z", deal_id="dx", amount=1))
    after = Replay(settings).bounds().ends
    ((topic, partition),) = (place for place in after if after[place] != before[place])
    offset = after[topic, partition] - 1
    with Heart(installation):
        assert verify("--scope", "account")[0] == 1
    said = {"kam-error": "invalid-data", "kam-topic": topic, "kam-partition": str(partition), "kam-offset": str(offset)}
    producer = connect(settings.kafka.bootstrap)
    producer.send(f"{settings.prefix}.dead-letters", b"{}", headers=[(k, v.encode()) for k, v in said.items()]).get(10)
    producer.close()
    with Heart(installation):
        code, out, _ = verify("--scope", "account")
    assert (code, out.rpartition(", ")[2]) == (0, "0 differences\n")


def test_a_shortened_log_says_from_when_on_it_proves_anything(installation: Installation, verify: Verify) -> None:
    settings = installation.settings
    place = next(place for place, end in Replay(settings).bounds().ends.items() if end > 1 and "deals" in place[0])
    with KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap) as admin:
        admin.delete_records({TopicPartition(*place): 1})
    with Heart(installation):
        code, _, err = verify()
    assert code == 1  # the deal's opening is gone
    assert f"note: the log has been shortened ({place[0]}[{place[1]}]): nothing from before 2" in err


def test_missing_topics_and_a_missing_redis_are_one_line(
    installation: Installation, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMSTREAM_REDIS", "redis://127.0.0.1:1/0")
    code, _, err = verify()
    assert (code, len(err.splitlines())) == (1, 1)
    assert "Redis at redis://127.0.0.1:1/0 does not answer" in err
    monkeypatch.setenv("KAMSTREAM_PREFIX", "nowhere")
    code, _, err = verify()
    assert (code, len(err.splitlines())) == (1, 1)
    assert "run kamstream topics create" in err
