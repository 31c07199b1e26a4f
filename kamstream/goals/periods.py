"""Periods of pay: a year, a quarter or a month, and the window to date that ends with it.

>>> quarter = period("2026Q4")
>>> quarter.window, to_text(quarter.start), to_text(quarter.end), str(quarter.part_of_year)
('qtd', '2026-10-01T00:00:00Z', '2027-01-01T00:00:00Z', '1/4')
"""

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from kamstream.windows import DAY, next_period_start, to_text

_PERIOD = re.compile(r"(\d{4})(?:Q([1-4])|-?(?:M)?(0[1-9]|1[0-2]))?")
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Period:
    """A year, quarter or month of UTC: ``start <= t < end`` in epoch milliseconds."""

    name: str
    window: str
    start: int
    end: int
    part_of_year: Fraction

    def says(self) -> str:
        """The period in words: its first and its last day."""
        return f"{self.name} ({to_text(self.start)[:10]} to {to_text(self.end - 1)[:10]})"


def period(name: str) -> Period:
    """Read ``2026``, ``2026Q4`` or ``2026-11``; a ValueError says how a period is written."""
    match = _PERIOD.fullmatch(name.strip().upper())
    if not match or int(match[1]) == 0:
        raise ValueError(f"{name!r} is no period: write 2026, 2026Q4 or 2026-11")
    year, quarter, month = int(match[1]), match[2], match[3]
    window, part, first = ("ytd", Fraction(1), 1)
    if quarter:
        window, part, first = "qtd", Fraction(1, 4), 3 * int(quarter) - 2
    elif month:
        window, part, first = "mtd", Fraction(1, 12), int(month)
    day = date(year, first, 1).toordinal() - _EPOCH
    return Period(match[0], window, day * DAY, next_period_start(day, window) * DAY, part)
