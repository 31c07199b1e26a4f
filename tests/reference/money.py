"""Amounts. kpis.md "Deals": "Each amount is converted by itself, to whole minor units, half up"."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from tests.reference.settings import DAY, EPOCH, Settings


def minor(amount: int | Decimal) -> int:
    """Minor units of a JSON number in major units with at most 2 decimals."""
    cents = Fraction(amount) * 100
    if cents.denominator != 1:
        raise ValueError(f"more than 2 decimals: {amount}")
    return int(cents)


def decimal(number: Any) -> Fraction:
    """The exact number that a person reads: 0.1 is one tenth, also when it comes as a float."""
    return Fraction(number) if isinstance(number, (int, str, Decimal)) else Fraction(repr(number))


def half_up(number: Fraction) -> int:
    return floor(number + Fraction(1, 2))


def rate(currency: str, at: int, settings: Settings) -> Fraction:
    """What one unit is worth in the reporting currency; `at` (ms) matters for rates by month only."""
    if currency == settings.reporting_currency:
        return Fraction(1)
    given = settings.rates[currency]
    if not hasattr(given, "items"):
        return decimal(given)
    month = date.fromordinal(EPOCH + at // DAY).isoformat()[:7]
    if month not in given and "" in given:
        return decimal(given[""])
    known = sorted(name for name in given if name)
    past = [m for m in known if m <= month]
    return decimal(given[past[-1] if past else known[0]])


def convert(cents: int, currency: str, at: int, settings: Settings) -> int:
    """Minor units of the reporting currency."""
    return half_up(cents * rate(currency, at, settings))
