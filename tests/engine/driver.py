"""Runs the engine over a history and gives its rows in the shape of the reference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from kamstream.engine import Config
from kamstream.engine.offline import Offline
from kamstream.events import Decoder, Event, Rules
from kamstream.kpis import CATALOGUE
from kamstream.windows import DAY, parse
from tests.reference import Settings

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
        kpis=tuple(kpi for kpi in CATALOGUE if kpi.name in settings.kpis or (not settings.kpis and kpi.option is None)),
        scopes=tuple(settings.scopes),
        reporting_currency=settings.reporting_currency,
        rates=rates,
        stage_probabilities={stage: Fraction(str(p)) for stage, p in settings.stage_probabilities.items()},
        horizon=settings.horizon_ms,
        **more,
    )  # fmt: skip


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
