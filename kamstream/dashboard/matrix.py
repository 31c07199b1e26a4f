"""All KPIs of one id by window: which rows and columns there are."""

from collections.abc import Iterable
from dataclasses import dataclass

from kamstream.dashboard import words
from kamstream.windows import NOW


@dataclass(frozen=True, slots=True)
class Matrix:
    """``gauges`` are KPIs of this moment, ``windows`` the columns, ``sections`` titled lists of the other KPIs."""

    gauges: tuple[str, ...]
    windows: tuple[str, ...]
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def layout(fields: Iterable[str]) -> Matrix:
    """Order the fields ``kpi:window`` of a table into sections and columns.

    >>> layout(["revenue:7d", "open_tickets:now", "revenue:24h"])
    Matrix(gauges=('open_tickets',), windows=('24h', '7d'), sections=(('Sales', ('revenue',)),))
    """
    known = {(kpi, window) for kpi, _, window in (field.rpartition(":") for field in fields)}
    gauges = sorted((kpi for kpi, window in known if window == NOW), key=words.kpi_order)
    sections: dict[str, list[str]] = {group.title: [] for group in words.GROUPS[1:]}
    sections["Other"] = []
    for kpi in sorted({kpi for kpi, window in known if window != NOW}, key=words.kpi_order):
        sections[_section(kpi)].append(kpi)
    windows = sorted({window for _, window in known} - {NOW}, key=words.window_order)
    titled = ((title, tuple(kpis)) for title, kpis in sections.items() if kpis)
    return Matrix(tuple(gauges), tuple(windows), tuple(titled))


def _section(kpi: str) -> str:
    family = kpi.partition(".")[0]
    for group in words.GROUPS[1:]:
        if any(member.partition(".")[0] == family for member in group.kpis):
            return group.title
    return "Other"
