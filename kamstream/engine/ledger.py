"""The ledger of one id: the sums of its facts, pane by pane.

A *cell* is one column in one pane of one unit; its row of integers is added to and taken back from, and vanishes when
it counts no fact. A shelf holds the cells of one unit in one flat mapping, by ``pane << 8 | column``: an account has
few facts in many panes, and a mapping for each pane would weigh more than they do.

``_ledger`` is the same, compiled.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kamstream.engine.cells import NO_SPREAD, Pane, Row, add, fresh, merge, restored, scaled, spread_of, stored
from kamstream.engine.plan import COLUMN, PANE, Frame, Lane, Plan
from kamstream.engine.rows import decode_pane, encode_pane, pack, unpack
from kamstream.engine.tally import Tally, Totals
from kamstream.entities.fact import Fact
from kamstream.native import COMPILED
from kamstream.sketch import bucket

#: A pane that changed: its unit and number, its row (None: nothing counts any more), whether it may have been stored.
Change = tuple[int, int, bytes | None, bool]

#: Panes that stay a while after they count no more, so that not every step of T looks for them.
SLACK = 8
#: Cells from which on a ledger keeps its tally.
MANY = 96
_NONE = -(2**62)


class Lanes:
    """The ways of a kind of facts into their columns."""

    __slots__ = ("kind", "lanes")

    def __init__(self, kind: str, lanes: tuple[Lane, ...]) -> None:
        self.kind: str = kind
        self.lanes: tuple[Lane, ...] = lanes


def lanes_of(plan: Plan) -> dict[str, Lanes]:
    """The ways of all kinds of facts that are put anywhere, by kind."""
    return {kind: Lanes(kind, lanes) for kind, lanes in plan.lanes.items()}


class Ledger:
    """Sums by unit, pane and column.

    ``tracked`` says whether changed panes are noted from the beginning; ``track`` begins with it. ``touched`` are the
    columns (bits) that changed since ``settle``.
    """

    __slots__ = ("_changed", "_plan", "_shelves", "_tally", "_tops", "touched")

    def __init__(self, plan: Plan, tracked: bool = True) -> None:
        self._plan: Plan = plan
        self._shelves: list[dict[int, Row] | None] = [None] * len(plan.units)
        #: Panes (``pane << 3 | unit``) that changed since they were collected, each with whether it may have been
        #: stored; the units' newest panes that ever were.
        self._changed: dict[int, bool] | None = {} if tracked else None
        self._tops: list[int] = [_NONE] * len(plan.units)
        self._tally: Tally | None = None
        self.touched: int = 0

    # -- in ----------------------------------------------------------------------------------------------------

    def add(self, unit: int, number: int, lane: Lane, amounts: Any, first: int, sign: int, spread: int) -> None:
        """Add what a fact adds to one cell, or take it back."""
        shelf = self._shelf(unit)
        key: int = number << PANE | lane.column
        row = shelf.get(key)
        if row is None:
            shelf[key] = fresh(lane.width, amounts, first, sign, spread)
        elif add(row, lane.width, amounts, first, sign, spread) == 0:
            del shelf[key]
        self._note(unit, number)
        if self._tally is not None:
            self._tally.add(unit, number, lane, amounts, first, sign, spread)

    def merge(self, unit: int, number: int, pane: bytes, sign: int) -> None:
        """Add another ledger's pane to this one's, or take it back."""
        self._merge(unit, number, decode_pane(pane), sign)

    def move(self, other: "Ledger", sign: int, frame: Frame) -> None:
        """Add all panes of another ledger that may still count, or take them back."""
        for unit, number, pane in other._panes():
            if number >= frame.oldest[unit]:
                self._merge(unit, number, pane, sign)

    def prune(self, frame: Frame) -> None:
        """Forget panes that can no longer count; late ones may stay until their neighbours go."""
        for unit, shelf in enumerate(self._shelves):
            if not shelf:
                continue
            border = frame.oldest[unit] << PANE
            if min(shelf) >= border - (SLACK << PANE):
                continue
            for key in [key for key in shelf if key < border]:
                del shelf[key]
                self._note(unit, key >> PANE)
                # A table that has not looked since then would not see it leave its window.
                self.touched |= 1 << (key & COLUMN)
            self._tally = None
            # What is left is kept in a mapping of its size: an emptied one weighs as much as a full one.
            self._shelves[unit] = dict(shelf) if shelf else None

    # -- what there is -----------------------------------------------------------------------------------------

    def size(self) -> int:
        """The number of cells."""
        return sum(len(shelf) for shelf in self._shelves if shelf)

    @property
    def is_empty(self) -> bool:
        """Whether nothing counts."""
        return not any(self._shelves)

    def oldest_wait(self) -> int | None:
        """When the longest open wait began; None where nobody waits."""
        shelf = self._shelves[self._plan.unit_of("w")]
        return min(min(spread_of(row)) for row in shelf.values()) if shelf else None

    # -- as rows -----------------------------------------------------------------------------------------------

    def pane(self, unit: int, number: int) -> bytes | None:
        """A pane as it is stored; None where nothing counts in it."""
        pane = self._pane(unit, number)
        return encode_pane(pane, self._plan) if pane else None

    def panes(self) -> Iterator[tuple[int, int, bytes]]:
        """All panes, as (unit, pane number, pane)."""
        for unit, number, pane in self._panes():
            yield unit, number, encode_pane(pane, self._plan)

    def put(self, unit: int, number: int, pane: bytes) -> None:
        """Set a pane as it was stored."""
        shelf = self._shelf(unit)
        for column, row in decode_pane(pane).items():
            shelf[number << PANE | column] = row
        self._tops[unit] = max(self._tops[unit], number)

    def track(self, whole: bool) -> None:
        """Note from now on which panes change; ``whole``: all that there are have, and none was ever stored."""
        self._changed = {number << 3 | unit: False for unit, number, _ in self._panes()} if whole else {}

    def collect(self) -> list[Change]:
        """The panes that changed since the last time, in the order of their numbers."""
        changes: list[Change] = []
        for place in sorted(self._changed or ()):
            unit, number = place & 7, place >> 3
            pane = self.pane(unit, number)
            changes.append((unit, number, pane, self._changed[place] if self._changed else False))
            if pane is not None:
                self._tops[unit] = max(self._tops[unit], number)
        if self._changed is not None:
            self._changed = {}
        return changes

    def dump(self) -> bytes:
        """All cells in one row, each as its place (``pane << 3 | unit``, then the column) and its sums."""
        spreads = self._plan.spreads
        return pack(
            [
                [(key >> PANE) << 3 | unit, key & COLUMN, *stored(shelf[key], spreads[key & COLUMN])]
                for unit, shelf in enumerate(self._shelves)
                if shelf
                for key in sorted(shelf)
            ]
        )

    def load(self, cells: bytes) -> None:
        """Set all cells as ``dump`` wrote them."""
        for place, column, *row in unpack(cells):
            self._shelf(place & 7)[place >> 3 << PANE | column] = restored(row)

    # -- read at a T -------------------------------------------------------------------------------------------

    def stale(self, before: Frame | None, frame: Frame) -> int:
        """The columns (bits, -1: all) that changed since ``settle`` or passed a window's border since a frame."""
        mask = self.touched
        if self._tally is not None and self._tally.frame is not frame:
            mask |= self._tally.align(self._shelves, frame)
        if before is not None and before is not frame:
            if self._plan.has_calendar_windows:
                return -1
            if self._tally is None and mask >= 0:
                mask |= self._passed(before, frame)
        return mask

    def settle(self) -> None:
        """All values have been read."""
        self.touched = 0

    def totals(self, frame: Frame, columns: int = -1) -> Totals:
        """The sums in the views of a frame, of these columns (bits) at the least; asked for by one table."""
        if self._tally is None:
            if self.size() <= MANY:
                return Totals(Tally(self._shelves, self._plan, frame, columns))
            self._tally = Tally(self._shelves, self._plan, frame)
        elif self._tally.frame is not frame:
            self._tally.align(self._shelves, frame)
        return Totals(self._tally)

    def totals_once(self, frame: Frame) -> Totals:
        """The sums in the views of any frame; nothing of it is kept."""
        return Totals(Tally(self._shelves, self._plan, frame))

    # -- inside ------------------------------------------------------------------------------------------------

    def _shelf(self, unit: int) -> dict[int, Row]:
        shelf = self._shelves[unit]
        if shelf is None:
            shelf = self._shelves[unit] = {}
        return shelf

    def _note(self, unit: int, number: int) -> None:
        """A pane has changed; one that is newer than all that were ever stored cannot have been."""
        changed, place = self._changed, number << 3 | unit
        if changed is not None and place not in changed:
            changed[place] = number <= self._tops[unit]

    def _merge(self, unit: int, number: int, other: Pane, sign: int) -> None:
        shelf, spreads = self._shelf(unit), self._plan.spreads
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
            if self._tally is not None:
                self._tally.merge(unit, number, column, theirs, sign)
        self._note(unit, number)

    def _pane(self, unit: int, number: int) -> Pane | None:
        shelf = self._shelves[unit]
        if not shelf:
            return None
        pane: Pane = {}
        first = number << PANE
        for key in range(first, first + len(self._plan.columns)):
            row = shelf.get(key)
            if row is not None:
                pane[key - first] = row
        return pane or None

    def _panes(self) -> Iterator[tuple[int, int, Pane]]:
        for unit, shelf in enumerate(self._shelves):
            if shelf:
                by_number: dict[int, Pane] = {}
                for key in sorted(shelf):
                    by_number.setdefault(key >> PANE, {})[key & COLUMN] = shelf[key]
                for number, pane in by_number.items():
                    yield unit, number, pane

    def _passed(self, before: Frame, after: Frame) -> int:
        mask = 0
        for unit, shelf in enumerate(self._shelves):
            if not shelf:
                continue
            old, new = before.ranges[unit].borders, after.ranges[unit].borders
            if old is new:
                continue
            for key in shelf:
                number = key >> PANE
                if bisect_right(old, number) != bisect_right(new, number):
                    mask |= 1 << (key & COLUMN)
        return mask


def post(ledgers: Sequence[Ledger], fact: Fact, lanes: Lanes, sign: int, frame: Frame) -> None:
    """Add a fact to ledgers (``sign`` 1), or take it back (-1); panes that can no longer count are left alone."""
    time: int = fact.time
    oldest = frame.oldest
    for lane in lanes.lanes:
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


if COMPILED and not TYPE_CHECKING:
    from kamstream.engine._ledger import Lanes, Ledger, Totals, lanes_of, post

__all__ = ["Change", "Lanes", "Ledger", "Totals", "lanes_of", "post"]
