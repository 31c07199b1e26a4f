"""One value with its words: the company's cards and the cells of a detail page."""

from dataclasses import dataclass

from kamstream.dashboard import format as fmt
from kamstream.dashboard import words
from kamstream.dashboard.alarms import MARKS
from kamstream.dashboard.board import COMPANY_ID, Board, Place
from kamstream.windows import NOW


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as text with its sample count, and the severity and mark of an alert that fires for it."""

    value: str
    n: str
    severity: str
    mark: str


@dataclass(frozen=True, slots=True)
class Card:
    """A company total: what it is, over which window, and where its value stands."""

    place: Place
    label: str
    over: str
    help: str


def cards(board: Board, window: str) -> list[Card]:
    """The company's cards for a window; a KPI that no table has gets none, before any table is known all do."""
    found = []
    for kpi in words.CARDS:
        over = NOW if f"{kpi}:{NOW}" in board.fields else window
        if board.fields and f"{kpi}:{over}" not in board.fields:
            continue
        ahead = "next " if kpi == "weighted_pipeline" else ""
        place = Place("company", COMPANY_ID, f"{kpi}:{over}")
        found.append(Card(place, words.title(kpi), ahead + words.window_title(over), words.description(kpi)))
    return found


def shown(board: Board, place: Place, currency: str) -> Shown:
    """A value's text; n is left out of counts, which are their own n, and of fields that no table has."""
    kpi = place.field.rpartition(":")[0]
    unit = words.unit(kpi)
    cell = board.cell(place)
    severity = board.alarms.severity(*place)
    n = f"n {fmt.count(cell.n)}" if cell is not None and unit != "count" else ""
    value = fmt.text(cell.value if cell else None, unit, currency)
    return Shown(value, n, severity, MARKS.get(severity, "●") if severity else "")
