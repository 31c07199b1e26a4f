"""What can have no effect any more is forgotten, and no value changes by that."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kamstream.alerts import load_rules, measures
from kamstream.engine import Config, Engine
from kamstream.engine.offline import Offline
from kamstream.events import Decoder, Event, Rules
from kamstream.kpis import CATALOGUE
from kamstream.windows import DAY, HOUR, MINUTE, parse, to_text
from tests.engine.driver import config_of, events_of, keep, rows_of
from tests.reference import Settings, assert_same, recount
from tests.reference.histories import NASTY
from tests.reference.long_histories import long_history

START = 1_767_225_600_000  # 2026-01-01
NAMES = ("ticket_id", "deal_id", "thread_id", "contract_id", "milestone_id")
ENTITY_ROW = re.compile(rb"A[^\0]*\0e")


def fresh_names(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of entities whose name was never used before: a CRM does not give an id twice."""
    kept = []
    for record in log:
        own = "e" + re.findall(r"\d+", record["id"])[0]
        names = [record["data"][name] for name in NAMES if record["data"].get(name)]
        if all(name in (own, "other") for name in names):
            kept.append(record)
    return kept


@pytest.mark.parametrize("seed", range(2))
def test_years_of_events_leave_little_behind_and_every_value_right(seed: int) -> None:
    settings: Settings = replace(NASTY, scopes=("account", "kam", "company"))
    log = fresh_names(long_history(seed, events=1500, accounts=3, days=1100, settings=settings))
    offline, stored = Offline(config_of(settings)), dict[bytes, bytes]()
    most = 0
    entities = {(record["subject"], record["data"].get(name), name) for record in log for name in NAMES}
    for number, event in enumerate(events_of(log, settings)):
        offline.apply(event)
        if number % 20 == 19:
            at_rest(offline, stored)
            most = max(most, len(stored))
    at_rest(offline, stored)
    expected = recount(log, settings, offline.engine.time)
    assert_same(rows_of(offline), expected)
    left = sum(1 for key in stored if ENTITY_ROW.match(key))
    assert left < len(entities) / 2
    assert len(stored) < most * 1.05
    again = Offline(config_of(settings))
    assert again.engine.restore(stored)
    again.settle()
    assert_same(rows_of(again), expected)


def at_rest(offline: Offline, stored: dict[bytes, bytes]) -> None:
    """Flush until nothing is left to flush; the rows are stored."""
    while True:
        flush = offline.engine.flush()
        offline._flushes += 1
        keep(stored, flush.rows)
        for _, key, payload in flush.rollups:
            offline.engine.receive(key, payload, (1, offline._flushes))
        if not (flush.rows or flush.rollups):
            return


def event(type_: str, at: int, data: str, *, account: str = "A", id: str = "") -> Event:
    """An event in its normal form."""
    line = (
        f'{{"specversion":"1.0","id":"{id or f"{type_}{at}"}","source":"crm","type":"{type_}","subject":"{account}",'
        f'"time":"{to_text(at)}","data":{data}}}'
    )
    made = Decoder(Rules()).decode_line(line.encode(), now=2**60)
    assert isinstance(made, Event), made
    return made


def restarted(engine: Engine, config: Config) -> Engine:
    """An engine made of another's rows, all of its accounts still rows."""
    rows = {key: value for key, value in engine.flush().rows if value is not None}
    again = Engine(config)
    assert again.restore(rows)
    return again


def test_what_falls_due_after_a_restart_counts_in_accounts_that_nobody_touched() -> None:
    config = Config(scopes=("account",))
    engine = Engine(config)
    planned = f'{{"project_id":"P","milestone_id":"M","due_at":"{to_text(START + 3 * DAY)}"}}'
    engine.apply(event("milestone.planned", START, planned))
    again = restarted(engine, config)
    while again.flush(most=1).more:
        pass
    again.advance(START + 3 * DAY)
    change = again.flush().changes[0]
    assert change.values["joint_engagement:7d"].n == 1
    assert change.old is not None
    assert change.old["joint_engagement:7d"].n == 0


def test_a_customer_who_waits_too_long_is_an_alert_without_any_event(tmp_path: Path) -> None:
    path = tmp_path / "alerts.yaml"
    path.write_text(
        "rules:\n- {name: wait, kpi: oldest_wait, window: now, scope: account, fire: '> 1h', severity: warning}\n"
    )
    config = Config(scopes=("account",), rules=tuple(load_rules(path, kpis=measures(CATALOGUE)).rules))
    engine = Engine(config)
    engine.apply(event("ticket.opened", START, '{"ticket_id":"T"}'))
    for running in (engine, restarted(engine, config)):
        while running.flush(most=1).more:
            pass
        running.advance(START + HOUR)
        assert not running.flush().steps
        running.advance(START + HOUR + 1)
        assert [step.status for step in running.flush().steps] == ["firing"]


def test_time_far_ahead_costs_no_more_than_the_next_minute() -> None:
    engine = Engine(Config(scopes=("account",), windows=(parse("60m"), parse("24h"), parse("365d"))))
    engine.apply(event("ticket.opened", START, '{"ticket_id":"T"}'))
    engine.flush()
    engine.advance(START + MINUTE)
    engine.advance(START + 36_500 * DAY)
    assert engine.flush().changes[0].values["resolution_rate:365d"].n == 0
    assert list(engine.ids()) == [("account", "A")]


def test_a_profile_that_no_longer_tells_the_spend_leaves_no_share_behind() -> None:
    """The rows of an id may all go and others come between two looks at its table."""
    offline, shares = Offline(Config()), []
    for number, spend in enumerate((',"category_spend_annual":0', "")):
        offline.apply(event("account.updated", START, f'{{"name":"A","kam_id":"ann"{spend}}}', id=str(number)))
        for change in offline.step().changes:
            shares += [(change.scope, v.n) for f, v in change.values.items() if f == "market_share:7d"]
    assert sorted(shares) == [("account", 0), ("account", 1), ("company", 0), ("company", 1), ("kam", 0), ("kam", 1)]


def test_an_open_ticket_is_never_forgotten() -> None:
    config = Config(scopes=("account",), windows=(parse("2d"),), horizon=10 * DAY)
    engine = Engine(config)
    engine.apply(event("ticket.opened", START, '{"ticket_id":"T"}'))
    for day in range(20, 400, 20):
        engine.apply(event("ticket.opened", START + day * DAY, f'{{"ticket_id":"T{day}"}}'))
        engine.apply(event("ticket.resolved", START + day * DAY + 1, f'{{"ticket_id":"T{day}"}}'))
        engine.flush()
    engine.apply(event("ticket.resolved", START + 401 * DAY, '{"ticket_id":"T"}'))
    assert engine.table("account", "A").values["open_tickets:now"].value == 0
