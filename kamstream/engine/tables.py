"""The tables: every field's value of an id, read from its ledger, and what changed since it was last published."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from kamstream.engine.ledger import Ledger, Pane, Totals
from kamstream.engine.plan import NOWHERE, Column, Field, Frame, Plan
from kamstream.entities.fact import Profile
from kamstream.kpis import CATALOGUE, Reading, Shelf, Total
from kamstream.kpis.base import Number
from kamstream.windows import to_text


class Value(NamedTuple):
    """A KPI's value (None: no data) and its n."""

    value: Number
    n: int


@dataclass(slots=True)
class TableChange:
    """One id's live table: its changed fields, or all of them (``full``).

    ``as_of`` is T in epoch milliseconds; ``gone`` says that the id no longer qualifies; ``cause`` is the event's
    ``source/id`` or ``tick``; ``old`` holds what was published before, where that is known.
    """

    scope: str
    id: str
    as_of: int
    values: dict[str, Value]
    full: bool = False
    gone: bool = False
    profile: Profile | None = None
    cause: str = "tick"
    old: dict[str, Value] | None = None


class Row(msgspec.Struct, frozen=True):
    """One value as it is printed, exported and returned everywhere."""

    scope: str
    id: str
    kpi: str
    window: str
    value: Number
    n: int
    unit: str
    as_of: str


_UNITS = {kpi.name: kpi.unit for kpi in CATALOGUE}


def rows_of(table: TableChange) -> Iterator[Row]:
    """The rows of a table, in the order of its fields."""
    as_of = to_text(table.as_of)
    for field, value in table.values.items():
        kpi, _, window = field.rpartition(":")
        yield Row(table.scope, table.id, kpi, window, value.value, value.n, _UNITS[kpi], as_of)


class Reader:
    """Reads values from ledgers, all fields of the plan in their order."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._nothing = [_empty(column) for column in plan.columns]
        none = Total(0, (), {})
        self._no_data: list[Value] = []
        for field in plan.fields:
            empty = self._nothing[field.column]
            beside = none if field.beside_column == NOWHERE else self._nothing[field.beside_column]
            reading = Reading(empty, empty, beside, field.window, 0)
            self._no_data.append(Value(field.kpi.value(reading), field.kpi.n(reading)))

    def values(self, ledger: Ledger | None, frame: Frame, now: int) -> tuple[list[Value], Totals | None]:
        """The values at T = ``now``, and the totals that they come from."""
        if ledger is None or ledger.is_empty:
            return list(self._no_data), None
        totals = Totals(ledger, self._plan, frame)
        known: dict[tuple[int, int, int], Total] = {}
        values = []
        for index, field in enumerate(self._plan.fields):
            total = self._total(totals, known, field.unit, field.view, field.column)
            before = beside = self._nothing[field.column]
            if field.before_view != NOWHERE:
                before = self._total(totals, known, field.unit, field.before_view, field.column)
            if field.beside_column != NOWHERE:
                beside = self._total(totals, known, field.beside_unit, 0, field.beside_column)
            if not (total.n or before.n or beside.n):
                values.append(self._no_data[index])
                continue
            reading = Reading(total, before, beside, field.window, now)
            values.append(Value(field.kpi.value(reading), field.kpi.n(reading)))
        return values, totals

    def _total(
        self, totals: Totals, known: dict[tuple[int, int, int], Total], unit: int, view: int, column: int
    ) -> Total:
        key = (unit, view, column)
        total = known.get(key)
        if total is None:
            total = known[key] = self._read(totals.of(unit, view), column)
        return total

    def _read(self, pane: Pane | None, column: int) -> Total:
        row = pane.get(column) if pane else None
        if row is None:
            return self._nothing[column]
        if isinstance(row[-1], dict):
            return Total(row[0], row[1:-1], row[-1])
        return Total(row[0], row[1:], {})


def _empty(column: Column) -> Total:
    return Total(0, column.zeros, {})


def waits_of(ledger: Ledger | None, plan: Plan) -> int | None:
    """When the longest open wait of an id began; None where nobody waits."""
    panes = ledger.shelves[plan.unit_of("w")] if ledger else None
    if not panes:
        return None
    rows = panes[min(panes)]
    starts: list[int] = [min(row[-1]) for row in rows.values()]
    return min(starts)


def waiting_fields(plan: Plan) -> list[Field]:
    """The fields that time alone moves."""
    return [field for field in plan.fields if field.kpi.shelf == Shelf.WAITS]
