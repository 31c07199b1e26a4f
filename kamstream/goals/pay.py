"""Variable pay: a share of the base salary, paid out as the goals are attained, to the cent.

    pay = base salary of the period × share × payout(attainment)

With several goals each has its part by weight. A goal without a value is left out, and the others take its part.
Every amount of the statement is rounded to the cent, half up, before the next step takes it on; shares, attainment
and payout are exact fractions. The parts are rounded so that they add up to the whole.

>>> from kamstream.goals.periods import period
>>> plan = PayPlan("ann", Fraction(60_000), Fraction("0.2"), (PayGoal("revenue"),), Payout(Payout.STRAIGHT))
>>> goal = Outcome(plan.goals[0], "qtd", Fraction(90_000), Fraction(100_000))
>>> statement = settle(plan, period("2026Q4"), (goal,))
>>> for line in statement.lines(): print(line)  # 15,000.00 a quarter, of which 3,000.00 are at stake
ann, 2026Q4 (2026-10-01 to 2026-12-31)
base salary               60,000.00 a year × 1/4 = 15,000.00
variable share            15,000.00 × 20 % = 3,000.00
revenue:qtd               90000 of 100000 = 90 % attained → payout 90 % (between 0 % → 0 % and 100 % → 100 %)
  part                    3,000.00 × weight 1/1 × 90 % = 2,700.00
variable pay              2,700.00
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import inf
from typing import Any, ClassVar

from kamstream.goals.periods import Period
from kamstream.goals.target import KPIS


class Payout:
    """Points (attainment, payout): linear between two of them, flat before the first and after the last.

    >>> points = (("0.8", 0), (1, 1), ("1.2", "1.5"))
    >>> payout = Payout([(Fraction(attained), Fraction(paid)) for attained, paid in points])
    >>> [str(payout(Fraction(text))) for text in ("0.5", "0.9", "1", "1.1", "3")]
    ['0', '1/2', '1', '5/4', '3/2']
    """

    #: Pays out what is attained, up to the whole.
    STRAIGHT: ClassVar = ((Fraction(0), Fraction(0)), (Fraction(1), Fraction(1)))

    def __init__(self, points: Sequence[tuple[Fraction, Fraction]]) -> None:
        if not points:
            raise ValueError("name at least one point (attainment, payout)")
        if any(before[0] >= after[0] for before, after in pairwise(points)):
            raise ValueError("points go up in attainment")
        if any(payout < 0 for _, payout in points):
            raise ValueError("a payout is not below 0")
        self._points = tuple(points)

    def __call__(self, attained: Fraction | float) -> Fraction:
        """The payout of an attainment; ``inf`` is beyond every point."""
        first, last = self._points[0], self._points[-1]
        if attained <= first[0]:
            return first[1]
        if attained >= last[0] or isinstance(attained, float):
            return last[1]
        (low, from_), (high, to) = self._around(attained)
        return from_ + (attained - low) * (to - from_) / (high - low)

    def rule(self, attained: Fraction | float) -> str:
        """In words, the points that an attainment is paid out by.

        >>> Payout(Payout.STRAIGHT).rule(Fraction(1, 2)), Payout(Payout.STRAIGHT).rule(Fraction(2))
        ('between 0 % → 0 % and 100 % → 100 %', 'from 100 % on')
        """
        first, last = self._points[0], self._points[-1]
        if attained >= last[0] or isinstance(attained, float):
            return f"from {percent(last[0])} on"
        if attained <= first[0]:
            return f"up to {percent(first[0])}"
        (low, from_), (high, to) = self._around(attained)
        return f"between {percent(low)} → {percent(from_)} and {percent(high)} → {percent(to)}"

    def _around(self, attained: Fraction) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]:
        return next(pair for pair in pairwise(self._points) if attained <= pair[1][0])


@dataclass(frozen=True, slots=True)
class PayGoal:
    """A goal that pay depends on; no window is the period's own, no target that of the settings' targets."""

    kpi: str
    window: str | None = None
    target: Fraction | None = None
    weight: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class PayPlan:
    """The terms of a person: yearly base salary in major units, the share of it that varies, goals, payout."""

    kam: str
    base: Fraction
    share: Fraction
    goals: tuple[PayGoal, ...]
    payout: Payout


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a goal: its window, its value (None: no data) and its target, exact, in the KPI's unit."""

    goal: PayGoal
    window: str
    value: Fraction | None
    target: Fraction

    @property
    def attained(self) -> Fraction | float | None:
        """Attainment; ``inf`` where a lower-is-better value is 0; None without a value."""
        if self.value is None:
            return None
        lower = KPIS[self.goal.kpi].better == "lower"
        part, whole = (self.target, self.value) if lower else (self.value, self.target)
        return part / whole if whole else inf


@dataclass(frozen=True, slots=True)
class Part:
    """One goal's line: its weight of the goals with a value, its payout, its amount in cents."""

    outcome: Outcome
    weight: Fraction
    payout: Fraction
    cents: int


@dataclass(frozen=True, slots=True)
class Statement:
    """Pay of a period with every step: the base salary of the period, the stake, the parts and the pay in cents."""

    plan: PayPlan
    period: Period
    base: int
    stake: int
    parts: tuple[Part, ...]
    cents: int

    def lines(self) -> Iterator[str]:
        """The statement as text, every step in a line."""
        plan, base, stake = self.plan, money(self.base), money(self.stake)
        yield f"{plan.kam}, {self.period.says()}"
        year = money(half_up(plan.base * 100))
        yield _line("base salary", f"{year} a year × {_over(self.period.part_of_year)} = {base}")
        yield _line("variable share", f"{base} × {percent(plan.share)} = {stake}")
        for one in self.parts:
            yield from self._part_lines(one, stake)
        yield _line("variable pay", money(self.cents))

    def _part_lines(self, one: Part, stake: str) -> Iterator[str]:
        outcome = one.outcome
        field = f"{outcome.goal.kpi}:{outcome.window}"
        attained = outcome.attained
        if outcome.value is None or attained is None:
            yield _line(field, f"no value, target {plain(outcome.target)}: left out")
            return
        reached = "beyond measure" if isinstance(attained, float) else percent(attained)
        came = f"{plain(outcome.value)} of {plain(outcome.target)} = {reached} attained"
        yield _line(field, f"{came} → payout {percent(one.payout)} ({self.plan.payout.rule(attained)})")
        weighted = f"weight {_over(one.weight)} × {percent(one.payout)}"
        yield _line("  part", f"{stake} × {weighted} = {money(one.cents)}")

    def said(self) -> dict[str, Any]:
        """The statement as it is written as JSON: money in major units, shares as numbers."""
        return {
            "kam": self.plan.kam,
            "period": self.period.name,
            "base_a_year": float(self.plan.base),
            "base": self.base / 100,
            "share": float(self.plan.share),
            "at_stake": self.stake / 100,
            "goals": [_said(part) for part in self.parts],
            "pay": self.cents / 100,
        }


def _said(part: Part) -> dict[str, Any]:
    outcome, attained = part.outcome, part.outcome.attained
    return {
        "kpi": outcome.goal.kpi,
        "window": outcome.window,
        "value": None if outcome.value is None else float(outcome.value),
        "target": float(outcome.target),
        "attainment": None if attained is None or isinstance(attained, float) else float(attained),
        "payout": None if attained is None else float(part.payout),
        "weight": float(part.weight),
        "pay": part.cents / 100,
    }


def settle(plan: PayPlan, of: Period, outcomes: Sequence[Outcome]) -> Statement:
    """The statement of a period. The parts are rounded so that they add up to the rounded whole."""
    base = half_up(plan.base * of.part_of_year * 100)
    stake = half_up(base * plan.share)
    total = sum((outcome.goal.weight for outcome in outcomes if outcome.value is not None), Fraction(0))
    parts: list[Part] = []
    exact, paid = Fraction(0), 0
    for outcome in outcomes:
        attained = outcome.attained
        if attained is None:
            parts.append(Part(outcome, Fraction(0), Fraction(0), 0))
            continue
        weight, payout = outcome.goal.weight / total, plan.payout(attained)
        exact += stake * weight * payout
        cents = half_up(exact) - paid
        paid += cents
        parts.append(Part(outcome, weight, payout, cents))
    return Statement(plan, of, base, stake, tuple(parts), paid)


def half_up(number: Fraction) -> int:
    """The nearest whole number, half up."""
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)


def money(cents: int) -> str:
    """Cents as major units.

    >>> money(123_456_701)
    '1,234,567.01'
    """
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100:,}.{cents % 100:02}"


def percent(share: Fraction) -> str:
    """A share as a percentage with at most six decimals, enough to check a statement by hand.

    >>> percent(Fraction(2, 3)), percent(Fraction(1, 5))
    ('66.666667 %', '20 %')
    """
    return f"{plain(share * 100)} %"


def plain(number: Fraction) -> str:
    """A number in full where it ends within six decimals, else rounded to them."""
    whole, rest = divmod(abs(half_up(number * 1_000_000)), 1_000_000)
    text = f"{whole}.{rest:06}".rstrip("0").rstrip(".")
    return f"-{text}" if number < 0 and text != "0" else text


def _over(part: Fraction) -> str:
    return f"{part.numerator}/{part.denominator}"


def _line(what: str, says: str) -> str:
    return f"{what:<24}  {says}"
