"""The ledger of one id: the sums of its facts, pane by pane.

A pane maps a column to a row of integers: the number of facts, their added amounts and, where percentiles are
kept, a mapping of buckets to counts at the end. Sums are added and taken back; a row that counts no fact vanishes.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from kamstream.engine.plan import Frame, Plan
from kamstream.entities.fact import Fact
from kamstream.kpis import Shelf
from kamstream.sketch import bucket

Row = list[Any]
Pane = dict[int, Row]
#: What one fact adds: (unit, pane, column, amounts, bucket or None) for each place it goes to.
Posting = list[tuple[int, int, int, tuple[int, ...], int | None]]


def posting_of(fact: Fact, plan: Plan, frame: Frame) -> Posting:
    """Where a fact goes and what it adds there; panes that can no longer count are left out."""
    posting: Posting = []
    for column in plan.by_kind.get(fact.kind, ()):
        sums = column.sums
        amounts = sums.amounts(fact)
        if amounts is None:
            continue
        key = bucket(sums.spread(fact)) if sums.spread else None
        if sums.shelf == Shelf.WAITS:
            key = fact.time
        for unit, width in column.places:
            if sums.shelf == Shelf.PER_WINDOW:
                posting.append((unit, int(fact.label) + 1, column.index, amounts, key))
            elif not width:
                posting.append((unit, 0, column.index, amounts, key))
            else:
                pane = fact.time // width
                if pane >= frame.ranges[unit].oldest:
                    posting.append((unit, pane, column.index, amounts, key))
    return posting


class Ledger:
    """Sums by unit and pane, with the panes that changed since they were last collected."""

    __slots__ = ("changed", "shelves")

    def __init__(self, units: int) -> None:
        self.shelves: list[dict[int, Pane] | None] = [None] * units
        self.changed: set[tuple[int, int]] = set()

    def post(self, posting: Posting, sign: int) -> None:
        """Add what a fact adds (``sign`` 1), or take it back (-1)."""
        for unit, number, column, amounts, key in posting:
            panes = self.shelves[unit]
            if panes is None:
                panes = self.shelves[unit] = {}
            pane = panes.get(number)
            if pane is None:
                pane = panes[number] = {}
            row = pane.get(column)
            if row is None:
                row = pane[column] = [sign, *amounts] if sign > 0 else [sign, *(-amount for amount in amounts)]
                if key is not None:
                    row.append({key: sign})
            else:
                _add(row, sign, amounts, key)
                if not row[0]:
                    _drop(panes, number, pane, column)
            self.changed.add((unit, number))

    def merge(self, unit: int, number: int, other: Pane, sign: int) -> None:
        """Add another ledger's pane to this one's, or take it back."""
        panes = self.shelves[unit]
        if panes is None:
            panes = self.shelves[unit] = {}
        pane = panes.setdefault(number, {})
        for column, theirs in other.items():
            row = pane.get(column)
            if row is None:
                pane[column] = _scaled(theirs, sign)
                continue
            _merge(row, theirs, sign)
            if not row[0]:
                del pane[column]
        if not pane:
            del panes[number]
        self.changed.add((unit, number))

    def put(self, unit: int, number: int, pane: Pane) -> None:
        """Set a pane as it was stored."""
        panes = self.shelves[unit]
        if panes is None:
            panes = self.shelves[unit] = {}
        panes[number] = pane

    def pane(self, unit: int, number: int) -> Pane | None:
        """A pane; None where nothing counts in it."""
        panes = self.shelves[unit]
        return panes.get(number) if panes else None

    def panes(self) -> Iterator[tuple[int, int, Pane]]:
        """All panes, as (unit, pane number, pane)."""
        for unit, panes in enumerate(self.shelves):
            if panes:
                for number, pane in panes.items():
                    yield unit, number, pane

    def prune(self, frame: Frame) -> None:
        """Forget the panes that can no longer count."""
        for unit, panes in enumerate(self.shelves):
            oldest = frame.ranges[unit].oldest
            if panes and min(panes) < oldest:
                for number in [number for number in panes if number < oldest]:
                    del panes[number]
                    self.changed.add((unit, number))

    @property
    def is_empty(self) -> bool:
        """Whether nothing counts."""
        return not any(self.shelves)


def _add(row: Row, sign: int, amounts: tuple[int, ...], key: int | None) -> None:
    row[0] += sign
    for place, amount in enumerate(amounts, 1):
        row[place] += sign * amount
    if key is not None:
        counts = row[-1]
        count = counts.get(key, 0) + sign
        if count:
            counts[key] = count
        else:
            del counts[key]


def _drop(panes: dict[int, Pane], number: int, pane: Pane, column: int) -> None:
    del pane[column]
    if not pane:
        del panes[number]


def _scaled(row: Row, sign: int) -> Row:
    return [{key: sign * n for key, n in x.items()} if isinstance(x, dict) else sign * x for x in row]


def _merge(row: Row, other: Row, sign: int) -> None:
    for place, theirs in enumerate(other):
        if not isinstance(theirs, dict):
            row[place] += sign * theirs
            continue
        counts = row[place]
        for key, n in theirs.items():
            count = counts.get(key, 0) + sign * n
            if count:
                counts[key] = count
            else:
                del counts[key]


class Totals:
    """The sums of a ledger in every view of a frame.

    ``of(unit, view)`` gives the added rows by column. ``held`` says whether any window or gauge holds a fact, and
    ``due`` is the next T at which a pane enters or leaves a view (None: never).
    """

    __slots__ = ("_added", "due", "held")

    def __init__(self, ledger: Ledger, plan: Plan, frame: Frame) -> None:
        self._added: list[list[Pane] | None] = [None] * len(plan.units)
        self.held = False
        self.due: int | None = None
        for unit, panes in enumerate(ledger.shelves):
            if panes:
                self._read(unit, panes, plan, frame)

    def of(self, unit: int, view: int) -> Pane | None:
        """The rows of a view by column; None where there is nothing in the unit at all."""
        added = self._added[unit]
        return added[view] if added else None

    def _read(self, unit: int, panes: dict[int, Pane], plan: Plan, frame: Frame) -> None:
        ranges, width = frame.ranges[unit], plan.units[unit].width
        borders = ranges.borders
        segments: list[Pane | None] = [None] * (len(borders) + 1)
        steps = None
        for number, pane in panes.items():
            place = bisect_right(borders, number)
            if place:
                ahead = number + 1 - borders[place - 1]
                if steps is None or ahead < steps:
                    steps = ahead
            into = segments[place]
            if into is None:
                into = segments[place] = {}
            _gather(into, pane)
        if width and steps is not None and plan.units[unit].code != "w":
            self._due_at((ranges.here + steps) * width)
            if plan.has_calendar_windows:
                self._due_at((ranges.here + 1) * width)
        self._added[unit] = [_over(segments[first : last + 1]) for first, last in ranges.views]
        if not self.held:
            self.held = any(held and added for held, added in zip(ranges.held, self._added[unit] or (), strict=True))

    def _due_at(self, time: int) -> None:
        if self.due is None or time < self.due:
            self.due = time


def _gather(into: Pane, pane: Pane) -> None:
    """Add a pane's rows to those gathered so far, leaving the pane alone."""
    for column, theirs in pane.items():
        row = into.get(column)
        if row is None:
            into[column] = [dict(x) if isinstance(x, dict) else x for x in theirs]
        else:
            _merge(row, theirs, 1)


def _over(segments: list[Pane | None]) -> Pane:
    """The sum over neighbouring segments."""
    there = [segment for segment in segments if segment]
    if len(there) == 1:
        return there[0]
    total: Pane = {}
    for segment in there:
        _gather(total, segment)
    return total
