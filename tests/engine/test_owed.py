"""After a takeover every id is handed over once, those that something happened to first."""

from __future__ import annotations

from kamstream.engine import Config, Engine
from kamstream.engine.engine import Flush
from kamstream.events import Event
from tests.engine.driver import decoded

COUNT = 9


def interaction(number: int, account: str) -> Event:
    line = (
        f'{{"specversion":"1.0","id":"e{number}","source":"crm","type":"interaction.logged","subject":"{account}",'
        f'"time":"2026-01-01T00:00:{number:02}Z",'
        f'"data":{{"interaction_id":"{number}","direction":"inbound","channel":"chat"}}}}'
    )
    return decoded(line)


def taken_over() -> Engine:
    before, engine = Engine(Config(scopes=("account",))), Engine(Config(scopes=("account",)))
    for number in range(COUNT):
        before.apply(interaction(number, f"ACC-{number}"))
    assert engine.restore({key: value for key, value in before.flush().rows if value is not None})
    return engine


def ids(flush: Flush) -> list[str]:
    return [change.id for change in flush.changes]


def test_what_happens_after_a_takeover_is_handed_over_first() -> None:
    engine = taken_over()
    first = engine.flush(most=2)
    assert len(first.changes) == 2
    assert first.more
    engine.apply(interaction(20, "ACC-4"))
    engine.apply(interaction(21, "new"))
    second = engine.flush(most=3)
    assert ids(second)[:2] == ["ACC-4", "new"]
    assert len(second.changes) == 3
    assert all(change.full for change in second.changes if change.id not in ids(first))


def test_every_id_is_handed_over_once() -> None:
    engine = taken_over()
    engine.flush(most=0)
    engine.apply(interaction(20, "ACC-8"))
    found = ids(engine.flush(most=1))
    while True:
        flush = engine.flush(most=4)
        found += ids(flush)
        if not flush.more:
            break
    assert sorted(found) == sorted(f"ACC-{number}" for number in range(COUNT))
    assert engine.flush().changes == []


def test_all_are_handed_over_where_no_limit_is_set() -> None:
    flush = taken_over().flush()
    assert len(flush.changes) == COUNT
    assert not flush.more
