"""The settings that a recount depends on, and what a window covers at a time T."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
UNIT = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
CALENDAR_WINDOWS = {"mtd": 31, "qtd": 92, "ytd": 366}  # name -> the most days it can cover
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Settings:
    """What shapes the values besides the log.

    `rates`: currency -> what one unit is worth in the reporting currency, as float or decimal text; or a
    mapping month ("2026-01"), or "" for all other months, -> rate.
    `calendars`: name -> {"tz": "Europe/Paris", "slots": {"mon": [["09:00", "12:00"], ["14:00", "18:00"]]},
    "holidays": ["2026-12-25"]}; the name is a country, a tier, or "default".
    `service_levels`: [{"priority": "high", "tier": "gold", "first_response": "1h", "resolution": "2d"}],
    where `tier` and either target may be absent.
    `horizon`: a duration text, or None for the default. `kpis`: empty = all.
    """

    reporting_currency: str = "EUR"
    rates: Mapping[str, Any] = field(default_factory=dict)
    windows: Sequence[str] = ("24h", "7d", "30d", "90d", "365d")
    horizon: str | None = None
    stage_probabilities: Mapping[str, float] = field(default_factory=dict)
    calendars: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    service_levels: Sequence[Mapping[str, str]] = ()
    scopes: Sequence[str] = ("account", "kam", "company")
    kpis: Sequence[str] = ()

    @property
    def horizon_ms(self) -> int:
        """events.md: "default 800 days, or twice the longest window + 2 days where that is more"."""
        if self.horizon is not None:
            return duration(self.horizon)
        return max(800 * DAY, 2 * max(longest(w) for w in self.windows) + 2 * DAY)


def duration(text: str) -> int:
    """Milliseconds of "90s", "15m", "4h", "800d"."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise ValueError(f"not a duration: {text!r}")
    return int(found[1]) * UNIT[found[2]]


def longest(window: str) -> int:
    """The most milliseconds that a window can cover."""
    return CALENDAR_WINDOWS[window] * DAY if window in CALENDAR_WINDOWS else duration(window)


@dataclass(frozen=True)
class Span:
    """What a window covers at T: facts at `start <= at <= T`; its previous window `before <= at < start`."""

    start: int
    before: int
    days: Fraction
    ahead: int | None  # n of "<n>d", for what looks ahead; None for every other window


def span(window: str, now: int) -> Span:
    """kpis.md "Windows": "the n panes ending with the one that contains T"; panes are UTC."""
    if window in CALENDAR_WINDOWS:
        # "Windows mtd qtd ytd run from the first day of T's month, quarter, year (UTC) to T."
        today = date.fromordinal(EPOCH + now // DAY)
        month = {"mtd": today.month, "qtd": today.month - (today.month - 1) % 3, "ytd": 1}[window]
        first = date(today.year, month, 1).toordinal() - EPOCH
        days = now // DAY - first + 1
        return Span(first * DAY, (first - days) * DAY, Fraction(days), None)
    n, unit = int(window[:-1]), UNIT[window[-1]]
    start = (now // unit - n + 1) * unit
    return Span(start, start - n * unit, Fraction(n * unit, DAY), n if window[-1] == "d" else None)
