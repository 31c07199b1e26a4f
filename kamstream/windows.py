"""Windows and their panes: which stretch of time a value covers.

A window is written ``<n><unit>`` with unit ``m``, ``h`` or ``d``; its pane is its unit, in UTC. At time T it
covers the n panes that end with the one that contains T. ``mtd``, ``qtd`` and ``ytd`` run from the first day of
T's month, quarter or year to T, in day panes. Panes are counted from the epoch, times are epoch milliseconds.

>>> window = parse("24h")
>>> window.unit, window.panes(to_ms("2026-11-24T14:20:00Z"))
('h', (498735, 498758))
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import lru_cache

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: Milliseconds of a pane, by the window's unit.
UNIT_MS = {"m": MINUTE, "h": HOUR, "d": DAY}
#: The window of a gauge: its value is of this very moment.
NOW = "now"

_ROLLING = re.compile(r"([1-9]\d{0,5})([mhd])")
_CALENDAR_MONTHS = {"mtd": 1, "qtd": 3, "ytd": 12}
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that ends with the pane of T.

    ``count`` is its number of panes, 0 for the calendar windows, whose number follows from T.
    """

    name: str
    unit: str
    count: int

    @property
    def unit_ms(self) -> int:
        """Milliseconds of one pane."""
        return UNIT_MS[self.unit]

    def panes(self, now: int) -> tuple[int, int]:
        """First and last pane at T = ``now``, both included."""
        last = now // self.unit_ms
        if self.count:
            return last - self.count + 1, last
        return _period_start(last, _CALENDAR_MONTHS[self.name]), last

    def previous(self, now: int) -> tuple[int, int]:
        """First and last pane of the previous window: as many panes, just before this one."""
        first, last = self.panes(now)
        return first - (last - first + 1), first - 1

    def span(self, now: int) -> int:
        """Its length in milliseconds."""
        first, last = self.panes(now)
        return (last - first + 1) * self.unit_ms

    def days(self, now: int) -> Fraction:
        """Its length in days, exact: n/24 for ``h``, n/1440 for ``m``."""
        return Fraction(self.span(now), DAY)

    def day_before(self, now: int) -> int:
        """The UTC day of its start, minus one, in days since the epoch."""
        return self.panes(now)[0] * self.unit_ms // DAY - 1

    def longest_days(self) -> int:
        """Days that the window covers at the most, rounded up."""
        if self.count:
            return -(-self.count * self.unit_ms // DAY)
        return {1: 31, 3: 92, 12: 366}[_CALENDAR_MONTHS[self.name]]


def parse(name: str) -> Window:
    """Read a window's name; a ValueError says what a window looks like.

    >>> parse("90d").count
    90
    >>> parse("90x")
    Traceback (most recent call last):
    ...
    ValueError: '90x' is no window: write a number and m, h or d (60m, 24h, 90d), or mtd, qtd, ytd
    """
    text = name.strip()
    if text in _CALENDAR_MONTHS:
        return Window(text, "d", 0)
    match = _ROLLING.fullmatch(text)
    if not match:
        raise ValueError(f"{name!r} is no window: write a number and m, h or d (60m, 24h, 90d), or mtd, qtd, ytd")
    return Window(text, match[2], int(match[1]))


@lru_cache(maxsize=4096)
def _period_start(day: int, months: int) -> int:
    """The first day of the calendar period of so many months that contains ``day``."""
    there = date.fromordinal(day + _EPOCH)
    month = (there.month - 1) // months * months + 1
    return date(there.year, month, 1).toordinal() - _EPOCH


def next_period_start(day: int, name: str) -> int:
    """The first day after ``day`` on which the calendar window ``name`` begins anew."""
    there = date.fromordinal(day + _EPOCH)
    months = _CALENDAR_MONTHS[name]
    month = (there.month - 1) // months * months + 1 + months
    return date(there.year + month // 13, (month - 1) % 12 + 1, 1).toordinal() - _EPOCH


def to_ms(text: str) -> int:
    """Epoch milliseconds of an RFC 3339 time with an offset; finer digits are cut off.

    >>> to_ms("1970-01-01T01:00:00.0019+01:00")
    1
    """
    there = datetime.fromisoformat(text)
    if there.tzinfo is None:
        raise ValueError(f"{text!r} has no offset: write Z or +01:00 at its end")
    since = there - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def to_text(ms: int) -> str:
    """RFC 3339 text of epoch milliseconds, in UTC; milliseconds only where there are some.

    >>> to_text(1_000), to_text(1)
    ('1970-01-01T00:00:01Z', '1970-01-01T00:00:00.001Z')
    """
    seconds, rest = divmod(ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"
