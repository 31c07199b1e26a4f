"""The world that is simulated: companies, the people who look after them, and the times they live in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from random import Random

from kamstream.simulate.names import SEGMENTS, company_name
from kamstream.simulate.offices import DAY, OFFICES, Office, date_of

SEASON = (0.85, 1.0, 1.1, 1.0, 0.95, 1.1, 0.8, 0.55, 1.1, 1.15, 1.1, 0.75)
"""How busy each month is, January first."""

COUNTRY_WEIGHTS = (26, 20, 9, 8, 10, 9, 5, 5, 6, 2)
"""How many of a hundred companies sit in each country of OFFICES."""


@dataclass(frozen=True, slots=True)
class Person:
    """A key-account manager or a support agent."""

    id: str
    office: Office


@dataclass(frozen=True, slots=True)
class Company:
    """A key account. `size` is 1 for the smallest; `kams` holds (from when, who) in order of time."""

    number: int
    id: str
    name: str
    segment: str
    tier: str
    office: Office
    size: float
    currency: str
    contacts: tuple[str, ...]
    agents: tuple[Person, ...]
    kams: tuple[tuple[int, Person], ...]

    def kam_at(self, time: int) -> Person:
        """Who manages the account at a time."""
        at = bisect_right(self.kams, time, key=lambda tenure: tenure[0])
        return self.kams[max(at - 1, 0)][1]


@dataclass(frozen=True, slots=True)
class Slump:
    """The bad quarter of one manager: everything takes longer and less is won."""

    kam: str
    begin: int
    end: int

    def holds(self, kam: Person, time: int) -> bool:
        """Whether this manager has a bad time at this time."""
        return self.begin <= time < self.end and kam.id == self.kam


@dataclass(frozen=True, slots=True)
class Plan:
    """What a history is made from.

    `end` is epoch milliseconds; a rate is what one unit of a currency is worth in the reporting currency.
    """

    accounts: int
    days: int
    end: int
    seed: int
    reporting_currency: str = "EUR"
    rates: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def start(self) -> int:
        return self.end - self.days * DAY


@dataclass(frozen=True, slots=True)
class World:
    """Everything that stands before the first event happens."""

    plan: Plan
    companies: tuple[Company, ...]
    slump: Slump
    slow_weeks: frozenset[int]

    def activity(self, day: int) -> float:
        """How busy a day's time of year is, 1 on average."""
        slow = 0.4 if day // 7 in self.slow_weeks else 1.0
        return SEASON[date_of(day).month - 1] * slow


def build(plan: Plan) -> World:
    """The world of a plan; the same plan gives the same world."""
    rng = Random(f"{plan.seed}/world")
    kams = _people(rng, "kam", ceil(plan.accounts / 12))
    agents = _people(rng, "agent", max(2, ceil(plan.accounts / 15)))
    town = _Town(rng, plan, kams, agents, set())
    companies = tuple(town.company(number) for number in range(1, plan.accounts + 1))
    length = min(91, max(plan.days // 3, 1)) * DAY
    begin = plan.start + int(rng.random() * (plan.days * DAY - length))
    weeks = range(plan.start // DAY // 7, plan.end // DAY // 7 + 1)
    return World(
        plan=plan,
        companies=companies,
        slump=Slump(rng.choice(kams).id, begin, begin + length),
        slow_weeks=frozenset(week for week in weeks if rng.random() < 0.06),
    )


def _people(rng: Random, kind: str, size: int) -> list[Person]:
    return [Person(f"{kind}-{number}", rng.choices(OFFICES, COUNTRY_WEIGHTS)[0]) for number in range(1, size + 1)]


def _near(office: Office, people: list[Person]) -> list[Person]:
    """Those of the same country, or everybody where there is nobody."""
    return [person for person in people if person.office is office] or people


@dataclass(slots=True)
class _Town:
    """Where companies are founded: who can work for them, and which names are taken."""

    rng: Random
    plan: Plan
    kams: list[Person]
    agents: list[Person]
    names: set[str]

    def company(self, number: int) -> Company:
        rng, plan = self.rng, self.plan
        office = rng.choices(OFFICES, COUNTRY_WEIGHTS)[0]
        segment = rng.choice(SEGMENTS)
        # A power law: a few accounts make most of the traffic.
        size = min(rng.paretovariate(1.15), 40.0)
        identity = f"ACC-{number:04d}"
        return Company(
            number=number,
            id=identity,
            name=company_name(rng, segment, office.country, self.names),
            segment=segment,
            tier="strategic" if size > 6 else "key" if size > 2 else "growth",
            office=office,
            size=size,
            currency=office.currency if office.currency in plan.rates else plan.reporting_currency,
            contacts=tuple(f"{identity}-contact-{n}" for n in range(1, 3 + int(size * 1.5))),
            agents=tuple(rng.choice(_near(office, self.agents)) for _ in range(2)),
            kams=self._tenures(office),
        )

    def _tenures(self, office: Office) -> tuple[tuple[int, Person], ...]:
        """Who manages the account from when on; a few see one change."""
        near = _near(office, self.kams)
        first = (self.plan.start, self.rng.choice(near))
        if self.rng.random() > 0.12:
            return (first,)
        change = self.plan.start + int(self.rng.random() * self.plan.days * DAY)
        return (first, (change, self.rng.choice(near)))
