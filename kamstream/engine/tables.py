"""The tables: every field's value of an id, read from its ledger, and what changed since it was last published."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kamstream.engine.ledger import Ledger, Totals
from kamstream.engine.plan import NOWHERE, Column, Field, Frame, Plan
from kamstream.entities.fact import Profile
from kamstream.kpis import CATALOGUE, Reading, Shelf, Total
from kamstream.kpis.base import Number
from kamstream.native import COMPILED
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
    values: Mapping[str, Value]
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


_value = tuple.__new__


class Table:
    """What is known of an id's table since it was last handed over.

    ``values`` is None before the first reading; ``moved`` are the places whose values the last reading changed, with
    the values before it, none the first time; ``frame`` and ``time`` are those at which they held; ``due`` is when time
    next changes them (None: never), ``watched`` the moment for which the id already waits to be looked at (0: none);
    ``waits`` is since when its longest wait lasts, for which alert rules are watched.
    """

    __slots__ = ("due", "frame", "ledger", "moved", "time", "values", "waits", "watched")

    def __init__(self) -> None:
        self.values: list[Value] | None = None
        self.moved: list[tuple[int, Value]] = []
        self.frame: Frame | None = None
        self.time: int = 0
        self.due: int | None = None
        self.watched: int = 0
        #: The ledger that the values were read from: another one knows nothing of what this one had.
        self.ledger: Ledger | None = None
        self.waits: int | None = None

    @property
    def is_read(self) -> bool:
        """Whether there are values."""
        return self.values is not None

    def value(self, index: int) -> Value:
        """The value of a field."""
        assert self.values is not None
        return self.values[index]

    def change(self, values: list[Value]) -> None:
        """Let other values hold."""
        before, self.values = self.values, values
        if before is not None:
            self.moved = [(i, old) for i, old in enumerate(before) if old is not values[i] and old != values[i]]


class Reader:
    """Reads values from ledgers, all fields of the plan in their order."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._nothing = [_empty(column) for column in plan.columns]
        self._fields: list[Field] = plan.fields
        self._names = [field.name for field in plan.fields]
        none = Total(0, (), {})
        self._no_data: list[Value] = []
        for field in plan.fields:
            empty = self._nothing[field.column]
            beside = none if field.beside_column == NOWHERE else self._nothing[field.beside_column]
            reading = Reading(empty, empty, beside, field.window, 0)
            self._no_data.append(Value(field.kpi.value(reading), field.kpi.n(reading)))
        self._waits = 0
        for field in plan.fields:
            if field.kpi.shelf == Shelf.WAITS:
                self._waits |= 1 << field.column
        #: By column, the columns that its fields are made of (bits).
        self._made_of = []
        for fields in plan.fields_of:
            columns = 0
            for index in fields:
                columns |= 1 << plan.fields[index].column
                if plan.fields[index].beside_column != NOWHERE:
                    columns |= 1 << plan.fields[index].beside_column
            self._made_of.append(columns)

    def values(self, ledger: Ledger | None, frame: Frame, now: int) -> tuple[list[Value], Totals | None]:
        """The values at T = ``now``, and the totals that they come from."""
        if ledger is None or ledger.is_empty:
            return list(self._no_data), None
        totals = ledger.totals_once(frame)
        values = list(self._no_data)
        self._read(range(len(values)), values, totals, now)
        return values, totals

    def refresh(self, table: Table, ledger: Ledger | None, frame: Frame, now: int, whole: bool) -> Totals | None:
        """Bring a table's values to T = ``now``, those only whose facts changed or passed a window's border.

        The totals are those of all columns if ``whole``.
        """
        before, same = table.values, table.ledger is ledger
        table.ledger, table.moved = ledger, []
        if ledger is None or ledger.is_empty:
            table.change(list(self._no_data))
            table.frame, table.time, table.due = frame, now, None
            if ledger is not None:
                ledger.settle()
            return None
        mask = self._stale(table, ledger, frame, now) if before is not None and same else -1
        wanted = mask
        if whole:
            wanted = -1
        elif mask >= 0:
            for column in _bits(mask):
                wanted |= self._made_of[column]
        totals = ledger.totals(frame, wanted)
        if mask != 0:
            values = list(self._no_data) if before is None else before.copy()
            if mask < 0:
                self._read(range(len(values)), values, totals, now)
            else:
                for column in _bits(mask):
                    self._read(self._plan.fields_of[column], values, totals, now)
            table.change(values)
        table.frame, table.time, table.due = frame, now, totals.due
        ledger.settle()
        return totals

    def snapshot(self, table: Table) -> Mapping[str, Value]:
        """All values of a table that was read, by field, as they stand: whatever becomes of the table."""
        assert table.values is not None
        return dict(zip(self._names, table.values, strict=True))

    def _stale(self, table: Table, ledger: Ledger, frame: Frame, now: int) -> int:
        """The columns (bits) whose values may differ from those in the table; -1: all."""
        mask = ledger.stale(table.frame, frame)
        if now != table.time and self._waits and mask >= 0:
            mask |= self._waits
        return mask

    def _read(self, indices: Iterable[int], values: list[Value], totals: Totals, now: int) -> None:
        """Set the values of some fields, in order."""
        last_kpi: Any = None
        last_total: Total | None = None
        last_value = _NOTHING
        for index in indices:
            field = self._fields[index]
            kpi = field.kpi
            total = totals.of(field.unit, field.view, field.column)
            if field.before_view == NOWHERE and field.beside_column == NOWHERE:
                if total is None:
                    values[index] = self._no_data[index]
                    continue
                if field.timeless and total is last_total and kpi is last_kpi:
                    values[index] = last_value
                    continue
                nothing = self._nothing[field.column]
                reading = Reading(total, nothing, nothing, field.window, now)
                n = total.n if field.counts else kpi.n(reading)
                last_value = values[index] = _value(Value, (kpi.value(reading), n))
                last_total, last_kpi = total, kpi
            else:
                values[index] = self._with_more(index, field, total, totals, now)

    def _with_more(self, index: int, field: Field, total: Total | None, totals: Totals, now: int) -> Value:
        """The value of a field that needs the previous window, or second sums, too."""
        nothing = self._nothing[field.column]
        before = beside = nothing
        if field.before_view != NOWHERE:
            before = totals.of(field.unit, field.before_view, field.column) or nothing
        if field.beside_column != NOWHERE:
            beside = totals.of(field.beside_unit, 0, field.beside_column) or self._nothing[field.beside_column]
        if total is None and not (before.n or beside.n):
            return self._no_data[index]
        reading = Reading(total or nothing, before, beside, field.window, now)
        return Value(field.kpi.value(reading), field.kpi.n(reading))


_NOTHING = Value(None, 0)


def _empty(column: Column) -> Total:
    return Total(0, (0,) * column.sums.width, {})


def _bits(mask: int) -> Iterator[int]:
    """The places of the bits that are set."""
    place = 0
    while mask:
        if mask & 1:
            yield place
        mask >>= 1
        place += 1


def waits_of(ledger: Ledger | None) -> int | None:
    """When the longest open wait of an id began; None where nobody waits."""
    return ledger.oldest_wait() if ledger is not None else None


#: By its own name, for whoever wants the definition: whichever of the two modules is imported first.
PythonReader = Reader
if COMPILED and not TYPE_CHECKING:
    from kamstream.engine._tables import Reader, Table

__all__ = ["PythonReader", "Reader", "Row", "Table", "TableChange", "Value", "rows_of", "waits_of"]
