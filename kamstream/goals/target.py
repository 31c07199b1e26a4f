"""Goals: a target for a KPI in a window, and how far a value has come towards it.

>>> attainment(45_000, 60_000, "higher"), attainment(3 * 3600, 4 * 3600, "lower")
(0.75, 1.3333333333333333)
>>> attainment(None, 60_000, "higher"), attainment(0, 0, "lower"), is_met(5 * 3600, 4 * 3600, "lower")
(None, 1.0, False)
"""

from dataclasses import dataclass
from math import inf

from kamstream.kpis import CATALOGUE, Kpi
from kamstream.kpis.base import Number

#: The catalogue by name.
KPIS: dict[str, Kpi] = {kpi.name: kpi for kpi in CATALOGUE}


@dataclass(frozen=True, slots=True)
class Goal:
    """A target for a KPI in a window, in the KPI's unit; ``shared`` marks one agreed with the client."""

    kpi: str
    window: str
    target: float
    shared: bool = False

    @property
    def field(self) -> str:
        """The field of the table that it is about."""
        return f"{self.kpi}:{self.window}"

    @property
    def better(self) -> str:
        """``higher`` or ``lower``."""
        return KPIS[self.kpi].better


def attainment(value: Number, target: Number, better: str) -> float | None:
    """How much of a target is reached, 1 where exactly: value / target, or target / value where lower is better.

    1 where both are 0. ``inf`` where only the divisor is 0 and the value is on the good side: no wait at all, with
    four hours allowed. None without a value, and of a target below 0, which no ratio measures.
    """
    if value is None or target is None or target < 0:
        return None
    part, whole = (value, target) if better == "higher" else (target, value)
    if whole:
        return part / whole
    if not part:
        return 1.0
    return inf if part > 0 else -inf


def is_met(value: Number, target: Number, better: str) -> bool | None:
    """Whether a value reaches a target; None without a value."""
    if value is None or target is None:
        return None
    return value >= target if better == "higher" else value <= target
