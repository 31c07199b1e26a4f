"""This window against the previous one, in words and signs: colour is never the only mark.

>>> trend = compare("response_time.p90", Value(7200, 40), Earlier(14_400, 35))
>>> trend.arrow, trend.verdict, trend.relative, trend.thin
('▼', 'better', -0.5, False)
>>> compare("revenue", Value(0, 0), Earlier(None, 0)).verdict
'unknown'
"""

from dataclasses import dataclass

from kamstream.engine import Value
from kamstream.goals.target import KPIS
from kamstream.report.material import Earlier

#: Below this a ratio or a mean rests on few cases.
FEW = 5
#: Relative change, or change of a ratio, that counts as none.
STEADY = 0.01
_STEADY_RATIO = 0.005


@dataclass(frozen=True, slots=True)
class Trend:
    """``verdict`` is better, worse, steady or unknown; ``relative`` is None of ratios, points, and a base of 0."""

    arrow: str
    verdict: str
    difference: float | None
    relative: float | None
    thin: bool

    @property
    def weight(self) -> float:
        """How much a change says, to choose what to speak of; few cases say little."""
        size = abs(self.relative) if self.relative is not None else 5 * abs(self.difference or 0)
        return min(size, 3.0) * (0.2 if self.thin else 1)


def compare(kpi: str, value: Value, before: Earlier | None) -> Trend:
    """How a value moved; unknown without one of the two."""
    if value.value is None or before is None or before.value is None:
        return Trend("", "unknown", None, None, False)
    unit, higher = KPIS[kpi].unit, KPIS[kpi].better == "higher"
    difference = float(value.value) - float(before.value)
    absolute = unit in ("ratio", "points")
    relative = difference / abs(before.value) if before.value and not absolute else None
    thin = unit != "money" and (value.n < FEW or (before.n is not None and before.n < FEW))
    if unit == "count":
        thin = max(value.value, before.value) < FEW
    measured = abs(difference) if absolute or relative is None else abs(relative)
    if measured < (_STEADY_RATIO if unit == "ratio" else STEADY):
        return Trend("▬", "steady", difference, relative, thin)
    return Trend("▲" if difference > 0 else "▼", "better" if (difference > 0) == higher else "worse", difference,
                 relative, thin)  # fmt: skip
