"""An entity that is read event by event counts exactly what its whole set of events says, however it is kept."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kamstream.engine import Config, Engine
from kamstream.engine.account import Account
from kamstream.engine.kinds import STORIES, derive
from kamstream.engine.strand import LENGTH, Strand
from kamstream.entities.fact import Context, Fact
from kamstream.events import Event
from kamstream.windows import DAY, HOUR, parse
from tests.engine.driver import config_of, decoded, events_of
from tests.reference.histories import NASTY, histories

THOROUGH = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
START = 1_767_225_600_000  # 2026-01-01


class Counting:
    """A journal that keeps what counts."""

    def __init__(self) -> None:
        self.facts: Counter[Fact] = Counter()

    def __call__(self, account: str, fact: Fact, sign: int) -> None:
        self.facts[fact] += sign


def strands(engine: Engine) -> list[tuple[Account, Strand]]:
    """All strands of an engine, decoded."""
    accounts = [account for id in list(engine._intake.accounts) if (account := engine._account(id))]
    return [(account, account._strand(key)) for account in accounts for key in account.entities if key[0] in STORIES]


@THOROUGH
@given(histories(NASTY, families=("ticket", "interaction", "deal", "account")), st.randoms(use_true_random=False))
def test_reading_on_counts_what_reading_anew_counts(log: list[dict[str, Any]], random: Any) -> None:
    journal = Counting()
    engine = Engine(config_of(NASTY), journal=journal)
    for event in events_of(log, NASTY):
        engine.apply(event)
        if random.random() < 0.3:
            engine.flush()
    expected: Counter[Fact] = Counter()
    for account, strand in strands(engine):
        context = Context(engine.time, account.profile, engine._shared.terms)
        records = sorted(strand.records())
        assert records == strand.records()
        expected.update(fact for fact in derive(strand.key, records, context).facts if fact.kind != "product_won")
    kinds = {fact.kind for fact in expected} | {"response", "open_wait", "ticket", "closed_deal", "open_ticket"}
    counted = {fact: n for fact, n in journal.facts.items() if n and fact.kind in kinds}
    assert counted == dict(expected)


def message(number: int, at: int, direction: str) -> Event:
    """An interaction of one thread."""
    line = (
        f'{{"specversion":"1.0","id":"m{number}","source":"crm","type":"interaction.logged","subject":"A",'
        f'"time":"{_text(at)}","data":{{"interaction_id":"i{number}","direction":"{direction}","channel":"email",'
        f'"thread_id":"T"}}}}'
    )
    return decoded(line)


def _text(at: int) -> str:
    from kamstream.windows import to_text

    return to_text(at)


SHORT = Config(windows=(parse("2d"),), horizon=10 * DAY, scopes=("account",))


def replayed(stored: dict[bytes, bytes], engine: Engine) -> list[tuple[bytes, bytes | None]]:
    """Flush into a store; the rows that were written."""
    rows = list(engine.flush().rows)
    for key, value in rows:
        if value is None:
            stored.pop(key, None)
        else:
            stored[key] = value
    return rows


def test_a_long_thread_is_not_written_anew_with_every_message() -> None:
    engine, stored = Engine(SHORT), dict[bytes, bytes]()
    biggest = 0
    for number in range(400):
        engine.apply(message(number, START + number * HOUR, "inbound" if number % 2 == 0 else "outbound"))
        rows = replayed(stored, engine)
        biggest = max(biggest, sum(len(key) + len(value or b"") for key, value in rows))
    assert biggest < 9_000
    assert sum(len(value) for value in stored.values()) < 45_000  # of 400 messages those of two horizons are left
    again = Engine(SHORT)
    assert again.restore(stored)
    assert again.table("account", "A").values == engine.table("account", "A").values


@pytest.mark.parametrize("late", [1, LENGTH - 1, LENGTH, 2 * LENGTH + 3, 5 * LENGTH])
def test_a_late_message_of_a_long_thread_finds_its_place(late: int) -> None:
    count = 6 * LENGTH
    events = [message(n, START + n * HOUR, "inbound" if n % 3 == 0 else "outbound") for n in range(count)]
    tables = []
    for order in (events, [*events[: -late - 1], *events[-late:], events[-late - 1]]):
        engine, stored = Engine(SHORT), dict[bytes, bytes]()
        for number, event in enumerate(order):
            assert engine.apply(event) == "applied"
            if number % 5 == 0:
                replayed(stored, engine)
        replayed(stored, engine)
        again = Engine(SHORT)
        assert again.restore(stored)
        assert again.table("account", "A").values == engine.table("account", "A").values
        tables.append(engine.table("account", "A").values)
    assert tables[0] == tables[1]
