"""The protocol of a KPI.

A KPI is *sums over facts* and *a value made of them*. ``Sums`` says which facts count and which integers of them
are added up, pane by pane; sums merge, so that every scope, window and partition uses the same ones. ``Kpi`` gives
them a name, a unit, a direction and says how the sums of a window become a value, or None where there is no data.
Adding a KPI is one file (or one class) and one line in the catalogue.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction

import msgspec

from kamstream import sketch
from kamstream.entities.fact import Fact
from kamstream.windows import Window


class Shelf(IntEnum):
    """Where a fact's amounts are kept."""

    #: In the pane of its time, for every unit of the configured windows.
    WINDOWED = 0
    #: Standing now, until the entity retracts it.
    NOW = 1
    #: Standing now, one for every configured window (the fact's label is the window's place).
    PER_WINDOW = 2
    #: In the pane of its day, which lies ahead; windows look forward, today included.
    AHEAD = 3
    #: A wait that began at its time and is not over.
    WAITS = 4


Amounts = Callable[[Fact], tuple[int, ...] | None]


@dataclass(frozen=True, slots=True)
class Take:
    """Adds up ``count`` of a fact's amounts, from the place ``first`` on; known to the engine, which takes them itself.

    >>> Take(1, 2)(Fact("won_deal", 0, None, (5, 6, 7), "", 0, ()))
    (6, 7)
    """

    first: int
    count: int

    def __call__(self, fact: Fact) -> tuple[int, ...]:
        return fact.amounts[self.first : self.first + self.count]


#: No amounts: the facts are only counted.
nothing = Take(0, 0)


@dataclass(frozen=True, slots=True)
class At:
    """The fact's amount at a place, as the duration whose percentiles are kept; known to the engine like ``Take``."""

    place: int

    def __call__(self, fact: Fact) -> int:
        return fact.amounts[self.place]


@dataclass(frozen=True, eq=False, slots=True)
class Sums:
    """Sums that are kept of facts of one kind.

    ``name`` names them in the stored state and must never change its meaning. ``amounts`` gives what a fact adds, of
    ``width`` integers, or None where it does not count; the number of facts is always kept beside them. ``spread``
    gives a duration in milliseconds whose percentiles are kept, too.
    """

    name: str
    fact: str
    width: int = 0
    amounts: Amounts = nothing
    spread: Callable[[Fact], int] | None = None
    shelf: Shelf = Shelf.WINDOWED


class Total(msgspec.Struct, frozen=True, gc=False):
    """Sums over a window: the number of facts, their added amounts, and their spread (bucket → count)."""

    n: int
    amounts: Sequence[int]
    spread: Mapping[int, int]


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a value is made of.

    ``total`` are the KPI's sums in the window, ``before`` those of the previous window (of a KPI that asks for it),
    ``beside`` its second sums; ``window`` is None for a gauge; ``now`` is T in epoch milliseconds.
    """

    total: Total
    before: Total
    beside: Total
    window: Window | None
    now: int

    @property
    def days(self) -> Fraction:
        """The window's length in days."""
        return self.window.days(self.now) if self.window else Fraction(0)


Number = float | int | None


def count_of(reading: Reading) -> int:
    """The usual n: the number of facts."""
    return reading.total.n


@dataclass(frozen=True, eq=False, slots=True)
class Kpi:
    """One KPI: its name, what it means, and how its sums become a value.

    ``unit`` is one of ``s``, ``ratio``, ``count``, ``money``, ``points``, ``per week``, ``days``; ``better`` is
    ``higher`` or ``lower``. ``value`` returns None where there is no data. ``beside`` names second sums where one
    kind of facts does not suffice, ``previous`` asks for the previous window, too.
    ``rank`` is the percentile that it states.
    ``timeless`` says that equal sums have equal values, whatever the window and T.
    """

    name: str
    unit: str
    better: str
    description: str
    fact_at: str
    sums: Sums
    value: Callable[[Reading], Number]
    n: Callable[[Reading], int] = count_of
    beside: Sums | None = None
    previous: bool = False
    rank: int | None = None
    option: str | None = None
    timeless: bool = field(default=False, kw_only=True)

    @property
    def shelf(self) -> Shelf:
        """Where its facts are kept; it decides which windows the KPI has."""
        return self.sums.shelf

    @property
    def is_gauge(self) -> bool:
        """Whether it has the one window ``now``."""
        return self.shelf in (Shelf.NOW, Shelf.WAITS)


def ratio(part: int, whole: int) -> float | None:
    """The correctly rounded quotient of two integers; None of an empty denominator."""
    return part / whole if whole else None


# -- usual values, known to the engine, which computes them itself; sums are numbered, 0 is the number of facts ------


def _sum(total: Total, place: int) -> int:
    return total.amounts[place - 1] if place else total.n


@dataclass(frozen=True, slots=True)
class Quotient:
    """One sum by another, ``part / (scale * whole)``, correctly rounded; None where the denominator is 0.

    >>> none = Total(0, (0,), {})
    >>> Quotient(1, scale=1000)(Reading(Total(2, (60_000,), {}), none, none, None, 0))  # the mean in seconds
    30.0
    """

    part: int
    whole: int = 0
    scale: int = 1

    def __call__(self, reading: Reading) -> Number:
        return ratio(_sum(reading.total, self.part), self.scale * _sum(reading.total, self.whole))


@dataclass(frozen=True, slots=True)
class Scaled:
    """One sum in a larger unit: ``part / scale``."""

    part: int
    scale: int

    def __call__(self, reading: Reading) -> Number:
        return _sum(reading.total, self.part) / self.scale


@dataclass(frozen=True, slots=True)
class Rate:
    """The number of facts per so many milliseconds of the window."""

    per: int

    def __call__(self, reading: Reading) -> Number:
        return ratio(reading.total.n * self.per, reading.window.span(reading.now) if reading.window else 0)


@dataclass(frozen=True, slots=True)
class Percentile:
    """The nearest-rank percentile of the spread in seconds; None of no facts."""

    rank: int

    def __call__(self, reading: Reading) -> Number:
        milliseconds = sketch.percentile(reading.total.spread, self.rank)
        return None if milliseconds is None else milliseconds / 1000


#: The mean duration in seconds; None of no facts.
mean_seconds = Quotient(1, scale=1000)


def durations(name: str, sums: Sums, description: str, fact_at: str, option: str | None = None) -> tuple[Kpi, ...]:
    """The three statistics of a kind of duration: its mean, median and 90th percentile, in seconds."""
    words = {"mean": "mean", "p50": "median", "p90": "90th percentile"}
    values: dict[str, Callable[[Reading], Number]] = {
        "mean": mean_seconds,
        "p50": Percentile(50),
        "p90": Percentile(90),
    }
    ranks = {"mean": None, "p50": 50, "p90": 90}
    return tuple(
        Kpi(
            f"{name}.{key}",
            "s",
            "lower",
            f"{description}, {words[key]}",
            fact_at,
            sums,
            values[key],
            rank=ranks[key],
            option=option,
            timeless=True,
        )
        for key in ("mean", "p50", "p90")
    )
