"""Live traffic follows on its history; its script fires the demo rules and resolves them in time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec
import pytest

import kamstream.simulate
from kamstream.alerts import load_rules
from kamstream.alerts.rules import measures
from kamstream.engine.config import Config
from kamstream.engine.offline import Offline
from kamstream.events import Decoder, Event, Rules
from kamstream.kpis import CATALOGUE
from kamstream.simulate import history, live
from tests.reference import Settings, recount
from tests.simulate.worlds import identity, millis

END = datetime(2026, 1, 13, 15, 0, tzinfo=UTC)
SEEDS = (1, 2, 3)
DEMO_RULES = Path(kamstream.simulate.__file__).with_name("demo-alerts.yml")
Due = tuple[datetime, dict[str, Any]]


@cache
def first(seconds: int, seed: int, accounts: int = 20) -> list[Due]:
    until = END + timedelta(seconds=seconds)
    return list(takewhile(lambda due: due[0] < until, live(accounts, 30, END, seed)))


@cache
def backfill(seed: int) -> list[dict[str, Any]]:
    return list(history(20, 30, END, seed))


def decode(decoder: Decoder, event: dict[str, Any], now: datetime) -> Event:
    """The event as the engine takes it."""
    decoded = decoder.decode_line(msgspec.json.encode(event), now=int(now.timestamp() * 1000))
    assert isinstance(decoded, Event), (decoded, event)
    return decoded


def victim(seed: int) -> str:
    """The account of the first turn."""
    return next(str(event["subject"]) for _, event in first(160, seed) if is_rush(event))


def is_rush(event: dict[str, Any]) -> bool:
    return str(event["data"].get("ticket_id", "")).startswith("RUSH")


@cache
def values(seed: int, seconds: int) -> dict[tuple[str, str], float]:
    """(account, gauge) -> value so many seconds after the start, counted again from all events until then."""
    now = END + timedelta(seconds=seconds)
    events = backfill(seed) + [event for due, event in first(160, seed) if due <= now]
    settings = Settings(windows=("7d",), scopes=("account",), kpis=("open_tickets", "oldest_wait"))
    counted = recount(events, settings, as_of=int(now.timestamp() * 1000))
    return {(key[1], key[2]): value or 0 for key, (value, _) in counted.items()}


def accounts_where(seed: int, seconds: int, gauge: str, limit: float) -> set[str]:
    found = values(seed, seconds).items()
    return {account for (account, name), value in found if name == gauge and value > limit}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_backlog_builds_up_within_20_seconds_and_is_gone_within_the_minute(seed: int) -> None:
    (victim,) = accounts_where(seed, 20, "open_tickets", 8) - accounts_where(seed, 1, "open_tickets", 8)
    assert values(seed, 2)[victim, "open_tickets"] <= 2
    assert values(seed, 55)[victim, "open_tickets"] < 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_customer_who_waited_over_night_appears_and_is_answered(seed: int) -> None:
    half_a_day = 12 * 3600
    appeared = accounts_where(seed, 20, "oldest_wait", half_a_day) - accounts_where(seed, 2, "oldest_wait", half_a_day)
    assert len(appeared) == 1
    assert not appeared & accounts_where(seed, 55, "oldest_wait", half_a_day)


def test_the_account_of_the_script_gets_no_other_tickets() -> None:
    for seed in SEEDS:
        rush = [e for _, e in first(60, seed) if e["type"] == "ticket.opened" and e["subject"] == victim(seed)]
        assert [is_rush(event) for event in rush] == [True] * 10


def test_the_next_turn_is_another_accounts() -> None:
    victims = [event["subject"] for _, event in first(200, 1) if event["type"] == "ticket.opened" and is_rush(event)]
    assert list(Counter(victims).values()) == [10, 10]


@pytest.mark.parametrize("path", [DEMO_RULES, None], ids=["demo rules", "default rules"])
def test_the_script_makes_an_alert_fire_and_resolve(path: Path | None) -> None:
    """Within 20 seconds and within the minute, delivered, at the account of the script."""
    rules = load_rules(path, kpis=measures(CATALOGUE)).rules
    offline = Offline(Config(rules=rules))
    decoder = Decoder(Rules())
    for event in backfill(1):
        offline.apply(decode(decoder, event, END))
    offline.settle()
    steps: list[tuple[str, str, str]] = []
    for second in range(60):
        now = END + timedelta(seconds=second)
        for due, event in first(160, 1):
            if now - timedelta(seconds=1) < due <= now:
                offline.apply(decode(decoder, event, due))
        offline.engine.advance(int(now.timestamp() * 1000))
        steps.extend(
            (step.rule, step.status, "early" if second <= 20 else "later")
            for step in offline.step().steps
            if step.deliver and step.id == victim(1)
        )
    names = ["customer-waiting"] if path is None else ["customer-waiting", "ticket-backlog"]
    assert [step for step in steps if step[0] in names] == [
        *((name, "firing", "early") for name in names),
        *((name, "resolved", "later") for name in names),
    ]


def test_what_the_history_left_open_is_closed_soon() -> None:
    left = [account for (account, name), value in values(1, 0).items() if name == "open_tickets" and value]
    assert left
    tickets = {event["data"]["ticket_id"] for event in backfill(1) if event["type"] == "ticket.opened"}
    closed = {e["data"]["ticket_id"] for e in backfill(1) if e["type"] == "ticket.resolved"}
    reopened = {e["data"]["ticket_id"] for e in backfill(1) if e["type"] == "ticket.reopened"}
    later = {e["data"]["ticket_id"] for _, e in first(90, 1) if e["type"] == "ticket.resolved"}
    assert tickets - closed <= later
    assert later & tickets <= (tickets - closed) | reopened


def test_live_events_keep_the_contract_and_are_no_backfill() -> None:
    decoder = Decoder(Rules())
    for due, event in first(160, 1):
        assert not decode(decoder, event, due).backfill
        assert millis(event) <= round(due.timestamp() * 1000)


def test_live_events_come_in_the_order_in_which_they_are_due() -> None:
    times = [due for due, _ in first(160, 1)]
    assert times == sorted(times)
    assert END <= times[0] < END + timedelta(seconds=5)


def test_no_live_id_was_used_in_the_history() -> None:
    assert not {identity(event) for _, event in first(160, 1)} & {identity(event) for event in backfill(1)}


def test_there_are_a_few_events_a_second_and_more_with_more_speed() -> None:
    assert 2 * 160 < len(first(160, 1)) < 6 * 160
    until = END + timedelta(seconds=160)
    fast = sum(1 for _ in takewhile(lambda due: due[0] < until, live(20, 30, END, 1, speed=4.0)))
    assert fast > 2.5 * len(first(160, 1))


def test_the_same_seed_gives_the_same_traffic() -> None:
    again = list(takewhile(lambda due: due[0] < END + timedelta(seconds=30), live(20, 30, END, 1)))
    assert again == [due for due in first(160, 1) if due[0] < END + timedelta(seconds=30)]


def test_it_can_start_later_than_the_history_ends() -> None:
    start = END + timedelta(seconds=17)
    due, event = next(live(5, 30, END, 1, start=start))
    assert due >= start
    assert millis(event) >= int(start.timestamp() * 1000)


def test_a_show_with_a_single_account_has_its_breach_too() -> None:
    assert sum(is_rush(event) for _, event in first(60, 1, accounts=1)) >= 30
