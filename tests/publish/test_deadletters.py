"""Dead letters: found once each, explained, repaired and sent again as they were."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaProducer

from kamstream.errors import UserError
from kamstream.events import murmur2
from kamstream.events import topics as names
from kamstream.publish.deadletters import DeadLetter, Repair, Selection, parse_changes, read, redrive
from kamstream.settings import Settings
from tests.publish.conftest import Records, event

OWN = [("trace", b"abc"), ("content-type", b"application/cloudevents+json")]
Bury = Callable[..., None]


@pytest.fixture
def bury(installed: Settings) -> Bury:
    """Write a dead letter as the worker does."""

    def write(offset: int, value: bytes | None, *, code: str = "unknown-currency", topic: str = "tickets",
              key: bytes | None = b"ACC-1", **more: bytes) -> None:  # fmt: skip
        headers = [
            *OWN,
            (names.ERROR, code.encode()),
            (names.DETAIL, b"because"),
            (names.TOPIC, f"{installed.prefix}.{topic}".encode()),
            (names.PARTITION, b"3"),
            (names.OFFSET, str(offset).encode()),
            (names.FAILED_AT, b"2026-01-05T10:00:01Z"),
            (names.TIMESTAMP, b"1767607200000"),
            *((name.replace("_", "-"), text) for name, text in more.items()),
        ]
        with KafkaProducer(bootstrap_servers=installed.kafka.bootstrap) as producer:
            producer.send(names.topic_names(installed.prefix).dead_letters, value, key, headers=headers).get(10)

    return write


def letter(value: bytes | None, **changes: Any) -> DeadLetter:
    given: dict[str, Any] = {
        "code": "invalid-data",
        "detail": "because",
        "topic": "kam.tickets",
        "partition": 0,
        "offset": 1,
        "failed_at": "",
        "key": b"ACC-1",
        "value": value,
        "headers": (),
        "truncated": False,
    }
    return DeadLetter(**(given | changes))


@pytest.mark.integration
def test_a_dead_letter_written_twice_around_a_crash_is_one(installed: Settings, bury: Bury) -> None:
    bury(7, event(7))
    bury(7, event(7))
    bury(8, event(8), code="too-late")
    found = list(read(installed))
    assert [one.id for one in found] == [f"{installed.prefix}.tickets/3/{offset}" for offset in (7, 8)]
    assert found[0].headers == tuple(OWN)
    assert (found[0].code, found[0].detail, found[0].key, found[0].value) == (
        "unknown-currency", "because", b"ACC-1", event(7),
    )  # fmt: skip


@pytest.mark.integration
def test_an_empty_topic_gives_nothing_and_a_missing_one_an_error(installed: Settings, prefix: str) -> None:
    assert list(read(installed)) == []
    absent = Settings.load(None, prefix=f"{prefix}-absent", kafka=installed.kafka.bootstrap)
    with pytest.raises(UserError, match="run kamstream topics create"):
        list(read(absent))


@pytest.mark.integration
def test_a_selection_by_code_topic_or_id_leaves_out_the_rest(installed: Settings, bury: Bury) -> None:
    bury(1, event(1))
    bury(2, event(2), code="too-late")
    bury(3, b"{}", topic="deals", code="not-an-event")
    ids = {one.offset: one.id for one in read(installed)}
    for selection, expected in [
        (Selection(), {1, 2, 3}),
        (Selection(codes=frozenset({"too-late", "not-an-event"})), {2, 3}),
        (Selection(topic=f"{installed.prefix}.deals"), {3}),
        (Selection(ids=frozenset({ids[1], ids[3]}), codes=frozenset({"not-an-event"})), {3}),
    ]:
        assert {one.offset for one in read(installed, selection)} == expected


@pytest.mark.integration
def test_a_redriven_original_has_its_key_bytes_and_headers_and_nothing_of_the_dead_letter(
    installed: Settings, bury: Bury, records: Records
) -> None:
    bury(7, event(7))
    for _ in range(2):
        assert [one.refusal for one in redrive(installed, read(installed))] == [None]
    arrived = records(f"{installed.prefix}.tickets")
    # The second time is the same event again, which the worker knows by its id.
    assert len(arrived) == 2
    for record in arrived:
        assert (record.key, record.value, record.headers) == (b"ACC-1", event(7), OWN)
        assert record.partition == murmur2(b"ACC-1") % 4


@pytest.mark.integration
def test_what_would_be_refused_again_is_not_sent_unless_forced(
    installed: Settings, bury: Bury, records: Records
) -> None:
    bury(1, b"{", code="not-json")
    bury(2, event(2))
    outcome = {one.letter.offset: one.refusal and one.refusal.code for one in redrive(installed, read(installed))}
    assert outcome == {1: "not-json", 2: None}
    assert [record.value for record in records(f"{installed.prefix}.tickets")] == [event(2)]
    forced = list(redrive(installed, read(installed, Selection(codes=frozenset({"not-json"}))), force=True))
    assert [one.refusal for one in forced] == [None]
    assert b"{" in [record.value for record in records(f"{installed.prefix}.tickets")]


@pytest.mark.integration
def test_an_original_of_which_only_a_part_was_kept_is_never_sent(
    installed: Settings, bury: Bury, records: Records
) -> None:
    bury(1, event(1), code="too-large", kam_truncated=b"3000000")
    [outcome] = redrive(installed, read(installed), force=True)
    assert outcome.refusal is not None
    assert outcome.refusal.code == "too-large"
    assert records(f"{installed.prefix}.tickets") == []


@pytest.mark.integration
def test_a_repaired_event_goes_where_it_says_it_belongs(installed: Settings, bury: Bury, records: Records) -> None:
    deal = event(type="deal.won", data={"deal_id": "d1", "amount": 5, "currency": "EURO"}, account="ACC-9")
    bury(1, deal, code="unknown-type", key=b"ACC-1")
    repair = Repair({"data.currency": "EUR"}, readdress=True)
    assert [one.refusal for one in redrive(installed, read(installed), repair)] == [None]
    [record] = records(f"{installed.prefix}.deals")
    assert record.key == b"ACC-9"
    assert json.loads(record.value) == {**json.loads(deal), "data": {"deal_id": "d1", "amount": 5, "currency": "EUR"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"data.amount": 3}, {"id": "e", "data": {"amount": 3}}),
        ({"id": None}, {"data": {"amount": 1}}),
        ({"data.a.b": 1}, {"id": "e", "data": {"amount": 1, "a": {"b": 1}}}),
    ],
)
def test_a_repair_sets_or_removes_one_field(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    original = letter(b'{"id":"e","data":{"amount":1}}')
    assert json.loads(Repair(changes).apply(original).value or b"") == expected


@pytest.mark.parametrize(
    ("broken", "repair", "complaint"),
    [
        (letter(b"{"), Repair({"id": "x"}), "is not a JSON object"),
        (letter(None), Repair({"id": "x"}), "is not a JSON object"),
        (letter(b'{"id":1}'), Repair({"id.x": 1}), "id in id.x is not an object"),
        (letter(b"{}", headers=(("ce_specversion", b"1.0"),)), Repair({"id": "x"}), "binary mode"),
        (letter(b"{}"), Repair({}, readdress=True), "names no type and subject"),
        (letter(event(type="x.y")), Repair({}, readdress=True), "no topic carries the type 'x.y'"),
    ],
)
def test_a_repair_that_cannot_be_made_is_one_clear_line(broken: DeadLetter, repair: Repair, complaint: str) -> None:
    with pytest.raises(UserError, match=f"^kam.tickets/0/1.*{complaint}"):
        repair.apply(broken)


@pytest.mark.parametrize("argument", ["currency", "=3", "data..x=3"])
def test_a_change_of_another_form_is_a_usage_error(argument: str) -> None:
    with pytest.raises(UserError, match="not of the form field=value") as caught:
        parse_changes([argument])
    assert caught.value.exit_code == 2
