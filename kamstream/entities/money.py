"""Money: integers of minor units, converted once, half up."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction

#: The rate that holds in every month without one of its own.
ALWAYS = ""


def convert(
    amount: int, currency: str | None, time: int, home: str, rates: Mapping[str, Mapping[str, Fraction]]
) -> int:
    """An amount in minor units of ``currency`` as whole minor units of ``home``, half up.

    ``rates`` say what one unit of a currency is worth at home, by month (``2026-01``) or always (``""``); ``time``
    is that of the fact. No currency means home.

    >>> convert(10_050, "USD", 0, "EUR", {"USD": {"": Fraction("0.92")}})
    9246
    """
    if currency is None or currency == home:
        return amount
    by_month = rates[currency]
    rate = by_month.get(ALWAYS)
    if len(by_month) > 1 or rate is None:
        rate = by_month.get(month_of(time), rate)
    if rate is None:  # only months are given, none of them this one: the nearest month before, else the first
        months = sorted(by_month)
        rate = by_month[max((m for m in months if m <= month_of(time)), default=months[0])]
    exact = amount * rate
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def month_of(time: int) -> str:
    """The UTC month of epoch milliseconds, as ``2026-01``."""
    return datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m")
