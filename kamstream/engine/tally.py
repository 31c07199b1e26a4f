"""The tally of a ledger at one T: its sums between the borders of the windows.

A unit's borders cut its panes into segments; a window is a run of neighbouring segments. When T moves, borders pass
panes: their rows move from one segment to the next, the rest stays as it is.
"""

from bisect import bisect_right
from typing import Any

from kamstream.engine.cells import Row, add, copied, fresh, merge, scaled, spread_of
from kamstream.engine.plan import COLUMN, PANE, Frame, Lane, Plan, Ranges
from kamstream.kpis import Total

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


_NO_SPREAD: dict[int, int] = {}


class Totals:
    """A tally's sums in every view of its frame, each added up once, when first asked for."""

    __slots__ = ("_chain", "_known", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally: Tally = tally
        self._known: dict[int, Total | None] = {}
        #: By cell and last segment the widest view so far: its first segment, its row, whether it owns that, its total.
        self._chain: dict[int, tuple[int, Row | None, bool, Total | None]] = {}

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
