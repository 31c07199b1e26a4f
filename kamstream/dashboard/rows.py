"""Rows as kpis.md defines them, from live tables."""

from collections.abc import Collection, Iterator
from typing import Any

from kamstream.dashboard import words
from kamstream.live import LiveTable
from kamstream.windows import NOW, to_text


def rows(
    table: LiveTable,
    *,
    kpis: Collection[str] = (),
    windows: Collection[str] = (),
) -> Iterator[dict[str, Any]]:
    """One row per KPI and window in the catalogue's order, nulls included.

    Empty ``kpis`` or ``windows`` mean all. Gauges, whose window is ``now``, come whatever windows were asked for.
    """
    fields = sorted((field.rpartition(":") for field in table.values), key=_order)
    for kpi, _, window in fields:
        if (kpis and kpi not in kpis) or (windows and window != NOW and window not in windows):
            continue
        value, n = table.values[f"{kpi}:{window}"]
        yield {
            "scope": table.scope,
            "id": table.id,
            "kpi": kpi,
            "window": window,
            "value": value,
            "n": n,
            "unit": words.unit(kpi),
            "as_of": to_text(table.meta.as_of),
        }


def _order(field: tuple[str, str, str]) -> tuple[Any, ...]:
    return words.kpi_order(field[0]), words.window_order(field[2])
