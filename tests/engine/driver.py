"""Runs the engine over a history and gives its rows in the shape of the reference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from kamstream.engine import Config
from kamstream.engine.offline import Offline
from kamstream.entities.calendars import WEEKDAYS, Calendar, Calendars, slots_by_weekday
from kamstream.entities.fact import ServiceLevel
from kamstream.events import Decoder, Event, Rules
from kamstream.kpis import CATALOGUE
from kamstream.settings import duration_ms
from kamstream.windows import DAY, HOUR, MINUTE, parse
from tests.reference import Settings

LIMITS = ("first_response", "resolution")
FAR = 2**60  # a wall clock that no event is ahead of
Rows = dict[tuple[str, str, str, str], tuple[float | int | None, int]]


def config_of(settings: Settings, **more: Any) -> Config:
    """The engine's configuration for the reference's settings."""
    rates = {
        currency: {month: Fraction(str(worth)) for month, worth in rate.items()}
        if isinstance(rate, Mapping)
        else {"": Fraction(str(rate))}
        for currency, rate in settings.rates.items()
    }
    return Config(
        windows=tuple(parse(name) for name in settings.windows),
        kpis=tuple(kpi for kpi in CATALOGUE if kpi.name in settings.kpis or not settings.kpis),
        scopes=tuple(settings.scopes),
        reporting_currency=settings.reporting_currency,
        rates=rates,
        stage_probabilities={stage: Fraction(str(p)) for stage, p in settings.stage_probabilities.items()},
        horizon=settings.horizon_ms,
        **(options_of(settings) | more),
    )  # fmt: skip


def keep(stored: dict[bytes, bytes], rows: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Store the rows of a flush as compaction would keep them."""
    for key, value in rows:
        if value is None:
            stored.pop(key, None)
        else:
            stored[key] = value


def decoded(line: str) -> Event:
    """The event of a line that is one."""
    event = Decoder(Rules()).decode_line(line.encode(), now=FAR)
    assert isinstance(event, Event)
    return event


def options_of(settings: Settings) -> dict[str, Any]:
    """Calendars and service levels, of the options of the reference."""
    calendars = Calendars({name: calendar_of(shape) for name, shape in settings.calendars.items()})
    levels = tuple(
        ServiceLevel(level["priority"], level.get("tier"), *(_limit(level.get(what)) for what in LIMITS))
        for level in settings.service_levels
    )
    return {
        "open_time": calendars if settings.calendars else None,
        "service_levels": levels,
        "fingerprint_of": calendars.fingerprint(),
    }


def calendar_of(shape: Mapping[str, Any]) -> Calendar:
    """A calendar as the reference writes it."""
    slots = {
        weekday: [(_clock(begin), _clock(end)) for begin, end in shape["slots"].get(name, [])]
        for weekday, name in enumerate(WEEKDAYS)
    }
    return Calendar(shape["tz"], slots_by_weekday(slots), days_off=frozenset(shape.get("holidays", [])))


def _clock(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * HOUR + int(minute) * MINUTE


def _limit(text: str | None) -> int | None:
    return None if text is None else duration_ms(text)


def decoder_of(settings: Settings) -> Decoder:
    return Decoder(Rules(reporting_currency=settings.reporting_currency, currencies=frozenset(settings.rates)))


def events_of(log: Iterable[Mapping[str, Any]], settings: Settings) -> list[Event]:
    """The decoded events of a log, refused ones left out."""
    decoder = decoder_of(settings)
    decoded = [decoder.decode_line(json.dumps(record).encode(), now=FAR) for record in log]
    return [event for event in decoded if isinstance(event, Event)]


def rows_of(offline: Offline) -> Rows:
    """All rows of an offline run."""
    rows: Rows = {}
    for table in offline.tables():
        for field, value in table.values.items():
            kpi, _, window = field.rpartition(":")
            rows[table.scope, table.id, kpi, window] = (value.value, value.n)
    return rows


def computed(log: Iterable[Mapping[str, Any]], settings: Settings, as_of: int | None = None) -> Rows:
    """What the engine makes of a log in its order."""
    offline = Offline(config_of(settings), until=as_of)
    for event in events_of(log, settings):
        offline.apply(event)
    offline.settle()
    return rows_of(offline)


__all__ = ["DAY", "computed", "config_of", "decoder_of", "events_of", "rows_of"]
