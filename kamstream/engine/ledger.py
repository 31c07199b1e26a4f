"""The ledger of one id: the sums of its facts, pane by pane.

A *cell* is one column in one pane of one unit; its row of integers is added to and taken back from, and vanishes when
it counts no fact. A shelf holds the cells of one unit in one flat mapping, by ``pane << 8 | column``: an account has
few facts in many panes, and a mapping for each pane would weigh more than they do.
"""

from collections.abc import Iterator
from typing import Any

from kamstream.engine.cells import NO_SPREAD, Pane, Row, add, fresh, merge, scaled
from kamstream.engine.plan import COLUMN, PANE, Frame, Lane, Plan
from kamstream.engine.tally import Tally
from kamstream.entities.fact import Fact
from kamstream.sketch import bucket

#: Panes that stay a while after they count no more, so that not every step of T looks for them.
SLACK = 8
_NONE = -(2**62)


class Ledger:
    """Sums by unit, pane and column.

    ``changed`` holds the panes that changed since they were last collected (``pane << 3 | unit``), each with whether
    it may have been stored before (None: nobody asks); ``touched`` the columns (bits) that changed since values were
    last read; ``tops`` are the units' newest panes that were ever stored.
    """

    __slots__ = ("changed", "plan", "shelves", "tally", "tops", "touched")

    def __init__(self, plan: Plan) -> None:
        self.plan: Plan = plan
        self.shelves: list[dict[int, Row] | None] = [None] * len(plan.units)
        self.changed: dict[int, bool] | None = {}
        self.touched: int = 0
        self.tally: Tally | None = None
        self.tops: list[int] | None = None

    def add(self, unit: int, number: int, lane: Lane, amounts: Any, first: int, sign: int, spread: int) -> None:
        """Add what a fact adds to one cell, or take it back."""
        shelf = self.shelves[unit]
        if shelf is None:
            shelf = self.shelves[unit] = {}
        key: int = number << PANE | lane.column
        row = shelf.get(key)
        if row is None:
            shelf[key] = fresh(lane.width, amounts, first, sign, spread)
        elif add(row, lane.width, amounts, first, sign, spread) == 0:
            del shelf[key]
        if self.changed is not None:
            self._note(unit, number)
        if self.tally is not None:
            self.tally.add(unit, number, lane, amounts, first, sign, spread)

    def _note(self, unit: int, number: int) -> None:
        """A pane has changed; one that is newer than all that were ever collected cannot have been stored."""
        changed, tops, place = self.changed, self.tops, number << 3 | unit
        if changed is not None and place not in changed:
            changed[place] = tops is not None and number <= tops[unit]

    def collected(self, unit: int, number: int) -> None:
        """A pane has been stored."""
        if self.tops is None:
            self.tops = [_NONE] * len(self.shelves)
        self.tops[unit] = max(self.tops[unit], number)

    def merge(self, unit: int, number: int, other: Pane, sign: int) -> None:
        """Add another ledger's pane to this one's, or take it back."""
        shelf = self.shelves[unit]
        if shelf is None:
            shelf = self.shelves[unit] = {}
        spreads = self.plan.spreads
        for column, theirs in other.items():
            key = number << PANE | column
            row = shelf.get(key)
            if row is None:
                shelf[key] = scaled(theirs, sign, spreads[column])
            else:
                merge(row, theirs, sign, spreads[column])
                if row[0] == 0:
                    del shelf[key]
            self.touched |= 1 << column
            if self.tally is not None:
                self.tally.merge(unit, number, column, theirs, sign)
        self._note(unit, number)

    def put(self, unit: int, number: int, pane: Pane) -> None:
        """Set a pane as it was stored."""
        shelf = self.shelves[unit]
        if shelf is None:
            shelf = self.shelves[unit] = {}
        for column, row in pane.items():
            shelf[number << PANE | column] = row
        self.collected(unit, number)

    def pane(self, unit: int, number: int) -> Pane | None:
        """A pane; None where nothing counts in it."""
        shelf = self.shelves[unit]
        if not shelf:
            return None
        pane: Pane = {}
        first = number << PANE
        for key in range(first, first + len(self.plan.columns)):
            row = shelf.get(key)
            if row is not None:
                pane[key - first] = row
        return pane or None

    def panes(self) -> Iterator[tuple[int, int, Pane]]:
        """All panes, as (unit, pane number, pane)."""
        for unit, shelf in enumerate(self.shelves):
            if shelf:
                by_number: dict[int, Pane] = {}
                for key, row in shelf.items():
                    by_number.setdefault(key >> PANE, {})[key & COLUMN] = row
                for number, pane in by_number.items():
                    yield unit, number, pane

    def prune(self, frame: Frame) -> None:
        """Forget panes that can no longer count; late ones may stay until their neighbours go."""
        for unit, shelf in enumerate(self.shelves):
            if not shelf:
                continue
            oldest = frame.oldest[unit]
            if next(iter(shelf)) >= (oldest - SLACK) << PANE:
                continue
            border = oldest << PANE
            for key in [key for key in shelf if key < border]:
                del shelf[key]
                self._note(unit, key >> PANE)
                # A table that has not looked since then would not see it leave its window.
                self.touched |= 1 << (key & COLUMN)
            self.tally = None
            # What is left is kept in a mapping of its size: an emptied one weighs as much as a full one.
            self.shelves[unit] = dict(shelf) if shelf else None

    def size(self) -> int:
        """The number of cells."""
        return sum(len(shelf) for shelf in self.shelves if shelf)

    @property
    def is_empty(self) -> bool:
        """Whether nothing counts."""
        return not any(self.shelves)


def post(ledgers: list[Ledger], fact: Fact, lanes: tuple[Lane, ...], sign: int, frame: Frame) -> None:
    """Add a fact to ledgers (``sign`` 1), or take it back (-1); panes that can no longer count are left alone."""
    time: int = fact.time
    oldest = frame.oldest
    for lane in lanes:
        amounts: Any = fact.amounts
        first: int = lane.first
        if first < 0:
            amounts = lane.sums.amounts(fact)
            if amounts is None:
                continue
            first = 0
        spread: int = NO_SPREAD
        if lane.spread is not None:
            spread = bucket(lane.spread(fact))
        elif lane.waits:
            spread = time
        for ledger in ledgers:
            ledger.touched |= 1 << lane.column
        for unit, width in lane.places:
            number: int = 0
            if width:
                number = time // width
                if number < oldest[unit]:
                    continue
            elif lane.labelled:
                number = int(fact.label) + 1
            for ledger in ledgers:
                ledger.add(unit, number, lane, amounts, first, sign, spread)
