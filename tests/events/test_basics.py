"""Partitions, times, topics and ranks."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafka_murmur2

from kamstream.events import EVENT_TYPES, murmur2, topic_index, topic_of, type_rank
from kamstream.events.times import day_text, parse_day, parse_time, time_text

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


# The vectors of Kafka's own UtilsTest.testMurmur2, signed as in Java.
@pytest.mark.parametrize(
    ("key", "signed"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536),
     ("a-little-bit-longer-string", -1486304829), ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
     ("abc", 479470107)],
)  # fmt: skip
def test_murmur2_agrees_with_the_java_client(key: str, signed: int) -> None:
    assert murmur2(key.encode()) == signed & 0x7FFFFFFF


@given(st.binary(max_size=80))
def test_murmur2_agrees_with_kafka_python(key: bytes) -> None:
    assert murmur2(key) == kafka_murmur2(key) & 0x7FFFFFFF


# The offset is added in the test.
FIRST, LAST = dt.datetime(1, 1, 3), dt.datetime(9999, 12, 30)  # noqa: DTZ001 - hypothesis wants naive bounds


@given(st.datetimes(min_value=FIRST, max_value=LAST), st.integers(-1439, 1439))
def test_times_agree_with_datetime(naive: dt.datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    expected = (moment - EPOCH) // dt.timedelta(milliseconds=1)
    for _ in range(2):  # the second time from the caches
        assert parse_time(moment.isoformat()) == expected
    assert parse_time(time_text(expected)) == expected


@given(st.dates())
def test_days_agree_with_datetime(day: dt.date) -> None:
    assert parse_day(day.isoformat()) == (day - EPOCH.date()).days
    assert day_text(parse_day(day.isoformat())) == day.isoformat()


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T00:00:00.1Z", 100),
        ("1970-01-01T00:00:00.0009Z", 0),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("1970-01-01T05:30:00+05:30", 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2017-01-01T00:59:60.5+01:00", 1_483_228_800_500),
    ],
)
def test_times_are_epoch_milliseconds(text: str, ms: int) -> None:
    assert parse_time(text) == ms


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-24", "2026-11-24T14:20:00", "2026-11-24 14:20:00Z", "2026-11-24T14:20Z", "2026-11-24T24:00:00Z",
     "2026-11-24T14:60:00Z", "2026-11-24T14:20:61Z", "2026-11-24T14:20:60Z", "2026-11-24T23:59:60Z",
     "2026-11-24T14:20:00.Z", "2026-11-24T14:20:00,5Z", "2026-11-24T14:20:00+0100", "2026-11-24T14:20:00+01",
     "2026-11-24T14:20:00+24:00", "2026-11-24T14:20:00+01:60", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
     "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
     "9999-12-31T23:59:59-00:01", "2026-11-24T14:20:00Z\n", " 2026-11-24T14:20:00Z", "٢٠٢٦-11-24T14:20:00Z",
     "2026-11-24T14:20:0٠Z", "+2026-11-24T14:20:00Z", "20261124T142000Z", "2026-W48-2T14:20:00Z"],
)  # fmt: skip
def test_other_texts_are_no_times(text: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError):
            parse_time(text)


def test_each_type_has_its_topic_and_rank() -> None:
    table = {kind.name: (topic_of(kind.name), topic_index(kind.name), type_rank(kind.name)) for kind in EVENT_TYPES}
    assert table == {
        "interaction.logged": ("kam.interactions", 0, 2),
        "survey.answered": ("kam.interactions", 0, 2),
        "milestone.planned": ("kam.interactions", 0, 0),
        "milestone.completed": ("kam.interactions", 0, 4),
        "deal.opened": ("kam.deals", 1, 0),
        "deal.updated": ("kam.deals", 1, 1),
        "deal.won": ("kam.deals", 1, 4),
        "deal.lost": ("kam.deals", 1, 4),
        "deal.reopened": ("kam.deals", 1, 3),
        "contract.started": ("kam.deals", 1, 0),
        "contract.renewed": ("kam.deals", 1, 1),
        "contract.changed": ("kam.deals", 1, 1),
        "contract.ended": ("kam.deals", 1, 4),
        "ticket.opened": ("kam.tickets", 2, 0),
        "ticket.replied": ("kam.tickets", 2, 2),
        "ticket.assigned": ("kam.tickets", 2, 1),
        "ticket.resolved": ("kam.tickets", 2, 4),
        "ticket.reopened": ("kam.tickets", 2, 3),
        "account.updated": ("kam.accounts", 3, 1),
    }
