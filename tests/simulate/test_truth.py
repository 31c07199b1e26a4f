"""The truth is right: on ledgers worked out by hand, and against the brute-force recount of the events."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from kamstream.engine.config import Config
from kamstream.engine.offline import Offline
from kamstream.events import Decoder, Event, Rules
from kamstream.simulate import Disorder, Ledger, rows
from kamstream.simulate.facts import MEASURES
from kamstream.simulate.ledger import Deal, Interaction, Milestone, Survey, Thread, Ticket
from kamstream.simulate.offices import DAY, HOUR, MINUTE
from kamstream.simulate.truth import WINDOWS, span
from tests.reference import Settings, assert_same, recount
from tests.simulate.worlds import END, RATES, told

NOON = 20_000 * DAY + 12 * HOUR
Key = tuple[str, str, str, str]


def table(ledger: Ledger, *windows: str) -> dict[Key, tuple[Any, int]]:
    found = rows(ledger, windows or WINDOWS)
    return {(row["scope"], row["id"], row["kpi"], row["window"]): (row["value"], row["n"]) for row in found}


def small() -> Ledger:
    """One account of ann's, where bob is an agent; its history ends at noon."""
    ledger = Ledger(end=NOON, accounts={"A"}, kams={"A": "ann"}, rates={"USD": Decimal("0.5")})
    # Opened at 8, answered at 9, resolved at 10 by bob; reopened at 11, unanswered for an hour.
    first = ledger.ticket(Ticket("t1", "A", NOON - 4 * HOUR, True, "bob"))
    first.customer_wrote(NOON - 4 * HOUR)
    first.agent_replied(NOON - 3 * HOUR)
    first.was_resolved(NOON - 2 * HOUR)
    first.was_reopened(NOON - HOUR)
    # Opened by nobody's agent two days ago, resolved a day later without a word.
    second = ledger.ticket(Ticket("t2", "A", NOON - 2 * DAY, False, None))
    second.was_resolved(NOON - DAY)
    # A thread: the customer wrote twice, bob answered the first of it after half an hour.
    thread = ledger.thread(Thread("m1", "A"))
    thread.customer_wrote(NOON - 2 * HOUR, None)
    thread.customer_wrote(NOON - 2 * HOUR + 10 * MINUTE, None)
    thread.answered(NOON - 2 * HOUR + 30 * MINUTE, "bob")
    thread.customer_wrote(NOON - 20 * MINUTE, "ann")
    for minutes in (120, 110, 90, 20):
        ledger.interaction(Interaction(NOON - minutes * MINUTE, "A", "bob" if minutes == 90 else None, "c"))
    # Won for 1000.01 dollars, worth 500.005, that is 500.01; lost with 300 euros known; lost with nothing known.
    won = ledger.deal(Deal("A", NOON - 12 * DAY, "ann", "USD", None))
    won.was_won(NOON - 2 * DAY, 100_001, 40_000, ("p", "q"))
    ledger.deal(Deal("A", NOON - 40 * DAY, "ann", "EUR", 30_000)).was_lost(NOON - 3 * DAY)
    ledger.deal(Deal("A", NOON - 5 * DAY, None, "EUR", None)).was_lost(NOON - DAY)
    for score in (10, 9, 8, 2):
        ledger.survey(Survey(NOON - DAY, "A", None, score))
    ledger.milestone(Milestone("A", NOON - DAY, "ann", completed=NOON - DAY))
    ledger.milestone(Milestone("A", NOON - HOUR, "ann", completed=NOON))
    ledger.milestone(Milestone("A", NOON + 1, "ann"))
    return ledger


@pytest.mark.parametrize(
    ("id", "field", "value", "n"),
    [
        ("account A", "first_response_time.mean:7d", 3600.0, 1),
        ("kam bob", "first_response_time.p90:7d", 3600.0, 1),
        ("kam ann", "first_response_time.mean:7d", None, 0),
        ("account A", "response_time.mean:7d", 2700.0, 2),
        ("account A", "response_time.p50:7d", 1800.0, 2),
        ("account A", "resolution_time.mean:7d", 86_400.0, 1),
        ("account A", "resolution_time.mean:24h", None, 0),
        ("account A", "resolution_rate:7d", 0.5, 2),
        ("account A", "resolution_rate:24h", 0.0, 1),
        ("account A", "reopen_rate:7d", 0.5, 2),
        ("account A", "open_tickets:now", 1, 1),
        ("account A", "oldest_wait:now", 3600.0, 2),
        ("kam ann", "oldest_wait:now", 1200.0, 1),
        ("account A", "conversion_rate:7d", 1 / 3, 3),
        ("account A", "conversion_rate_value:7d", 50_001 / 80_001, 2),
        ("account A", "opportunity_win_rate:30d", 0.5, 2),
        ("account A", "deal_cycle_time.mean:7d", 864_000.0, 1),
        ("account A", "revenue:7d", 500.01, 1),
        ("account A", "revenue:24h", 0, 0),
        ("account A", "average_deal_size:7d", 500.01, 1),
        ("account A", "average_deal_size:24h", None, 0),
        ("account A", "gross_margin:7d", 30_001 / 50_001, 1),
        ("account A", "new_products:7d", 2, 2),
        ("account A", "nps:7d", 25.0, 4),
        ("account A", "interaction_frequency:7d", 4.0, 4),
        ("kam bob", "interaction_frequency:7d", 1.0, 1),
        ("company all", "active_contacts:7d", 1, 1),
        ("account A", "joint_engagement:7d", 0.5, 2),
    ],
)
def test_a_small_ledger_gives_the_value_worked_out_by_hand(id: str, field: str, value: float | None, n: int) -> None:
    scope, name = id.split()
    kpi, window = field.split(":")
    assert table(small())[scope, name, kpi, window] == (value, n)


def test_what_follows_a_reopened_deal_replaces_what_was() -> None:
    ledger = Ledger(end=NOON, accounts={"A"}, kams={"A": "ann"})
    deal = ledger.deal(Deal("A", NOON - 9 * DAY, "ann", "EUR", 500))
    deal.was_lost(NOON - 5 * DAY)
    deal.was_reopened()
    assert table(ledger)["account", "A", "conversion_rate", "7d"] == (None, 0)
    deal.was_won(NOON - DAY, 700, None, ())
    assert table(ledger)["account", "A", "revenue", "7d"] == (7.0, 1)


def test_rows_stand_for_the_company_every_account_and_everybody_credited() -> None:
    ledger = small()
    ids = {(row["scope"], row["id"]) for row in rows(ledger)}
    assert ids == {("company", "all"), ("account", "A"), ("kam", "ann"), ("kam", "bob")}
    ledger.ticket(Ticket("t3", "A", NOON - 500 * DAY, True, "cid")).was_resolved(NOON - 499 * DAY)
    assert ("kam", "cid") not in {(row["scope"], row["id"]) for row in rows(ledger)}


def test_a_row_has_the_form_of_the_contract() -> None:
    row = next(row for row in rows(small(), ["90d"]) if row["kpi"] == "conversion_rate")
    assert row == {
        "scope": "company",
        "id": "all",
        "kpi": "conversion_rate",
        "window": "90d",
        "value": 1 / 3,
        "n": 3,
        "unit": "ratio",
        "as_of": "2024-10-04T12:00:00Z",
    }


@pytest.mark.parametrize("window", ["", "d", "0d", "-1d", "7w", "1.5d", "²d"])
def test_a_window_that_is_none_is_refused(window: str) -> None:
    with pytest.raises(ValueError, match="no window"):
        span(window, NOON)


@pytest.mark.parametrize(
    ("accounts", "days", "seed", "disorder"),
    [
        (1, 2, 1, None),
        (2, 60, 2, Disorder(0, 0, 0, 0)),
        (6, 90, 3, Disorder(0.1, 0.2, 20 * DAY, HOUR)),
        (4, 400, 4, None),
    ],
)
def test_a_brute_force_recount_of_the_events_comes_to_the_truth(
    accounts: int, days: int, seed: int, disorder: Disorder | None
) -> None:
    history = told(accounts, days, seed, disorder)
    windows = (*WINDOWS, "90m")
    known = {measure.kpi for measure in MEASURES}
    settings = Settings(windows=windows, rates={code: str(rate) for code, rate in RATES.items()})
    counted = {key: pair for key, pair in recount(history.events, settings).items() if key[2] in known}
    assert_same(table(history.ledger, *windows), counted)


def test_the_engine_comes_to_the_truth() -> None:
    history = told(10, 400, 4)
    decoder = Decoder(Rules(currencies=frozenset(RATES)))
    offline = Offline(Config(rates={code: {"": Fraction(rate)} for code, rate in RATES.items()}))
    for event in history.events:
        decoded = decoder.decode_line(msgspec.json.encode(event), now=END)
        assert isinstance(decoded, Event)
        assert offline.apply(decoded) in {"applied", "duplicate"}
    offline.settle()
    computed = {
        (found.scope, found.id, *field.rsplit(":", 1)): (value.value, value.n)
        for found in offline.tables()
        for field, value in found.values.items()
    }
    truth = table(history.ledger)
    assert_same({key: computed[key] for key in truth}, truth)
