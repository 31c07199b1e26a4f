"""The plan: the catalogue and the windows, laid out once so that the hot path only follows indices.

A *unit* is a kind of pane (minutes, hours, days, now, days ahead, hours of waits), a *view* is a range of panes of a
unit that moves with T (a window or its previous one), a *frame* holds all views at one T.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kamstream.engine.config import Config
from kamstream.entities.fact import Fact
from kamstream.kpis import Kpi, Shelf, Sums
from kamstream.kpis.base import Take, count_of
from kamstream.windows import DAY, HOUR, NOW, UNIT_MS, Window

NOWHERE = -1
#: A cell is known by ``pane << PANE | column``; ``COLUMN`` masks the column.
PANE, COLUMN = 8, 255
#: Accounts with a profile: what makes a KAM's table exist without any other fact.
ACCOUNTS = Sums("account", "account", shelf=Shelf.NOW)


@dataclass(frozen=True, slots=True)
class Unit:
    """A kind of pane. ``width`` in milliseconds, 0 where panes are no stretches of time."""

    code: str
    width: int
    windows: tuple[Window, ...]
    previous: bool

    @property
    def moves(self) -> bool:
        """Whether its views move with T."""
        return self.code not in "nw"

    @property
    def rolls(self) -> bool:
        """Whether all its views move by as many panes as T does."""
        return self.moves and all(window.count for window in self.windows)


@dataclass(frozen=True, slots=True)
class Column:
    """Sums in use. ``spread`` says whether buckets are kept; ``places`` are (unit, width) pairs."""

    sums: Sums
    index: int
    places: tuple[tuple[int, int], ...]
    spread: bool


class Lane:
    """The way of a fact's amounts into one column, laid out for the hot path.

    ``first`` is the place of the first of ``width`` amounts in the fact, negative where the sums have to be asked;
    ``spread`` gives the duration that is put into a bucket; ``waits``: the bucket is the fact's time; ``labelled``:
    the pane follows from the fact's label.
    """

    __slots__ = ("column", "first", "labelled", "places", "spread", "sums", "waits", "width")

    def __init__(self, column: Column) -> None:
        sums = column.sums
        self.column: int = column.index
        self.sums: Sums = sums
        self.first: int = sums.amounts.first if isinstance(sums.amounts, Take) else -1
        self.width: int = sums.width
        self.spread: Callable[[Fact], int] | None = sums.spread if column.spread else None
        self.waits: bool = sums.shelf == Shelf.WAITS
        self.labelled: bool = sums.shelf == Shelf.PER_WINDOW
        self.places: tuple[tuple[int, int], ...] = column.places


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table: a KPI in a window, and where its sums are found.

    ``counts``: its n is the number of facts. ``timeless``: equal sums, equal values.
    """

    name: str
    kpi: Kpi
    window: Window | None
    place: int
    column: int
    unit: int
    view: int
    before_view: int
    beside_column: int
    beside_unit: int
    counts: bool
    timeless: bool


class Ranges:
    """The views of one unit at one T: ``views`` as (first, last) segment, between sorted ``borders``."""

    __slots__ = ("borders", "held", "here", "oldest", "views")

    def __init__(
        self, borders: list[int], views: list[tuple[int, int]], held: list[bool], oldest: int, here: int
    ) -> None:
        self.borders: list[int] = borders
        self.views: list[tuple[int, int]] = views
        self.held: list[bool] = held
        self.oldest: int = oldest
        self.here: int = here

    def rolled(self, by: int) -> "Ranges":
        """The same views when T is so many panes further, of a unit that rolls."""
        borders = [border + by for border in self.borders]
        return Ranges(borders, self.views, self.held, self.oldest + by, self.here + by)


class Frame:
    """All views at one T; it holds until T reaches ``until``. ``oldest`` are the units' oldest panes that count.

    ``native`` is for the compiled ledgers: the same as they want it.
    """

    __slots__ = ("native", "oldest", "ranges", "until")

    def __init__(self, ranges: list[Ranges], until: int) -> None:
        self.ranges: list[Ranges] = ranges
        self.oldest: list[int] = [each.oldest for each in ranges]
        self.until: int = until
        self.native: object = None


class Plan:
    """The layout of an engine with these settings; ``native`` is for the compiled ledgers: it as they want it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.native: object = None
        self.units = _units(config)
        self._unit_index = {unit.code: index for index, unit in enumerate(self.units)}
        self.columns: list[Column] = []
        self._column_index: dict[str, int] = {}
        self.lanes: dict[str, tuple[Lane, ...]] = {}
        self.fields: list[Field] = []
        self._ranked = {kpi.sums.name for kpi in config.kpis if kpi.rank is not None}
        self._column(ACCOUNTS)
        for kpi in config.kpis:
            self._lay_out(kpi)
        self.spreads: list[bool] = [column.spread for column in self.columns]
        self.fields_of: list[list[int]] = [
            [i for i, field in enumerate(self.fields) if index in (field.column, field.beside_column)]
            for index in range(len(self.columns))
        ]
        self.field_index = {field.name: index for index, field in enumerate(self.fields)}
        self.has_calendar_windows = any(not window.count for window in config.windows)
        self._width = min((unit.width for unit in self.units if unit.width), default=HOUR)
        self._ranges: list[Ranges | None] = [None] * len(self.units)
        self._rolls: list[bool] = [unit.rolls for unit in self.units]
        self._frame: Frame | None = None
        self._frame_from = 0

    @property
    def wants(self) -> frozenset[str]:
        """The kinds of facts that are put anywhere."""
        kinds = set(self.lanes)
        return frozenset(kinds | {"product_won"} if "new_product" in kinds else kinds)

    def frame(self, now: int) -> Frame:
        """The views at T = ``now``."""
        frame = self._frame
        if frame is None or now >= frame.until or now < self._frame_from:
            self._frame_from = now // self._width * self._width
            ranges = [self._ranges_of(index, unit, now) for index, unit in enumerate(self.units)]
            frame = self._frame = Frame(ranges, self._frame_from + self._width)
        return frame

    def _ranges_of(self, index: int, unit: Unit, now: int) -> Ranges:
        """A unit's views at T: those of the last T, unless T has reached another pane of the unit."""
        known = self._ranges[index]
        if known is None:
            known = self._ranges[index] = _ranges(unit, now)
        elif unit.moves and known.here != now // unit.width:
            rolled = known.rolled(now // unit.width - known.here) if self._rolls[index] else _ranges(unit, now)
            known = self._ranges[index] = rolled
        return known

    def unit_of(self, code: str) -> int:
        """The index of a unit."""
        return self._unit_index[code]

    def column_named(self, name: str) -> int | None:
        """The index of the column whose stored name this is."""
        return self._column_index.get(name)

    def _lay_out(self, kpi: Kpi) -> None:
        column = self._column(kpi.sums)
        beside = self._column(kpi.beside) if kpi.beside else NOWHERE
        beside_unit = self._unit_index["n"] if kpi.beside else NOWHERE
        if kpi.is_gauge:
            unit = self._unit_index["n" if kpi.shelf == Shelf.NOW else "w"]
            self._field(f"{kpi.name}:{NOW}", kpi, None, 0, column, unit, 0, NOWHERE, beside, beside_unit)
            return
        for place, window in enumerate(self.config.windows):
            where = self._where(kpi, window, place)
            if where is not None:
                unit, view, before = where
                name = f"{kpi.name}:{window.name}"
                self._field(name, kpi, window, place, column, unit, view, before, beside, beside_unit)

    def _field(
        self, name: str, kpi: Kpi, window: Window | None, place: int, column: int, unit: int, view: int, before: int,
        beside: int, beside_unit: int,
    ) -> None:  # fmt: skip
        counts, timeless = kpi.n is count_of, kpi.timeless and not kpi.previous and kpi.beside is None
        self.fields.append(
            Field(name, kpi, window, place, column, unit, view, before, beside, beside_unit, counts, timeless)
        )

    def _where(self, kpi: Kpi, window: Window, place: int) -> tuple[int, int, int] | None:
        """Unit, view and view of the previous window of a KPI; None where it has no such window."""
        if kpi.shelf == Shelf.PER_WINDOW:
            return self._unit_index["n"], place + 1, NOWHERE
        if kpi.shelf == Shelf.AHEAD:
            if window.unit != "d" or not window.count:
                return None
            return self._unit_index["a"], self.units[self._unit_index["a"]].windows.index(window), NOWHERE
        unit = self._unit_index[window.unit]
        view = self.units[unit].windows.index(window)
        before = view + len(self.units[unit].windows) if kpi.previous else NOWHERE
        return unit, view, before

    def _column(self, sums: Sums) -> int:
        known = self._column_index.get(sums.name)
        if known is not None:
            return known
        index = self._column_index[sums.name] = len(self.columns)
        if index > COLUMN:
            raise ValueError(f"more than {COLUMN + 1} kinds of sums")
        spread = (sums.spread is not None and sums.name in self._ranked) or sums.shelf == Shelf.WAITS
        column = Column(sums, index, self._places(sums.shelf), spread)
        self.columns.append(column)
        self.lanes[sums.fact] = (*self.lanes.get(sums.fact, ()), Lane(column))
        return index

    def _places(self, shelf: Shelf) -> tuple[tuple[int, int], ...]:
        if shelf == Shelf.WINDOWED:
            return tuple((index, unit.width) for index, unit in enumerate(self.units) if unit.code in UNIT_MS)
        code = {Shelf.NOW: "n", Shelf.PER_WINDOW: "n", Shelf.AHEAD: "a", Shelf.WAITS: "w"}[shelf]
        index = self._unit_index[code]
        return ((index, self.units[index].width),)


def _units(config: Config) -> list[Unit]:
    """The kinds of panes that these settings need."""
    units = []
    previous = any(kpi.previous for kpi in config.kpis)
    for code, width in UNIT_MS.items():
        windows = tuple(dict.fromkeys(window for window in config.windows if window.unit == code))
        if windows:
            units.append(Unit(code, width, windows, previous))
    units.append(Unit("n", 0, config.windows, False))
    ahead = tuple(dict.fromkeys(window for window in config.windows if window.unit == "d" and window.count))
    units.append(Unit("a", DAY, ahead, False))
    units.append(Unit("w", HOUR, (), False))
    return units


def _ranges(unit: Unit, now: int) -> Ranges:
    """The views of a unit at T, cut into segments between borders."""
    here = now // unit.width if unit.width else 0
    spans: list[tuple[int, int]]
    held: list[bool]
    if unit.code == "n":
        spans = [(place, place) for place in range(len(unit.windows) + 1)]
    elif unit.code == "a":
        spans = [(here, here + window.count - 1) for window in unit.windows]
    elif unit.code == "w":
        spans = [(-(2**62), 2**62)]
    else:
        spans = [window.panes(now) for window in unit.windows]
    held = [True] * len(spans)
    if unit.previous:
        spans += [window.previous(now) for window in unit.windows]
        held += [False] * len(unit.windows)
    borders = sorted({first for first, _ in spans} | {last + 1 for _, last in spans})
    views = [(bisect_right(borders, first), bisect_right(borders, last)) for first, last in spans]
    return Ranges(borders, views, held, _oldest(unit, spans, here), here)


def _oldest(unit: Unit, spans: Sequence[tuple[int, int]], here: int) -> int:
    """The oldest pane that may still count: older ones are neither kept nor taken back."""
    oldest = min((first for first, _ in spans), default=here)
    if unit.previous:
        for window in unit.windows:
            if not window.count:  # its previous window still grows into the past while the period runs
                first = window.panes(here * unit.width)[0]
                oldest = min(oldest, first - window.longest_days())
    return oldest
