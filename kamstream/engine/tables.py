"""The tables: every field's value of an id, read from its ledger, and what changed since it was last published."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from kamstream.engine.cells import Row as Cell
from kamstream.engine.cells import copied, merge, spread_of
from kamstream.engine.ledger import Ledger
from kamstream.engine.plan import NOWHERE, PANE, Column, Field, Frame, Plan
from kamstream.engine.tally import Tally
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


#: Cells from which on a ledger keeps its tally.
MANY = 96
_value = tuple.__new__


class Table:
    """What is known of an id's table since it was last handed over.

    ``values`` is None before the first time; ``frame`` and ``time`` are those at which they held; ``due`` is when time
    next changes them (None: never), ``watched`` the moment for which the id already waits to be looked at (0: none);
    ``waits`` is since when its longest wait lasts, for which alert rules are watched.
    """

    __slots__ = ("due", "frame", "ledger", "time", "values", "waits", "watched")

    def __init__(self) -> None:
        self.values: list[Value] | None = None
        self.frame: Frame | None = None
        self.time: int = 0
        self.due: int | None = None
        self.watched: int = 0
        #: The ledger that the values were read from: another one knows nothing of what this one had.
        self.ledger: Ledger | None = None
        self.waits: int | None = None


class Totals:
    """A tally's sums in every view of its frame, each added up once, when first asked for."""

    __slots__ = ("_chain", "_known", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally: Tally = tally
        self._known: dict[int, Total | None] = {}
        #: By cell and last segment the widest view so far: its first segment, its row, whether it owns that, its total.
        self._chain: dict[int, tuple[int, Cell | None, bool, Total | None]] = {}

    @property
    def due(self) -> int | None:
        """The next T at which a pane enters or leaves a view (None: never)."""
        return self.tally.due

    @property
    def held(self) -> bool:
        """Whether any window or gauge holds a fact."""
        ranges = self.tally.frame.ranges
        for cell, segments in self.tally.cells.items():
            unit = ranges[cell >> 8]
            for (first, last), held in zip(unit.views, unit.held, strict=True):
                if held and any(segments[first : last + 1]):
                    return True
        return False

    def of(self, unit: int, view: int, column: int) -> Total | None:
        """The sums of a column in a view; None of no facts."""
        cell: int = unit << 8 | column
        key: int = cell << 8 | view
        if key in self._known:
            return self._known[key]
        total = self._known[key] = self._add_up(cell, unit, view, column)
        return total

    def _add_up(self, cell: int, unit: int, view: int, column: int) -> Total | None:
        segments = self.tally.cells.get(cell)
        if segments is None:
            return None
        first, last = self.tally.frame.ranges[unit].views[view]
        link = cell << 20 | last
        begins, row, owned, total = self._chain.get(link, (last + 1, None, False, None))
        if begins < first:
            begins, row, owned, total = last + 1, None, False, None
        has_spread = self.tally.plan.spreads[column]
        grown = False
        for place in range(begins - 1, first - 1, -1):
            there = segments[place]
            if there is None:
                continue
            grown = True
            if row is None:
                row = there
            else:
                if not owned or total is not None:
                    row, owned, total = copied(row, has_spread), True, None
                merge(row, there, 1, has_spread)
        if grown and row is not None:
            total = Total(row[0], row[1:-1], spread_of(row)) if has_spread else Total(row[0], row[1:], _NO_SPREAD)
        self._chain[link] = (first, row, owned, total)
        return total


_NO_SPREAD: dict[int, int] = {}


class Reader:
    """Reads values from ledgers, all fields of the plan in their order."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._nothing = [_empty(column) for column in plan.columns]
        self._fields: list[Field] = plan.fields
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
        totals = Totals(Tally(ledger.shelves, self._plan, frame))
        values = list(self._no_data)
        self._read(range(len(values)), values, totals, now)
        return values, totals

    def refresh(self, table: Table, ledger: Ledger | None, frame: Frame, now: int, whole: bool) -> Totals | None:
        """Bring a table's values to T = ``now``, those only whose facts changed or passed a window's border.

        The totals are those of all columns if ``whole``.
        """
        before, same = table.values, table.ledger is ledger
        table.ledger = ledger
        if ledger is None or ledger.is_empty:
            table.values, table.frame, table.time, table.due = list(self._no_data), frame, now, None
            if ledger is not None:
                ledger.touched = 0
            return None
        mask = self._stale(table, ledger, frame, now) if before is not None and same else -1
        tally = ledger.tally
        if tally is None:
            wanted = mask
            if whole:
                wanted = -1
            elif mask >= 0:
                for column in _bits(mask):
                    wanted |= self._made_of[column]
            if ledger.size() > MANY:
                tally = ledger.tally = Tally(ledger.shelves, self._plan, frame)
            else:
                tally = Tally(ledger.shelves, self._plan, frame, wanted)
        totals = Totals(tally)
        if mask != 0:
            values = list(self._no_data) if before is None else before.copy()
            if mask < 0:
                self._read(range(len(values)), values, totals, now)
            else:
                for column in _bits(mask):
                    self._read(self._plan.fields_of[column], values, totals, now)
            table.values = values
        table.frame, table.time, table.due = frame, now, tally.due
        ledger.touched = 0
        return totals

    def _stale(self, table: Table, ledger: Ledger, frame: Frame, now: int) -> int:
        """The columns (bits) whose values may differ from those in the table; -1: all."""
        mask = ledger.touched
        if ledger.tally is not None and ledger.tally.frame is not frame:
            mask |= ledger.tally.align(ledger.shelves, frame)
        if table.frame is not frame and table.frame is not None:
            if self._plan.has_calendar_windows:
                return -1
            if ledger.tally is None and mask >= 0:
                mask |= _passed(ledger, table.frame, frame)
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


def _passed(ledger: Ledger, before: Frame, after: Frame) -> int:
    """The columns (bits) of which a pane passed a window's border."""
    mask = 0
    for unit, shelf in enumerate(ledger.shelves):
        if not shelf:
            continue
        old, new = before.ranges[unit].borders, after.ranges[unit].borders
        if old is new:
            continue
        for key in shelf:
            number = key >> PANE
            if bisect_right(old, number) != bisect_right(new, number):
                mask |= 1 << (key & 255)
    return mask


def waits_of(ledger: Ledger | None, plan: Plan) -> int | None:
    """When the longest open wait of an id began; None where nobody waits."""
    shelf = ledger.shelves[plan.unit_of("w")] if ledger else None
    if not shelf:
        return None
    return min(min(spread_of(row)) for row in shelf.values())
