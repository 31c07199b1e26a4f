"""Office hours: when people in a country are at work, in epoch milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = date(1970, 1, 1)
CLOSED_DATES = frozenset({(1, 1), (5, 1), (12, 25), (12, 26)})
"""Days (month, day) on which no office opens; the rest of the world's holidays is left out."""


def date_of(day: int) -> date:
    """The date of a day counted since 1970-01-01."""
    return EPOCH + timedelta(days=day)


@dataclass(slots=True)
class Office:
    """A working week in one time zone, Monday to Friday.

    >>> paris = Office("FR", "Europe/Paris", opens=9, closes=18, currency="EUR")
    >>> friday = 19_660 * DAY + 16 * HOUR + 30 * MINUTE    # 2023-10-30 is day 19660, a Monday
    >>> paris.after(friday, 2 * HOUR) - friday == 17 * HOUR # half an hour today, the rest tomorrow from 9
    True
    """

    country: str
    zone: str
    opens: int
    closes: int
    currency: str
    _spans: dict[int, tuple[int, int] | None] = field(default_factory=dict, repr=False)
    _offsets: dict[int, int] = field(default_factory=dict, repr=False)

    def span(self, day: int) -> tuple[int, int] | None:
        """Opening and closing time of a local day, None when the office stays closed."""
        if day not in self._spans:
            self._spans[day] = self._work_out(date_of(day))
        return self._spans[day]

    def _work_out(self, on: date) -> tuple[int, int] | None:
        if on.weekday() >= 5 or (on.month, on.day) in CLOSED_DATES:
            return None
        zone = ZoneInfo(self.zone)
        opens, closes = (datetime.combine(on, time(hour), zone) for hour in (self.opens, self.closes))
        return int(opens.timestamp()) * SECOND, int(closes.timestamp()) * SECOND

    def after(self, start: int, work: int) -> int:
        """The time at which `work` milliseconds of open hours have passed since `start`."""
        for day in count(start // DAY - 1):
            span = self.span(day)
            if span is None or span[1] <= start:
                continue
            begin = max(start, span[0])
            if begin + work <= span[1]:
                return begin + work
            work -= span[1] - begin
        raise AssertionError("days never end")

    def offset(self, moment: int) -> int:
        """Minutes that local time is ahead of UTC, for the UTC day of `moment`."""
        day = moment // DAY
        if day not in self._offsets:
            noon = datetime.fromtimestamp(day * 86_400 + 43_200, UTC)
            ahead = noon.astimezone(ZoneInfo(self.zone)).utcoffset() or timedelta()
            self._offsets[day] = int(ahead.total_seconds()) // 60
        return self._offsets[day]


OFFICES = (
    Office("FR", "Europe/Paris", 9, 18, "EUR"),
    Office("DE", "Europe/Berlin", 8, 17, "EUR"),
    Office("IT", "Europe/Rome", 9, 18, "EUR"),
    Office("ES", "Europe/Madrid", 9, 19, "EUR"),
    Office("NL", "Europe/Amsterdam", 8, 17, "EUR"),
    Office("GB", "Europe/London", 9, 17, "GBP"),
    Office("PL", "Europe/Warsaw", 8, 16, "PLN"),
    Office("SE", "Europe/Stockholm", 8, 17, "SEK"),
    Office("US", "America/New_York", 9, 18, "USD"),
    Office("SG", "Asia/Singapore", 9, 18, "SGD"),
)
