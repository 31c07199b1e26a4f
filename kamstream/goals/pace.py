"""Pace: where a goal of a month, quarter or year is heading if things go on as they have so far.

>>> from kamstream.windows import to_ms
>>> tenth = to_ms("2026-11-11T00:00:00Z")  # ten of thirty days have passed
>>> projected("revenue", "mtd", 20_000, tenth)
60000.0
>>> projected("conversion_rate", "mtd", 0.4, tenth), projected("revenue", "90d", 20_000, tenth)
(None, None)
"""

from fractions import Fraction

from kamstream.kpis.base import Number
from kamstream.windows import DAY, next_period_start, parse

#: KPIs that add up in the course of a period; a share or a mean is not going to grow with time.
GROWING = frozenset({"revenue", "new_products"})


def elapsed_share(window: str, now: int) -> Fraction | None:
    """The part of T's month, quarter or year that has passed at T; None of another window."""
    if window not in ("mtd", "qtd", "ytd"):
        return None
    first, last = parse(window).panes(now)
    start, end = first * DAY, next_period_start(last, window) * DAY
    return Fraction(now - start, end - start)


def projected(kpi: str, window: str, value: Number, now: int) -> float | None:
    """Value × window length / elapsed; None without a value, and where that says nothing.

    That is: of a KPI that does not add up, of a window that is no calendar period, and at the period's very start.
    """
    passed = elapsed_share(window, now) if kpi in GROWING else None
    if value is None or not passed:
        return None
    return float(Fraction(value) / passed)
