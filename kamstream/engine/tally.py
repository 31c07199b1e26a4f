"""The tally of a ledger at one T: its sums between the borders of the windows.

A unit's borders cut its panes into segments; a window is a run of neighbouring segments. When T moves, borders pass
panes: their rows move from one segment to the next, the rest stays as it is.
"""

from bisect import bisect_right
from typing import Any

from kamstream.engine.cells import Row, add, copied, fresh, merge, scaled
from kamstream.engine.plan import COLUMN, PANE, Frame, Lane, Plan, Ranges

Segments = list[Row | None]
#: A border that passes more panes than this at once: counting anew is cheaper.
LEAP = 40


class Tally:
    """Segments by ``unit << 8 | column``; ``due`` is when a pane next passes a border (None: never)."""

    __slots__ = ("cells", "due", "frame", "plan")

    def __init__(self, shelves: list[dict[int, Row] | None], plan: Plan, frame: Frame, mask: int = -1) -> None:
        self.plan: Plan = plan
        self.frame: Frame = frame
        self.cells: dict[int, Segments] = {}
        self.due: int | None = None
        for unit, shelf in enumerate(shelves):
            if shelf:
                self._count(unit, shelf, frame.ranges[unit], mask)

    def _count(self, unit: int, shelf: dict[int, Row], ranges: Ranges, mask: int) -> None:
        borders = ranges.borders
        spreads = self.plan.spreads
        size = len(borders) + 1
        steps: int = -1
        for key, row in shelf.items():
            number: int = key >> PANE
            place: int = bisect_right(borders, number)
            if place == 0:
                continue  # older than every window
            ahead: int = number + 1 - borders[place - 1]
            if steps < 0 or ahead < steps:
                steps = ahead
            column: int = key & COLUMN
            if mask >> column & 1 == 0:
                continue
            cell = unit << 8 | column
            segments = self.cells.get(cell)
            if segments is None:
                segments = self.cells[cell] = [None] * size
            there = segments[place]
            if there is None:
                segments[place] = copied(row, spreads[column])
            else:
                merge(there, row, 1, spreads[column])
        if steps >= 0:
            self._due_after(unit, ranges, steps)

    def _due_after(self, unit: int, ranges: Ranges, steps: int) -> None:
        width = self.plan.units[unit].width
        if not width or self.plan.units[unit].code == "w":
            return
        if self.plan.has_calendar_windows:
            steps = 1
        due = (ranges.here + steps) * width
        if self.due is None or due < self.due:
            self.due = due

    def add(self, unit: int, number: int, lane: Lane, amounts: Any, first: int, sign: int, spread: int) -> None:
        """Add what a fact adds to one cell, or take it back."""
        place = bisect_right(self.frame.ranges[unit].borders, number)
        if place == 0:
            return
        segments = self._segments(unit, lane.column)
        there = segments[place]
        if there is None:
            segments[place] = fresh(lane.width, amounts, first, sign, spread)
        elif add(there, lane.width, amounts, first, sign, spread) == 0:
            segments[place] = None

    def merge(self, unit: int, number: int, column: int, row: Row, sign: int) -> None:
        """Add a row to what is counted of its pane's segment, or take it back."""
        place = bisect_right(self.frame.ranges[unit].borders, number)
        if place:
            self._merge(self._segments(unit, column), place, column, row, sign)

    def _merge(self, segments: Segments, place: int, column: int, row: Row, sign: int) -> None:
        there = segments[place]
        if there is None:
            segments[place] = scaled(row, sign, self.plan.spreads[column])
        else:
            merge(there, row, sign, self.plan.spreads[column])
            if there[0] == 0:
                segments[place] = None

    def _segments(self, unit: int, column: int) -> Segments:
        cell = unit << 8 | column
        segments = self.cells.get(cell)
        if segments is None:
            segments = self.cells[cell] = [None] * (len(self.frame.ranges[unit].borders) + 1)
        return segments

    def align(self, shelves: list[dict[int, Row] | None], frame: Frame) -> int:
        """Move the borders to those of a later frame; the columns (bits) of which a pane passed one."""
        passed = 0
        for unit, shelf in enumerate(shelves):
            before, after = self.frame.ranges[unit], frame.ranges[unit]
            if before is not after and shelf:
                passed |= self._move(unit, shelf, before.borders, after.borders)
        self.frame = frame
        self._due_soon(shelves)
        return passed

    def _due_soon(self, shelves: list[dict[int, Row] | None]) -> None:
        """With many panes one is next to a border at nearly every step: the next step is near enough."""
        self.due = None
        for unit, shelf in enumerate(shelves):
            if shelf:
                self._due_after(unit, self.frame.ranges[unit], 1)

    def _move(self, unit: int, shelf: dict[int, Row], before: list[int], after: list[int]) -> int:
        if len(before) != len(after) or any(not 0 <= new - old <= LEAP for old, new in zip(before, after, strict=True)):
            for cell in [cell for cell in self.cells if cell >> 8 == unit]:
                del self.cells[cell]
            ranges = Ranges(after, [], [], 0, 0)
            self._count(unit, shelf, ranges, -1)
            return -1
        passed = 0
        columns = len(self.plan.columns)
        # The newest border first: so a pane that passes several is always where it is taken from.
        for place in range(len(before) - 1, -1, -1):
            old, new = before[place], after[place]
            for number in range(old, new):
                key = number << PANE
                for column in range(columns):
                    row = shelf.get(key | column)
                    if row is None:
                        continue
                    passed |= 1 << column
                    segments = self._segments(unit, column)
                    self._merge(segments, place + 1, column, row, -1)
                    if place:
                        self._merge(segments, place, column, row, 1)
        return passed
