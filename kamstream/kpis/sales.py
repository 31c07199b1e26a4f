"""What is sold: conversion, revenue, deal size, margin, growth, speed.

>>> from kamstream.kpis.base import Reading, Total
>>> none = Total(0, (0,) * 5, {})
>>> closed = Total(4, (3, 3, 30_000, 0), {})  # four closed deals, three of them won
>>> CONVERSION_RATE.value(Reading(closed, none, none, None, 0))
0.75
>>> won = Total(2, (25_000, 0, 0, 0, 0), {})  # two won deals, 250.00 together
>>> before = Total(1, (20_000, 0, 0, 0, 0), {})
>>> [kpi.value(Reading(won, before, none, None, 0)) for kpi in (REVENUE, AVERAGE_DEAL_SIZE, REVENUE_GROWTH)]
[250.0, 125.0, 0.25]
"""

from kamstream.entities.fact import Fact
from kamstream.kpis.base import At, Kpi, Number, Quotient, Reading, Scaled, Sums, Take, durations, ratio
from kamstream.kpis.resolution import flag, share


def _costed(fact: Fact) -> tuple[int, ...] | None:
    """Amount and cost of a won deal that has a cost."""
    return fact.amounts[3:5] if fact.amounts[2] else None


def _value_rate(reading: Reading) -> Number:
    _, _, won, lost = reading.total.amounts
    return ratio(won, won + lost)


def _margin(reading: Reading) -> Number:
    amount, cost = reading.total.amounts
    return ratio(amount - cost, amount)


def _growth(reading: Reading) -> Number:
    now, before = reading.total.amounts[0], reading.before.amounts[0]
    return ratio(now - before, before)


def _both_windows(reading: Reading) -> int:
    return reading.total.n + reading.before.n


CLOSED_DEALS = Sums("closed_deal", "closed_deal", 4, Take(0, 4))
WON_DEALS = Sums("won_deal", "won_deal", 1, Take(0, 1))

CONVERSION_RATE = Kpi(
    "conversion_rate",
    "ratio",
    "higher",
    "Deals won, of those won or lost",
    "the closing",
    CLOSED_DEALS,
    share,
    timeless=True,
)
CONVERSION_RATE_VALUE = Kpi(
    "conversion_rate_value",
    "ratio",
    "higher",
    "Amount of deals won, of that of deals won or lost",
    "the closing",
    CLOSED_DEALS,
    _value_rate,
    lambda reading: reading.total.amounts[1],
)
OPPORTUNITY_WIN_RATE = Kpi(
    "opportunity_win_rate",
    "ratio",
    "higher",
    "Deals that stand won, of those opened",
    "opening",
    Sums("deal", "deal", 1, flag),
    share,
)
DEAL_CYCLE_TIME = durations(
    "deal_cycle_time",
    Sums("deal_cycle", "won_deal", 1, Take(1, 1), At(1)),
    "Time from opening a deal to winning it",
    "the win",
)
REVENUE = Kpi("revenue", "money", "higher", "Amount of deals won", "the win", WON_DEALS, Scaled(1, 100), timeless=True)
AVERAGE_DEAL_SIZE = Kpi(
    "average_deal_size",
    "money",
    "higher",
    "Revenue per won deal",
    "the win",
    WON_DEALS,
    Quotient(1, scale=100),
    timeless=True,
)
GROSS_MARGIN = Kpi(
    "gross_margin",
    "ratio",
    "higher",
    "Amount less cost, of the amount, over won deals with a cost",
    "the win",
    Sums("costed_deal", "won_deal", 2, _costed),
    _margin,
)
REVENUE_GROWTH = Kpi(
    "revenue_growth",
    "ratio",
    "higher",
    "Revenue against that of the previous window, less one",
    "the win",
    WON_DEALS,
    _growth,
    _both_windows,
    previous=True,
)
