"""A log -> rows, by brute force. The package's docstring says how to use it and how the contract is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.reference import business, conversations
from tests.reference.facts import Fact, World
from tests.reference.parse import Ev, judge, milliseconds
from tests.reference.settings import Settings, span
from tests.reference.values import GAUGES, NAMES, WINDOWED, Value, View

Rows = dict[tuple[str, str, str, str], Value]

ENTITY: dict[str, tuple[tuple[str, ...], Callable[[World, Sequence[Ev]], None]]] = {
    "ticket": (("ticket_id",), conversations.ticket),
    "deal": (("deal_id",), business.deal),
    "contract": (("contract_id",), business.contract),
    "milestone": (("project_id", "milestone_id"), conversations.milestone),
}


def recount(
    log: Iterable[Mapping[str, Any] | bytes | str],
    settings: Settings | None = None,
    as_of: int | str | None = None,
) -> Rows:
    """(scope, id, kpi, window) -> (value, n) for a log in its order.

    T is `as_of` (epoch ms or RFC 3339 text), or the largest accepted event time (0 when there is none).
    """
    settings = settings or Settings()
    accepted = [event for event, verdict in judge(log, settings) if verdict == "applied"]
    if as_of is None:
        now = max((event.time for event in accepted), default=0)
    else:
        now = milliseconds(as_of) if isinstance(as_of, str) else as_of
    return rows_of(world_at(accepted, now, settings))


def world_at(accepted: Sequence[Ev], now: int, settings: Settings) -> World:
    """The rule: "Values are what was known by T: events later than T have no effect on them yet." """
    world = World(now, settings, [event for event in accepted if event.time <= now])
    entities: dict[tuple[str, ...], list[Ev]] = {}
    logged: list[Ev] = []
    for event in world.events:
        family = event.type.split(".")[0]
        if family in ENTITY:
            names = ENTITY[family][0]
            key = (event.account, family, *(event.data[name] for name in names))
            entities.setdefault(key, []).append(event)
        elif family == "interaction":
            logged.append(event)
        elif family == "survey":
            conversations.survey(world, event)
    for key, events in entities.items():
        ENTITY[key[1]][1](world, events)
    conversations.interactions(world, logged)
    business.first_products(world)
    return world


def rows_of(world: World) -> Rows:
    """kpis.md "Rows": one per id, KPI and window, nulls included."""
    rows: Rows = {}
    settings = world.settings
    if "account" in settings.scopes:
        # "every account with an accepted event by T"
        for account in sorted({event.account for event in world.events}):
            facts = [f for f in world.facts if f.account == account]
            add(rows, "account", account, values(View(world, by_kind(facts), [account]), settings))
    if "kam" in settings.scopes:
        named = {profile["kam_id"] for profile in world.profiles.values()}
        for person in sorted(named | {f.person for f in world.facts if f.person is not None}):
            theirs = sorted(a for a, profile in world.profiles.items() if profile["kam_id"] == person)
            facts = [f for f in world.facts if f.person == person]
            table = values(View(world, by_kind(facts), theirs), settings)
            # "every person credited with a fact that a window or gauge still holds, or named as KAM by a
            #  standing profile": a fact that a window holds is counted in some n; the n of revenue_growth also
            #  counts the previous window, which is no window that holds it (events.md tells the two apart)
            if person in named or any(n > 0 for (kpi, _), (_, n) in table.items() if kpi != "revenue_growth"):
                add(rows, "kam", person, table)
    if "company" in settings.scopes:
        everyone = sorted({event.account for event in world.events})
        add(rows, "company", "all", values(View(world, world.kinds, everyone), settings))
    return rows


def by_kind(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    kinds: dict[str, list[Fact]] = {}
    for fact in facts:
        kinds.setdefault(fact.kind, []).append(fact)
    return kinds


def values(view: View, settings: Settings) -> dict[tuple[str, str], Value]:
    """(kpi, window) -> value and n. "gauges once, with window now, whatever windows were asked for";
    "weighted_pipeline exists for <n>d windows only"."""
    table: dict[tuple[str, str], Value] = {}
    wanted = settings.kpis or NAMES
    for name in wanted:
        if name in GAUGES:
            table[name, "now"] = GAUGES[name](view)
            continue
        for window in settings.windows:
            covered = span(window, view.world.now)
            if name != "weighted_pipeline" or covered.ahead is not None:
                table[name, window] = WINDOWED[name](view, covered)
    return table


def add(rows: Rows, scope: str, id_: str, table: Mapping[tuple[str, str], Value]) -> None:
    for (kpi, window), value in table.items():
        rows[scope, id_, kpi, window] = value
