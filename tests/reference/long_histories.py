"""Long histories from a seed: thousands of events over years, lives with the same nasty things in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.reference.drafts import FAMILIES, TYPES, T, event, payload, rfc3339
from tests.reference.histories import NASTY
from tests.reference.parse import milliseconds
from tests.reference.settings import DAY, HOUR, MINUTE, Settings

START = milliseconds("2023-11-14T09:30:00Z")
GAPS = (0, 1, 1000, MINUTE, 7 * MINUTE, HOUR, 5 * HOUR, DAY, DAY, 3 * DAY, 9 * DAY)
LIVES = {"interaction": 6, "ticket": 7, "deal": 6, "contract": 5, "milestone": 2, "survey": 1, "account": 1}


class Seeded:
    """Chance from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one(self, options: Sequence[T]) -> T:
        return self.random.choice(options)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent


@dataclass
class Plan:
    """What is made: the arrival time (ms) of each event beside it."""

    pick: Seeded
    settings: Settings
    log: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def arrive(self, made: dict[str, Any], at: int) -> None:
        """Most come at once, some late, a few beyond the horizon; some come twice, a few with other words."""
        horizon, random = self.settings.horizon_ms, self.pick.random
        delay = 0
        if self.pick.chance(20):
            delay = random.randrange(2 * HOUR)
        if self.pick.chance(5):
            delay = random.randrange(horizon * 9 // 10)
        elif self.pick.chance(3):
            delay = horizon + random.randrange(horizon)
        self.log.append((at + delay, made))
        if self.pick.chance(4):
            again = dict(made)
            if self.pick.chance(30):
                again["time"] = rfc3339(at + self.pick.one(GAPS), self.pick)
            if self.pick.chance(30):
                again["data"] = payload(self.pick, made["type"], "other", at, [self.settings.reporting_currency])
            self.log.append((at + delay + random.randrange(horizon // 2), again))


def long_history(
    seed: int,
    *,
    events: int = 5000,
    accounts: int = 6,
    days: int = 1100,
    families: Sequence[str] = FAMILIES,
    settings: Settings = NASTY,
) -> list[dict[str, Any]]:
    """About `events` CloudEvents in arrival order, the same for the same arguments."""
    plan = Plan(Seeded(seed), settings)
    number = 0
    while len(plan.log) < events:
        account = f"A{int(plan.pick.random.random() ** 2 * accounts)}"  # the first are the busy ones
        family = plan.pick.one(families)
        if family == "account" and account == "A1":
            continue  # one account has no profile ever
        number += 1
        life(plan, account, family, number, START + plan.pick.random.randrange(days * DAY))
    return [made for _, made in sorted(plan.log, key=lambda pair: pair[0])]


def life(plan: Plan, account: str, family: str, number: int, begin: int) -> None:
    """The events of one entity: mostly opened first, then anything; now and then a gap of a horizon."""
    pick, kinds, at = plan.pick, TYPES[family], begin
    entity = f"e{number}" if pick.chance(95) else f"e{pick.random.randrange(1, number + 1)}"
    project = pick.one(("P", "Q"))
    for step in range(pick.random.randint(1, LIVES[family])):
        type_ = kinds[0] if step == 0 and pick.chance(95) else pick.one(kinds[1:] or kinds)
        if step and pick.chance(3):
            type_ = kinds[0]
        currencies = [plan.settings.reporting_currency, *plan.settings.rates]
        data = payload(pick, type_, entity, at, ["XXX"] if pick.chance(4) else currencies)
        if family == "milestone":
            data["project_id"] = project
        made = event(
            account=account,
            type_=type_,
            at=rfc3339(at, pick),
            source=pick.one(("crm", "app")),
            id_=f"{pick.one('amz')}{number}-{step}",
            data=data,
        )
        plan.arrive(made, at)
        at += plan.settings.horizon_ms + pick.one((0, 1)) if pick.chance(2) else pick.one(GAPS)
