"""What closed deals teach: the probability of a stage, and whether past probabilities came true.

>>> [str(shrunk(won, closed)) for won, closed in ((0, 0), (3, 4), (60, 80))]  # half, until there are many
['1/2', '4/7', '13/18']
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from kamstream.entities.deals import EVEN, Deal, probability_of

#: How many closed deals the default of one half weighs as much as.
PRIOR = 10
#: Upper ends of the calibration's classes of probability; the last one includes 1.
CLASSES = tuple(Fraction(n, 10) for n in range(1, 11))
#: A closed deal as it was just before its closing, and whether it was won.
Closed = tuple[Deal, bool]


@dataclass(frozen=True, slots=True)
class Stage:
    """What became of the closed deals that had been in a stage."""

    name: str
    closed: int
    won: int
    probability: Fraction

    @property
    def rounded(self) -> str:
        """The probability with four decimals, as it is written to the settings."""
        tenths = (2 * self.probability.numerator * 10_000 + self.probability.denominator) // (
            2 * self.probability.denominator
        )
        return f"{tenths // 10_000}.{tenths % 10_000:04}"


def shrunk(won: int, closed: int, prior: int = PRIOR) -> Fraction:
    """The share won, drawn to one half where few deals speak: as if ``prior`` more had been half won, half lost."""
    return (won + prior * EVEN) / (closed + prior) if closed + prior else EVEN


def learn(deals: Iterable[Closed], prior: int = PRIOR) -> list[Stage]:
    """The stages that closed deals had been in, by name, each with the share that was won after it."""
    counts: dict[str, tuple[int, int]] = {}
    for deal, was_won in deals:
        for stage in deal.stages:
            closed, won = counts.get(stage, (0, 0))
            counts[stage] = closed + 1, won + was_won
    return [Stage(name, closed, won, shrunk(won, closed, prior)) for name, (closed, won) in sorted(counts.items())]


@dataclass(frozen=True, slots=True)
class Class:
    """Closed deals whose last probability lay between ``low`` and ``high``: what was expected, what came."""

    low: Fraction
    high: Fraction
    deals: int
    expected: float | None
    won: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """The classes, and over all deals the mean squared distance of probability and outcome (0 is perfect)."""

    classes: Sequence[Class]
    deals: int
    brier: float | None


def calibrate(deals: Iterable[Closed], stage_probabilities: Mapping[str, Fraction]) -> Calibration:
    """Compare the last probability of closed deals with what became of them."""
    said: list[tuple[Fraction, bool]] = [(probability_of(deal, stage_probabilities), won) for deal, won in deals]
    classes = []
    for low, high in zip((Fraction(0), *CLASSES), CLASSES, strict=False):
        inside = [(p, won) for p, won in said if low <= p < high or p == high == 1]
        count = len(inside)
        expected = float(sum(p for p, _ in inside) / count) if count else None
        came = sum(won for _, won in inside) / count if count else None
        classes.append(Class(low, high, count, expected, came))
    brier = float(sum((p - won) ** 2 for p, won in said) / len(said)) if said else None
    return Calibration(classes, len(said), brier)
