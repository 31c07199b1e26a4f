"""Whatever value is asked about: recomputing it from the facts that ``why`` lists gives that value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from kamstream.cli.why import rows as rows_of
from kamstream.engine import Config
from kamstream.engine.offline import Offline
from kamstream.engine.plan import Plan
from kamstream.engine.why import Question, Standing, explain
from kamstream.entities.fact import ServiceLevel
from kamstream.kpis import CATALOGUE
from tests.engine.driver import config_of, events_of
from tests.reference import Settings
from tests.reference.compare import close
from tests.reference.drafts import event
from tests.reference.histories import NASTY, TO_DATE
from tests.reference.long_histories import START, long_history
from tests.why.recompute import recomputed

DAY = 86_400_000
HOUR = 3_600_000
IN_THE_PAST = START + 770 * DAY + 5 * HOUR
LONG = replace(NASTY, horizon="800d", windows=("365d", "90d", "24h"))
LEVELS = (
    ServiceLevel("normal", None, 30 * HOUR, 5 * DAY),
    ServiceLevel("high", "gold", HOUR, 2 * HOUR),
    ServiceLevel("low", None, None, 12 * DAY),
)


def business(_: Any, start: int, end: int) -> int:
    """Open is every second hour."""
    hours = range(start // HOUR * HOUR, end, HOUR)
    return sum(min(end, hour + HOUR) - max(start, hour) for hour in hours if hour // HOUR % 2)


def everything(settings: Settings) -> Config:
    """All KPIs of the catalogue, those with an option, too."""
    return replace(config_of(settings), kpis=CATALOGUE, open_time=business, service_levels=LEVELS)


@pytest.mark.parametrize("as_of", [None, IN_THE_PAST], ids=["at the end", "in the past"])
@pytest.mark.parametrize("shape", [NASTY, LONG, TO_DATE], ids=["short", "long", "to date"])
def test_every_value_of_a_long_history_follows_from_its_facts(shape: Settings, as_of: int | None) -> None:
    config, standing = everything(shape), Standing()
    offline = Offline(config, until=as_of, journal=standing)
    for one in events_of(long_history(5, events=900, days=800, settings=shape), shape):
        offline.apply(one)
    offline.settle()
    asked = told = 0
    for table in offline.tables():
        for field in Plan(config).fields:
            question = Question(table.scope, table.id, field.kpi, field.window, field.place)
            assert question.field == field.name
            why = explain(question, standing, offline.engine)
            where = f"{table.scope} {table.id} {field.name}"
            # In the table, from the facts' integers, from what is printed: three times the same.
            assert why.value == table.values[field.name], where
            head, *facts = (msgspec.json.decode(msgspec.json.encode(row)) for row in rows_of(why))
            value, n = recomputed(head, facts)
            assert n == why.value.n, where
            assert close(field.kpi.name, why.value.value, value), f"{where}: {why.value.value} is not {value}"
            if field.kpi.rank and n:
                assert head["exact"] == value, where
                assert [row["amounts"] for row in facts if row["decides"]], where
            asked += 1
            told += len(facts)
    assert {table.scope for table in offline.tables()} == {"account", "kam", "company"}
    assert asked > 500
    assert told > 200


def test_every_kpi_has_facts_in_a_history_above() -> None:
    """Else the test above would prove nothing of it."""
    config, standing = everything(LONG), Standing()
    offline = Offline(config, until=IN_THE_PAST, journal=standing)
    for one in events_of(long_history(5, events=900, days=800, settings=LONG), LONG):
        offline.apply(one)
    offline.settle()
    questions = [Question("company", "all", field.kpi, field.window, field.place) for field in Plan(config).fields]
    seen = {each.kpi.name for each in questions if explain(each, standing, offline.engine).lines}
    assert seen == {kpi.name for kpi in CATALOGUE}


def test_two_facts_with_the_same_integers_both_count() -> None:
    """Two threads answered at the same moments are two facts with the same integers."""
    standing = Standing()
    offline = Offline(Config(), journal=standing)
    for thread in "ab":
        for step, direction in enumerate(("inbound", "outbound")):
            data = {"interaction_id": "x", "direction": direction, "channel": "email", "thread_id": thread}
            made = event(
                account="A", type_="interaction.logged", at=f"2026-01-01T00:0{step}:00Z", source="crm",
                id_=f"{thread}{step}", data=data,
            )  # fmt: skip
            offline.apply(*events_of([made], LONG))
    kpi = next(kpi for kpi in CATALOGUE if kpi.name == "response_time.mean")
    why = explain(Question("account", "A", kpi, Config().windows[0]), standing, offline.engine)
    assert (why.value.value, why.value.n, len(why.lines)) == (60.0, 2, 2)
