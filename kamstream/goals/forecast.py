"""The sales forecast: what open deals promise for the days ahead, beside what those days brought a year before.

>>> from kamstream.windows import to_ms
>>> says(a_year_before(to_ms("2026-11-24T14:20:00Z"), 30))
('2025-11-24', '2025-12-23')
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from kamstream.entities.deals import Deal, probability_of
from kamstream.goals.deals import DealKey, Deals
from kamstream.goals.pay import half_up
from kamstream.goals.target import Goal, attainment
from kamstream.kpis.base import Number
from kamstream.windows import DAY, parse

_EPOCH = date(1970, 1, 1).toordinal()
#: Whether a deal of an account that credits a person (None: the account's KAM) counts.
Counts = Callable[[str, str | None], bool]


@dataclass(frozen=True, slots=True)
class Ahead:
    """A window ahead: the weighted pipeline, the same days' revenue a year before, the target. Major units."""

    window: str
    pipeline: float
    deals: int
    year_before: float
    year_before_deals: int
    target: float | None
    attainment: float | None


@dataclass(frozen=True, slots=True)
class Overdue:
    """An open deal that was expected to close before today: in no window ahead, it has to be looked after."""

    account: str
    deal: str
    owner: str | None
    stage: str | None
    expected_on: str
    amount: float | None
    probability: float
    weighted: float


def ahead(window: str, now: int, value: tuple[Number, int], deals: Deals, counts: Counts, goal: Goal | None) -> Ahead:
    """The forecast of one window of days: ``value`` is the weighted pipeline and its n."""
    first, last = a_year_before(now, parse(window).count)
    before, number = revenue(deals, counts, first, last)
    pipeline = float(value[0] or 0)
    target = goal.target if goal else None
    return Ahead(window, pipeline, value[1], before / 100, number, target, attainment(pipeline, target, "higher"))


def a_year_before(now: int, days: int) -> tuple[int, int]:
    """First day and last day, a year before, of the ``days`` days that begin with T's; 29 February is the 28th."""
    today = date.fromordinal(now // DAY + _EPOCH)
    last_year = today.replace(year=today.year - 1, day=28 if (today.month, today.day) == (2, 29) else today.day)
    first = last_year.toordinal() - _EPOCH
    return first, first + days - 1


def says(days: tuple[int, int]) -> tuple[str, str]:
    """Days since the epoch as dates."""
    first, last = (date.fromordinal(day + _EPOCH).isoformat() for day in days)
    return first, last


def revenue(deals: Deals, counts: Counts, first: int, last: int) -> tuple[int, int]:
    """Minor units and number of the deals that stand won on the days from ``first`` to ``last``."""
    amount = number = 0
    for key, deal in deals.standing():
        closing = deal.closing
        if closing is None or closing[4] != "deal.won" or not counts(key.account, deal.owner):
            continue
        if first <= closing[0] // DAY <= last:
            amount += deals.home(deal.amount or 0, deal.currency, closing[0])
            number += 1
    return amount, number


def overdue(deals: Deals, counts: Counts, now: int) -> list[Overdue]:
    """The open deals that were expected before T's day, the longest overdue first."""
    today = now // DAY
    late = [
        (deal.expected, key, deal)
        for key, deal in deals.standing()
        if deal.closing is None and deal.expected is not None and deal.expected < today
        if counts(key.account, deal.owner)
    ]
    late.sort(key=lambda one: one[:2])
    return [_overdue(deals, key, deal, expected) for expected, key, deal in late]


def _overdue(deals: Deals, key: DealKey, deal: Deal, expected: int) -> Overdue:
    amount = None if deal.amount is None else deals.home(deal.amount, deal.currency, expected * DAY)
    probability = probability_of(deal, deals.terms.stage_probabilities)
    weighted = half_up((amount or 0) * probability) / 100
    on = date.fromordinal(expected + _EPOCH).isoformat()
    major = None if amount is None else amount / 100
    return Overdue(key.account, key.deal, deal.owner, deal.stage, on, major, float(probability), weighted)
