"""A history keeps the contract, is the same for the same seed, and is as unruly as it was asked to be."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest

from kamstream.events import EVENT_TYPES, Decoder, Event, Rules, topic_of
from kamstream.simulate import Disorder, Plan, history, play
from kamstream.simulate.disorder import Arrivals
from kamstream.simulate.offices import DAY, HOUR, MINUTE, SECOND
from tests.simulate.worlds import CALM, END, RATES, identity, millis, told


def lines(plan: Plan) -> bytes:
    return b"\n".join(map(msgspec.json.encode, play(plan)))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert lines(Plan(10, 30, END, 7)) == lines(Plan(10, 30, END, 7))
    assert lines(Plan(10, 30, END, 7)) != lines(Plan(10, 30, END, 8))


@pytest.mark.parametrize(("accounts", "days", "seed"), [(1, 1, 1), (1, 40, 2), (25, 120, 3), (5, 900, 4)])
def test_no_event_is_refused(accounts: int, days: int, seed: int) -> None:
    decoder = Decoder(Rules(currencies=frozenset(RATES)))
    for event in told(accounts, days, seed).events:
        decoded = decoder.decode_line(msgspec.json.encode(event), now=END)
        assert isinstance(decoded, Event), (decoded, event)
        assert (decoded.account, decoded.type, decoded.time) == (
            event["subject"],
            event["type"],
            millis(event),
        )
        assert not decoded.backfill


def test_only_currencies_with_a_rate_are_used() -> None:
    named = {event["data"].get("currency") for event in told(60, 60, 5).events} - {None}
    assert named == {"EUR", *RATES}
    plain = {event["data"].get("currency") for event in play(Plan(60, 60, END, 5))} - {None}
    assert plain == {"EUR"}


def test_every_event_type_of_the_contract_occurs() -> None:
    assert {event["type"] for event in told(25, 400, 3).events} == {kind.name for kind in EVENT_TYPES}


def test_an_id_is_used_for_one_event_only() -> None:
    known: dict[tuple[str, ...], dict[str, object]] = {}
    for event in told(25, 120, 3).events:
        account, source, name = identity(event)
        key = (account, topic_of(event["type"]), source, name)
        assert known.setdefault(key, event) == event


def test_every_event_lies_within_the_days_asked_for() -> None:
    plan = told(25, 120, 3).plan
    times = [millis(event) for event in told(25, 120, 3).events]
    assert plan.start <= min(times)
    assert max(times) <= plan.end
    assert max(times) == told(25, 120, 3).ledger.end


def test_a_history_that_ends_at_noon_begins_at_noon() -> None:
    plan = Plan(60, 2, END - DAY // 2, 3)
    times = [millis(event) for event in play(plan)]
    assert plan.start <= min(times) < max(times) <= plan.end


def test_without_disorder_events_come_once_and_in_order() -> None:
    calm = told(25, 120, 3, CALM).events
    times = [millis(event) for event in calm]
    assert times == sorted(times)
    assert len({identity(event) for event in calm}) == len(calm)


def test_disorder_changes_the_arrival_and_nothing_that_happened() -> None:
    calm, wild = told(25, 120, 3, CALM), told(25, 120, 3, Disorder(0.2, 0.3, 20 * DAY, HOUR))
    times = [millis(event) for event in wild.events]
    assert times != sorted(times)
    assert {identity(event): event for event in wild.events} == {identity(event): event for event in calm.events}
    assert wild.ledger == calm.ledger


def test_about_one_in_a_hundred_arrives_twice() -> None:
    events = told(25, 400, 3).events
    share = 1 - len({identity(event) for event in events}) / len(events)
    assert 0.008 < share < 0.012


def test_about_one_in_fifty_is_late_but_never_by_more_than_asked() -> None:
    disorder = Disorder(duplicates=0, late=0.02, late_by=2 * DAY, jitter=SECOND)
    arrivals = Arrivals(disorder, Random(1))
    for number in range(20_000):
        arrivals.send((number * SECOND, {"sent": number * SECOND}))
    delays = [arrival - event["sent"] for arrival, event in arrivals.rest()]
    late = [delay for delay in delays if delay >= MINUTE]
    assert 0.017 < len(late) / len(delays) < 0.023
    assert 36 * HOUR < max(late) <= 2 * DAY
    assert min(delays) >= 0


def test_what_arrives_before_a_time_comes_in_the_order_of_arrival_and_the_rest_stays() -> None:
    arrivals = Arrivals(CALM, Random(1))
    for time in (30, 10, 20, 10):
        arrivals.send((time, {"sent": time}))
    assert [arrival for arrival, _ in arrivals.before(30)] == [10, 10, 20]
    assert [arrival for arrival, _ in arrivals.rest()] == [30]


def test_the_backfill_says_that_it_is_one() -> None:
    events = list(history(3, 20, datetime(2026, 1, 1, tzinfo=UTC), seed=1))
    assert events
    assert {event["origin"] for event in events} == {"backfill"}


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        history(3, 20, datetime(2026, 1, 1), seed=1)  # noqa: DTZ001 - the point of the test


def test_nothing_arrives_before_it_is_sent_not_even_a_duplicate() -> None:
    arrivals = Arrivals(Disorder(duplicates=1, late=0.5, late_by=DAY), Random(1))
    for _ in range(100):
        arrivals.send((DAY, {}))
    times = [arrival for arrival, _ in arrivals.rest()]
    assert len(times) == 200
    assert min(times) >= DAY


def test_memory_does_not_grow_with_the_days() -> None:
    assert peak(days=240) < 1.6 * peak(days=60)


def peak(days: int) -> int:
    """The most bytes held while a history is told and thrown away."""
    tracemalloc.start()
    try:
        for _ in play(Plan(10, days, END, 3)):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
