"""The business words for KPIs and windows, and which KPIs stand together on the page.

>>> title("first_response_time.p90"), window_title("30d"), window_title("now")
('First response, p90', '30 days', 'now')
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from kamstream.kpis import CATALOGUE
from kamstream.windows import NOW

_TITLES = {
    "first_response_time": "First response",
    "response_time": "Response time",
    "resolution_time": "Resolution time",
    "resolution_rate": "Resolution rate",
    "reopen_rate": "Reopen rate",
    "open_tickets": "Open tickets",
    "oldest_wait": "Oldest wait",
    "sla_first_response": "First response in time",
    "sla_resolution": "Resolved in time",
    "conversion_rate": "Conversion rate",
    "conversion_rate_value": "Conversion by value",
    "opportunity_win_rate": "Opportunity win rate",
    "deal_cycle_time": "Deal cycle",
    "revenue": "Revenue",
    "average_deal_size": "Average deal",
    "gross_margin": "Gross margin",
    "revenue_growth": "Revenue growth",
    "market_share": "Market share",
    "new_products": "New products",
    "weighted_pipeline": "Weighted pipeline",
    "nps": "NPS",
    "interaction_frequency": "Interactions",
    "active_contacts": "Active contacts",
    "joint_engagement": "Milestones in time",
    "contract_duration": "Contract length",
    "retention_rate": "Account retention",
    "net_revenue_retention": "Net revenue retention",
    "gross_revenue_retention": "Gross revenue retention",
}
_STATISTICS = {"mean": "mean", "p50": "median", "p90": "p90", "business": "open hours"}
_UNITS = {"m": ("minute", "minutes"), "h": ("hour", "hours"), "d": ("day", "days")}
_CALENDAR = {"mtd": "month to date", "qtd": "quarter to date", "ytd": "year to date", NOW: "now"}
_MINUTES = {"m": 1, "h": 60, "d": 1440}


@dataclass(frozen=True, slots=True)
class Group:
    """KPIs that are looked at together; ``kpis`` in the order of the columns."""

    key: str
    title: str
    kpis: tuple[str, ...]


GROUPS = (
    Group(
        "main",
        "Main",
        (
            "open_tickets",
            "oldest_wait",
            "first_response_time.p90",
            "resolution_rate",
            "conversion_rate",
            "revenue",
            "weighted_pipeline",
            "interaction_frequency",
            "nps",
        ),
    ),
    Group(
        "service",
        "Service",
        (
            "open_tickets",
            "oldest_wait",
            "first_response_time.p50",
            "first_response_time.p90",
            "response_time.p50",
            "response_time.p90",
            "resolution_time.p50",
            "resolution_time.p90",
            "resolution_rate",
            "reopen_rate",
            "sla_first_response",
            "sla_resolution",
        ),
    ),
    Group(
        "sales",
        "Sales",
        (
            "revenue",
            "revenue_growth",
            "weighted_pipeline",
            "conversion_rate",
            "conversion_rate_value",
            "opportunity_win_rate",
            "average_deal_size",
            "deal_cycle_time.p50",
            "gross_margin",
            "market_share",
        ),
    ),
    Group(
        "relationship",
        "Relationship",
        (
            "interaction_frequency",
            "active_contacts",
            "nps",
            "joint_engagement",
            "new_products",
            "contract_duration",
            "retention_rate",
            "net_revenue_retention",
            "gross_revenue_retention",
        ),
    ),
)

#: The company's cards, in order.
CARDS = (
    "revenue",
    "weighted_pipeline",
    "conversion_rate",
    "first_response_time.p90",
    "resolution_rate",
    "open_tickets",
    "oldest_wait",
    "nps",
)


def title(kpi: str) -> str:
    """A KPI's name as a person says it; an unknown one is spelled out from its identifier."""
    family, *statistics = kpi.split(".")
    words = [_TITLES.get(family) or family.replace("_", " ").capitalize()]
    return ", ".join(words + [_STATISTICS.get(part, part) for part in statistics])


def window_title(window: str) -> str:
    """A window in words: ``24h`` is ``24 hours``."""
    if window in _CALENDAR:
        return _CALENDAR[window]
    count, unit = window[:-1], window[-1:]
    if unit not in _UNITS or not count.isdigit():
        return window
    return f"{count} {_UNITS[unit][count != '1']}"


def field_title(kpi: str, window: str) -> str:
    """A value's name in words.

    >>> field_title("conversion_rate", "90d"), field_title("open_tickets", "now")
    ('Conversion rate, 90 days', 'Open tickets')
    """
    return title(kpi) if window == NOW else f"{title(kpi)}, {window_title(window)}"


def window_order(window: str) -> tuple[int, int, str]:
    """Sort key: rolling windows by their length, then the calendar ones, unknown ones last."""
    count, unit = window[:-1], window[-1:]
    if count.isdigit() and unit in _MINUTES:
        return 0, int(count) * _MINUTES[unit], window
    calendar = ("mtd", "qtd", "ytd")
    return (1, calendar.index(window), window) if window in calendar else (2, 0, window)


def windows_of(fields: Iterable[str]) -> list[str]:
    """The windows that the fields ``kpi:window`` have, shortest first, without ``now``.

    >>> windows_of(["revenue:90d", "revenue:24h", "open_tickets:now"])
    ['24h', '90d']
    """
    found = {field.rpartition(":")[2] for field in fields} - {NOW}
    return sorted(found, key=window_order)


def default_window(windows: Iterable[str]) -> str:
    """The window that a page opens with: 30 days where there are any, else the shortest of at least a week."""
    known = sorted(windows, key=window_order)
    if not known or "30d" in known:
        return "30d"
    long = [window for window in known if window_order(window) >= (0, 7 * 1440, "")]
    return (long or known[-1:])[0]


@lru_cache(maxsize=1)
def _catalogue() -> dict[str, tuple[str, str, str, int]]:
    return {kpi.name: (kpi.unit, kpi.better, kpi.description, place) for place, kpi in enumerate(CATALOGUE)}


def unit(kpi: str) -> str:
    """The unit of kpis.md: s, ratio, count, money, points, per week or days; empty for an unknown KPI."""
    return _catalogue()[kpi][0] if kpi in _catalogue() else ""


def description(kpi: str) -> str:
    """What the catalogue says of a KPI; empty for an unknown one."""
    return _catalogue()[kpi][2] if kpi in _catalogue() else ""


def better(kpi: str) -> str:
    """``higher`` or ``lower``; empty for an unknown KPI."""
    return _catalogue()[kpi][1] if kpi in _catalogue() else ""


def kpi_order(kpi: str) -> tuple[int, str]:
    """Sort key: the catalogue's order, unknown KPIs last."""
    return (_catalogue()[kpi][3] if kpi in _catalogue() else 1_000_000), kpi
