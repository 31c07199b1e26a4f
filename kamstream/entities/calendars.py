"""Business time: how much of a stretch of time lies within the open hours of an account's calendar.

An instant is open when its local time of day lies in a slot of its local weekday, on no holiday and no day off. So
a slot over the hour that clocks skip in spring is shorter, one over the hour that they repeat in autumn is longer.

>>> from kamstream.windows import HOUR, MINUTE, to_ms
>>> nine_to_noon = {day: [(9 * HOUR, 12 * HOUR)] for day in range(5)}  # Monday to Friday
>>> office = Calendar("Europe/Paris", slots_by_weekday(nine_to_noon))
>>> friday, monday = to_ms("2026-11-20T11:30:00+01:00"), to_ms("2026-11-23T09:15:00+01:00")
>>> open_ms(office, friday, monday) // MINUTE  # half an hour before noon, a quarter after nine
45
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from hashlib import blake2b
from importlib.metadata import version
from itertools import pairwise
from zoneinfo import ZoneInfo

from kamstream.entities.fact import Profile
from kamstream.windows import DAY

#: The calendar of accounts whose country and tier have none.
DEFAULT = "default"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Milliseconds after local midnight at which a slot begins and ends.
Slot = tuple[int, int]
Slots = tuple[Slot, ...]

_EPOCH = date(1970, 1, 1).toordinal()
#: Days that are worked out and kept together.
_BLOCK = 256
#: Open hours are known from 1900 to the end of 2100; before and after that nothing is open. So a mistaken year
#: cannot make anybody work out thousands of them.
_FIRST, _END = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000 for year in (1900, 2101))


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Open hours of a place. Known by identity, so that what is worked out for it is found fast.

    ``hours`` are the slots of Monday to Sunday. ``holidays`` names a country (``FR``) or a part of one (``DE-BY``)
    whose public holidays are closed. ``days_off`` and ``half_days`` (a day with slots of its own) name days as
    ``2026-12-24``, or ``12-24`` for every year. A day off goes before a half day, a half day before a holiday.
    """

    time_zone: str
    hours: tuple[Slots, ...]
    holidays: str | None = None
    days_off: frozenset[str] = frozenset()
    half_days: tuple[tuple[str, Slots], ...] = ()


def slots_by_weekday(hours: Mapping[int, Sequence[Slot]]) -> tuple[Slots, ...]:
    """Slots of Monday (0) to Sunday (6), in order; a ValueError where two of a day overlap."""
    return tuple(in_order(hours.get(day, ())) for day in range(7))


def in_order(slots: Sequence[Slot]) -> Slots:
    """Slots sorted; a ValueError where one is empty, leaves the day or overlaps another."""
    ordered = tuple(sorted(slots))
    for begin, end in ordered:
        if not 0 <= begin < end <= DAY:
            raise ValueError("a slot begins before it ends, within one day")
    for before, after in pairwise(ordered):
        if after[0] < before[1]:
            raise ValueError("two slots of a day overlap")
    return ordered


class Calendars:
    """The calendars of an installation, called as ``OpenTime``: chosen by country, else tier, else ``default``."""

    def __init__(self, by_name: Mapping[str, Calendar]) -> None:
        self._by_name = dict(by_name)

    def __call__(self, profile: Profile | None, start: int, end: int) -> int | None:
        """Open milliseconds of ``start <= t < end``; None where no calendar applies."""
        calendar = self.of(profile)
        return None if calendar is None else open_ms(calendar, start, end)

    def of(self, profile: Profile | None) -> Calendar | None:
        """The calendar of an account with this profile."""
        for name in (profile.country, profile.tier) if profile else ():
            if name is not None and name in self._by_name:
                return self._by_name[name]
        return self._by_name.get(DEFAULT)

    def fingerprint(self) -> str:
        """Text that differs where open time may: other calendars, clock changes or holidays."""
        shapes = sorted(
            (name, c.time_zone, c.hours, c.holidays, sorted(c.days_off), c.half_days)
            for name, c in self._by_name.items()
        )
        zones = sorted({calendar.time_zone for calendar in self._by_name.values()})
        known = version("holidays") if any(c.holidays for c in self._by_name.values()) else ""
        return repr((shapes, [(zone, _clock_changes(zone)) for zone in zones], known))


def open_ms(calendar: Calendar, start: int, end: int) -> int:
    """Open milliseconds of ``start <= t < end`` (epoch milliseconds)."""
    start, end = max(start, _FIRST), min(end, _END)
    if end <= start:
        return 0
    first, last = start // DAY // _BLOCK, end // DAY // _BLOCK
    total = _opened(calendar, last, end) - _opened(calendar, first, start)
    for block in range(first, last):
        total += _total(calendar, block)
    return total


def _opened(calendar: Calendar, block: int, until: int) -> int:
    """Open milliseconds from the start of a block until a time in it."""
    begins, ends, before = _block(calendar, block)
    place = bisect_right(begins, until) - 1
    if place < 0:
        return 0
    return before[place] + min(until, ends[place]) - begins[place]


@cache
def _total(calendar: Calendar, block: int) -> int:
    begins, ends, before = _block(calendar, block)
    return before[-1] + ends[-1] - begins[-1] if begins else 0


@lru_cache(maxsize=256)
def _block(calendar: Calendar, block: int) -> tuple[list[int], list[int], list[int]]:
    """The open stretches of a block of UTC days: their begins, ends, and the open time before each."""
    zone = ZoneInfo(calendar.time_zone)
    begins: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    total, start = 0, block * _BLOCK * DAY
    for begin, end, offset in _steady(zone, start, start + _BLOCK * DAY):
        for day in range((begin + offset) // DAY, (end + offset - 1) // DAY + 1):
            midnight = day * DAY - offset
            for opens, closes in _slots(calendar, day):
                opened, closed = max(begin, midnight + opens), min(end, midnight + closes)
                if opened < closed:
                    begins.append(opened)
                    ends.append(closed)
                    before.append(total)
                    total += closed - opened
    return begins, ends, before


def _steady(zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """A stretch cut where the zone's offset changes: (begin, end, offset), all in milliseconds."""
    pieces: list[tuple[int, int, int]] = []
    for day in range(start, end, DAY):
        for begin, until, offset in _cut(zone, day, day + DAY):
            if pieces and pieces[-1][2] == offset:
                pieces[-1] = (pieces[-1][0], until, offset)
            else:
                pieces.append((begin, until, offset))
    return pieces


def _cut(zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """The same of at most one day, by halving; clocks change on whole seconds."""
    offset = _offset(zone, start)
    if end - start <= 1000 or _offset(zone, end - 1000) == offset:
        return [(start, end, offset)]
    middle = (start + end) // 2000 * 1000
    return _cut(zone, start, middle) + _cut(zone, middle, end)


def _offset(zone: ZoneInfo, at: int) -> int:
    """Milliseconds that local clocks are ahead of UTC."""
    there = datetime.fromtimestamp(at // 1000, UTC).astimezone(zone)
    since = there.utcoffset()
    assert since is not None
    return (since.days * 86_400 + since.seconds) * 1000


def _slots(calendar: Calendar, day: int) -> Slots:
    """The slots of a local day (since the epoch)."""
    ordinal = day + _EPOCH
    usual = calendar.hours[(ordinal - 1) % 7]
    there = date.fromordinal(ordinal)
    names = (there.isoformat(), f"{there.month:02}-{there.day:02}")
    if not calendar.days_off.isdisjoint(names):
        return ()
    for name in names if calendar.half_days else ():
        for half_day, slots in calendar.half_days:
            if half_day == name:
                return slots
    if calendar.holidays and there in holidays_of(calendar.holidays, there.year):
        return ()
    return usual


@lru_cache(maxsize=1024)
def holidays_of(place: str, year: int) -> frozenset[date]:
    """The public holidays of a country or a part of one; a ValueError where the place is not known.

    >>> date(2026, 7, 14) in holidays_of("FR", 2026), date(2026, 1, 6) in holidays_of("DE-BY", 2026)
    (True, True)
    """
    import holidays  # noqa: PLC0415 (slow to load, and most installations name no country)

    country, _, part = place.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError:
        raise ValueError(f"no holidays are known of {place!r}: write a country like FR, or a part like DE-BY") from None


@lru_cache(maxsize=64)
def _clock_changes(zone: str) -> str:
    """A digest of the offsets of every day from 2000 to 2040: time zone data are revised now and then."""
    rules, digest = ZoneInfo(zone), blake2b(digest_size=8)
    first, last = (date(year, 1, 1).toordinal() - _EPOCH for year in (2000, 2041))
    for day in range(first, last):
        digest.update(b"%d " % _offset(rules, day * DAY))
    return digest.hexdigest()
