"""Open hours and service levels. kpis.md "Shares and firsts"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference.settings import DAY, MINUTE, Settings, duration

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
QUARTER = 15 * MINUTE  # every present-day change of an offset falls on a quarter of an hour


class Calendar:
    """An instant is open when its local time of day lies in a slot of its local weekday, on no holiday."""

    def __init__(self, shape: Mapping[str, Any]) -> None:
        self.zone = ZoneInfo(shape["tz"])
        self.slots = {day: [(clock(a), clock(b)) for a, b in shape["slots"].get(day, [])] for day in WEEKDAYS}
        self.holidays = {str(day) for day in shape.get("holidays", [])}
        self.whole_day = lru_cache(maxsize=None)(self._whole_day)

    def open_ms(self, start: int, end: int) -> int:
        """How many of the milliseconds start <= t < end are open."""
        total, at = 0, start
        while at < end:
            if at % DAY == 0 and at + DAY <= end:
                total += self.whole_day(at)
                at += DAY
                continue
            piece = min(end, (at // QUARTER + 1) * QUARTER)
            total += self._piece(at, piece)
            at = piece
        return total

    def _whole_day(self, at: int) -> int:
        return sum(self._piece(quarter, quarter + QUARTER) for quarter in range(at, at + DAY, QUARTER))

    def _piece(self, start: int, end: int) -> int:
        """The open part of a stretch that lies within one quarter of an hour."""
        local = datetime.fromtimestamp(start // 1000, UTC).astimezone(self.zone)
        if local.date().isoformat() in self.holidays:
            return 0
        begin = ((local.hour * 60 + local.minute) * 60 + local.second) * 1000 + start % 1000
        finish = begin + (end - start)
        return sum(max(0, min(finish, b) - max(begin, a)) for a, b in self.slots[WEEKDAYS[local.weekday()]])


def clock(text: str) -> int:
    """Milliseconds after local midnight of "09:00"; "24:00" is the end of the day."""
    hour, minute = text.split(":")
    return (int(hour) * 60 + int(minute)) * MINUTE


def calendar_name(profile: Mapping[str, Any] | None, settings: Settings) -> str | None:
    """The rule: "by the standing profile's country, else its tier, else the default"."""
    for name in ((profile or {}).get("country"), (profile or {}).get("tier"), "default"):
        if name is not None and name in settings.calendars:
            return str(name)
    return None


def target_ms(what: str, priority: str, profile: Mapping[str, Any] | None, settings: Settings) -> int | None:
    """The target of "first_response" or "resolution" for a priority: the tier's, else the general one."""
    tier = (profile or {}).get("tier")
    for wanted in [tier, None] if tier is not None else [None]:
        for level in settings.service_levels:
            if level["priority"] == priority and level.get("tier") == wanted and level.get(what):
                return duration(level[what])
    return None
