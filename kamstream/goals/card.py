"""The balanced scorecard: what is measured, in which perspective, and what is bad and good.

After Kaplan and Norton: finance, customer, process and growth, so that no side is bought at the cost of another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kamstream.goals.target import KPIS
from kamstream.kpis import Shelf
from kamstream.windows import NOW, Window, parse

ALL_SCOPES = ("account", "kam", "company")


@dataclass(frozen=True, slots=True)
class Measure:
    """A KPI in a window: its value scores 0 at ``worst`` and 100 at ``best``, in the KPI's unit."""

    kpi: str
    window: str
    worst: float
    best: float
    weight: float = 1.0
    scopes: tuple[str, ...] = ALL_SCOPES

    @property
    def field(self) -> str:
        """The field of the table that it scores."""
        return f"{self.kpi}:{self.window}"


@dataclass(frozen=True, slots=True)
class Perspective:
    """A side of the business: ``weight`` multiplies the weights of its measures."""

    name: str
    weight: float
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard's perspectives, in their order."""

    perspectives: tuple[Perspective, ...]

    def of(self, scope: str) -> "Card":
        """The card of a scope: some measures (the revenue of a key account) make sense in one scope only."""
        return Card(
            tuple(
                replace(one, measures=tuple(measure for measure in one.measures if scope in measure.scopes))
                for one in self.perspectives
            )
        )

    def measures(self) -> list[Measure]:
        """All measures."""
        return [measure for one in self.perspectives for measure in one.measures]


_HOUR, _DAY = 3600.0, 86_400.0

#: The card where the settings have none. Windows give way to the nearest that is configured.
DEFAULT = Card(
    (
        Perspective(
            "finance",
            1,
            (
                Measure("revenue", "90d", 0, 100_000, 2, ("account",)),
                Measure("revenue_growth", "90d", -0.2, 0.2, 2),
                Measure("gross_margin", "90d", 0.1, 0.4, 2),
                Measure("market_share", "365d", 0, 0.5, 1),
                Measure("net_revenue_retention", "365d", 0.8, 1.2, 1),
            ),
        ),
        Perspective(
            "customer",
            1,
            (
                Measure("nps", "365d", 0, 60, 3),
                Measure("retention_rate", "365d", 0.8, 1, 2),
                Measure("gross_revenue_retention", "365d", 0.8, 1, 1),
                Measure("contract_duration", "365d", 180, 1095, 1),
                Measure("active_contacts", "90d", 0, 8, 1, ("account",)),
            ),
        ),
        Perspective(
            "process",
            1,
            (
                Measure("first_response_time.p90", "30d", 2 * _DAY, 2 * _HOUR, 2),
                Measure("response_time.mean", "30d", _DAY, _HOUR, 2),
                Measure("resolution_rate", "90d", 0.6, 0.95, 2),
                Measure("resolution_time.p50", "90d", 10 * _DAY, _DAY, 1),
                Measure("reopen_rate", "90d", 0.2, 0.02, 1),
            ),
        ),
        Perspective(
            "growth",
            1,
            (
                Measure("conversion_rate", "90d", 0.1, 0.5, 2),
                Measure("new_products", "365d", 0, 5, 2, ("account",)),
                Measure("interaction_frequency", "90d", 0, 3, 2, ("account",)),
                Measure("joint_engagement", "365d", 0.5, 1, 2),
                Measure("opportunity_win_rate", "365d", 0.1, 0.4, 1),
            ),
        ),
    )
)


def default_card(windows: Sequence[Window], kpis: Iterable[str]) -> Card:
    """The default card with windows that are configured, and without KPIs that are not computed.

    >>> card = default_card((parse("7d"), parse("60d")), KPIS)
    >>> [measure.window for measure in card.perspectives[0].measures]
    ['60d', '60d', '60d', '60d', '60d']
    """
    known = frozenset(kpis)
    perspectives = (
        replace(
            one,
            measures=tuple(replace(m, window=_nearest(m, windows)) for m in one.measures if m.kpi in known),
        )
        for one in DEFAULT.perspectives
    )
    return Card(tuple(one for one in perspectives if one.measures))


def _nearest(measure: Measure, windows: Sequence[Window]) -> str:
    """The configured window whose length comes nearest to the measure's."""
    wanted = parse(measure.window)
    rolling = [window for window in windows if window.count] or list(windows)
    return min(rolling, key=lambda window: abs(_length(window) - _length(wanted))).name


def _length(window: Window) -> int:
    return window.count * window.unit_ms if window.count else window.longest_days() * parse("1d").unit_ms


def problem(kpi: str, window: str, kpis: Iterable[str], windows: Sequence[Window]) -> str | None:
    """Why a table has no field of this KPI and window; None where it has one.

    >>> problem("open_tickets", "30d", KPIS, (parse("30d"),))
    "open_tickets is of this very moment: its window is 'now'"
    """
    if kpi not in KPIS:
        return f"{kpi!r} is no KPI: see kamstream kpis list"
    if kpi not in frozenset(kpis):
        return f"{kpi} is not computed: name it under kpis, or write the section it needs"
    if KPIS[kpi].is_gauge:
        return None if window == NOW else f"{kpi} is of this very moment: its window is {NOW!r}"
    if window not in {one.name for one in windows}:
        return f"{kpi}: window {window!r} is not among the windows of the settings"
    if KPIS[kpi].shelf == Shelf.AHEAD and window not in {one.name for one in windows if one.unit == "d" and one.count}:
        return f"{kpi} looks ahead: its window is a number of days"
    return None
