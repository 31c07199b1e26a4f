"""RFC 3339 times and ISO dates to integers, without datetime objects.

What is accepted, and decided, in one place:

- a time is ``YYYY-MM-DDThh:mm:ss[.digits]offset``; ``T`` and ``Z`` may be lower case (RFC 3339, 5.6), a space
  instead of ``T`` is refused, and so is a time without an offset;
- the offset is ``Z`` or ``+hh:mm`` / ``-hh:mm``; ``-00:00`` is UTC;
- digits finer than the millisecond are cut off: always towards the past, also before 1970;
- the leap second ``23:59:60`` UTC on the last day of a month is the first second of the next day;
- the year is 0001..9999, in the text and in UTC, so that every accepted time can be written out again.
"""

from __future__ import annotations

import re
from typing import Final

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000

DATE_PATTERN: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
TIME_PATTERN: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SECONDS: Final = {f"{second:02}": second * 1000 for second in range(60)}
# The caches hold pieces of texts seen before; they are emptied when full, so odd input cannot grow them.
_CACHE_LIMIT: Final = 20_000
_DIGITS: Final = "0123456789"
_FRACTIONS: Final = {f".{ms:03}": ms for ms in range(1000)}
_CLOCKS: Final = {
    f"{hour:02}:{minute:02}:": (hour * 60 + minute) * MINUTE_MS for hour in range(24) for minute in range(60)
}
_dates: dict[str, int] = {}
_tails: dict[str, int] = {}
_zones: dict[str, int] = {}
_days: dict[str, int] = {}


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_before_year(year: int) -> int:
    """Days from 0001-01-01 to the first day of ``year``."""
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400


_EPOCH_DAYS: Final = _days_before_year(1970)
FIRST_MS: Final = -_EPOCH_DAYS * DAY_MS
AFTER_LAST_MS: Final = (_days_before_year(10_000) - _EPOCH_DAYS) * DAY_MS


def _month_length(year: int, month: int) -> int:
    return 29 if month == 2 and _is_leap(year) else _MONTH_DAYS[month - 1]


def parse_day(text: str) -> int:
    """Days since 1970-01-01 of a date ``YYYY-MM-DD``.

    >>> parse_day("1970-01-02"), parse_day("1969-12-31"), parse_day("2024-02-29")
    (1, -1, 19782)

    Raises ValueError when it is no such date of the years 0001..9999.
    """
    known = _days.get(text)
    if known is not None:
        return known
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("must be a date YYYY-MM-DD")
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if year == 0 or not 1 <= month <= 12 or not 1 <= day <= _month_length(year, month):
        raise ValueError("is not a day of the calendar")
    leap_day = 1 if month > 2 and _is_leap(year) else 0
    days = _days_before_year(year) - _EPOCH_DAYS + sum(_MONTH_DAYS[: month - 1]) + leap_day + day - 1
    if len(_days) >= _CACHE_LIMIT:
        _days.clear()
    _days[text] = days
    return days


def parse_time(text: str) -> int:
    """Milliseconds since 1970-01-01T00:00Z of an RFC 3339 time with an offset, finer digits cut off.

    >>> parse_time("1970-01-01T01:00:00.0019+01:00"), parse_time("1969-12-31T23:59:59.9999Z")
    (1, -1)

    Raises ValueError with a text for people when it is no such time.
    """
    try:
        return _dates[text[:11]] + _CLOCKS[text[11:17]] + _SECONDS[text[17:19]] + _tails[text[19:]]
    except KeyError:
        pass
    try:
        fraction = _FRACTIONS[text[19:23]] + _zones[text[23:].lstrip(_DIGITS)]
        return _dates[text[:11]] + _CLOCKS[text[11:17]] + _SECONDS[text[17:19]] + fraction
    except KeyError:
        return _parse_exactly(text)


def _parse_exactly(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("must be an RFC 3339 time with an offset, as 2026-11-24T14:20:00Z")
    date, hour, minute, second, fraction, sign, offset_hour, offset_minute = match.groups()
    if hour > "23" or minute > "59" or second > "60":
        raise ValueError("is not a time of the day")
    midnight = parse_day(date) * DAY_MS
    tail = int((fraction or "")[:3].ljust(3, "0"))
    if sign is not None:
        if offset_hour > "23" or offset_minute > "59":
            raise ValueError("has no valid offset")
        offset = (int(offset_hour) * 60 + int(offset_minute)) * MINUTE_MS
        tail += offset if sign == "-" else -offset
    result = midnight + (int(hour) * 60 + int(minute)) * MINUTE_MS + int(second) * 1000 + tail
    if not FIRST_MS <= result < AFTER_LAST_MS:
        raise ValueError("is outside the years 0001..9999")
    if second == "60":
        _require_leap_second(result - tail % 1000)
    elif FIRST_MS + 2 * DAY_MS < result < AFTER_LAST_MS - 2 * DAY_MS:
        # At the borders of the calendar pieces must not be combined without the check above.
        _remember(text, midnight, tail)
    return result


def _remember(text: str, midnight: int, tail: int) -> None:
    if len(_dates) >= _CACHE_LIMIT:
        _dates.clear()
    _dates[text[:11]] = midnight
    fraction, zone = text[19:23], text[23:]
    if fraction in _FRACTIONS and zone[:1].isdecimal():
        # Finer digits hardly come back: only what follows them is kept.
        zone = zone.lstrip(_DIGITS)
        if len(_zones) >= _CACHE_LIMIT:
            _zones.clear()
        _zones[zone] = tail - _FRACTIONS[fraction]
    else:
        if len(_tails) >= _CACHE_LIMIT:
            _tails.clear()
        _tails[text[19:]] = tail


def _require_leap_second(moment: int) -> None:
    """Refuse ``:60`` unless ``moment`` (ms) is midnight UTC at the start of a month."""
    days, rest = divmod(moment, DAY_MS)
    if rest or day_text(days)[8:] != "01":
        raise ValueError("has a leap second where there is none")


def day_text(days: int) -> str:
    """The date ``YYYY-MM-DD`` of a day number, the inverse of `parse_day`.

    >>> day_text(19782)
    '2024-02-29'
    """
    left = days + _EPOCH_DAYS
    year = left * 400 // 146_097 + 1
    while _days_before_year(year) > left:
        year -= 1
    while _days_before_year(year + 1) <= left:
        year += 1
    left -= _days_before_year(year)
    month = 1
    while left >= _month_length(year, month):
        left -= _month_length(year, month)
        month += 1
    return f"{year:04}-{month:02}-{left + 1:02}"


def time_text(ms: int) -> str:
    """The RFC 3339 text of an epoch time in UTC, with milliseconds where there are some.

    >>> time_text(0), time_text(-1)
    ('1970-01-01T00:00:00Z', '1969-12-31T23:59:59.999Z')
    """
    days, rest = divmod(ms, DAY_MS)
    seconds, fraction = divmod(rest, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{day_text(days)}T{clock}{f'.{fraction:03}' if fraction else ''}Z"
