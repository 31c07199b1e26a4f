"""The scene: one account at work. What every process needs to tell its part of the story."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Any, NamedTuple, Protocol

from kamstream.simulate.ledger import Ledger
from kamstream.simulate.offices import DAY, HOUR, SECOND, Office, date_of
from kamstream.simulate.world import Company, World


class Moment(NamedTuple):
    """Something that happens: the time in epoch milliseconds, the event type, its data."""

    time: int
    type: str
    data: dict[str, Any]


Act = Generator[Moment, None, int]
"""A part of a life; it returns the time at which it ends."""


class Life(NamedTuple):
    """The life of one thing, a ticket or a deal say.

    Its moments come in order of time and are taken one by one. What stands behind a `yield` in a life happens
    only if that moment came to pass: a life cut off at the end of the history has noted just what was told.
    """

    entity: str
    moments: Iterator[Moment]


class Pace(Protocol):
    """How work and waiting turn into time on the clock."""

    def after(self, office: Office, start: int, work: int) -> int:
        """When so many milliseconds of work are done."""
        ...

    def wait(self, start: int, length: int) -> int:
        """When so many milliseconds of days and nights have passed."""
        ...


class OfficeHours:
    """The real world: work is done while the office is open."""

    def after(self, office: Office, start: int, work: int) -> int:
        return office.after(start, work)

    def wait(self, start: int, length: int) -> int:
        return start + length


@dataclass(slots=True)
class Scene:
    """One account, its chance, and the ledger in which the truth is kept."""

    world: World
    company: Company
    rng: Random
    ledger: Ledger
    pace: Pace

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def count(self, day: int, per_day: float) -> int:
        """How many things begin on a day: Poisson, by size, season and day of the week."""
        share = 1.0 if self.company.office.span(day) else 0.08
        mean = per_day * self.company.size * self.world.activity(day) * share
        number, left = 0, exp(-mean)
        left_over = self.rng.random()
        while left_over > left:
            number += 1
            left_over *= self.rng.random()
        return number

    def moment(self, day: int, *, strict: bool = False) -> int:
        """A time on a day, mostly within office hours (`strict`: always, where it is open)."""
        span = self.company.office.span(day)
        if span is None or not (strict or self.rng.random() < 0.93):
            return day * DAY + int(self.rng.random() * DAY)
        return span[0] + int(self.rng.betavariate(1.6, 1.6) * (span[1] - span[0]))

    def later(self, office: Office, time: int, hours: float) -> int:
        """When something that usually takes so many working hours is done; a bad quarter makes it long."""
        work = int(hours * HOUR * self.rng.lognormvariate(0.0, 0.8)) + SECOND
        return self.pace.after(office, time, work * 4 if self.slump(time) else work)

    def slump(self, time: int) -> bool:
        """Whether the account's manager has a bad quarter."""
        return self.world.slump.holds(self.company.kam_at(time), time)

    def lives(
        self, kind: str, day: int, per_day: float, life: Callable[[Scene, str, int], Iterator[Moment]]
    ) -> Iterator[Life]:
        """The lives of one kind that begin on a day, so many a day for an account of size 1."""
        for number in range(1, self.count(day, per_day) + 1):
            entity = self.entity(kind, day, number)
            yield Life(entity, life(self, entity, self.moment(day)))

    def entity(self, kind: str, day: int, number: int | str) -> str:
        """An id that names the account, the day and the number of the day, such as `TCK-7-261124-1`."""
        return f"{kind}-{self.company.number}-{date_of(day):%y%m%d}-{number}"
