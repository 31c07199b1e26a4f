"""From samples to a figure: the plainest arithmetic, over all samples at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

Outcome = tuple[float | int | None, int]
"""A value, None where there is no data, and its n."""

Fold = Callable[[Sequence[Any], Fraction], Outcome]
"""From the samples of a window, and the days it spans, to a figure."""


def mean_seconds(samples: Sequence[int], days: Fraction) -> Outcome:
    """The mean of milliseconds, in seconds.

    >>> mean_seconds([1000, 2000], 7)
    (1.5, 2)
    """
    return (sum(samples) / (1000 * len(samples)) if samples else None, len(samples))


def percentile_seconds(rank: int) -> Fold:
    """The nearest-rank percentile of milliseconds, in seconds.

    >>> percentile_seconds(90)([5000, 1000, 2000], 7)
    (5.0, 3)
    """

    def fold(samples: Sequence[int], days: Fraction) -> Outcome:
        if not samples:
            return None, 0
        return sorted(samples)[-(-rank * len(samples) // 100) - 1] / 1000, len(samples)

    return fold


def share(samples: Sequence[bool], days: Fraction) -> Outcome:
    """How many of all are so.

    >>> share([True, False, False, False], 7)
    (0.25, 4)
    """
    return (sum(samples) / len(samples) if samples else None, len(samples))


def ratio(samples: Sequence[tuple[int, int]], days: Fraction) -> Outcome:
    """The sum of the first over the sum of the second; None where that is 0.

    >>> ratio([(1, 2), (2, 4)], 7)
    (0.5, 2)
    """
    whole = sum(sample[1] for sample in samples)
    return (sum(sample[0] for sample in samples) / whole if whole else None, len(samples))


def number(samples: Sequence[Any], days: Fraction) -> Outcome:
    """How many.

    >>> number(["a", "b"], 7)
    (2, 2)
    """
    return len(samples), len(samples)


def distinct(samples: Sequence[Any], days: Fraction) -> Outcome:
    """How many different ones.

    >>> distinct(["a", "a"], 7)
    (1, 1)
    """
    return number(list(set(samples)), days)


def per_week(samples: Sequence[Any], days: Fraction) -> Outcome:
    """How many a week.

    >>> per_week(["a", "b", "c"], Fraction(7, 2))
    (6.0, 3)
    """
    return float(len(samples) * 7 / days), len(samples)


def money(samples: Sequence[int], days: Fraction) -> Outcome:
    """The sum of minor units, in major ones.

    >>> money([150, 100], 7)
    (2.5, 2)
    """
    return sum(samples) / 100, len(samples)


def average_money(samples: Sequence[int], days: Fraction) -> Outcome:
    """The mean of minor units, in major ones.

    >>> average_money([100, 200], 7)
    (1.5, 2)
    """
    return (sum(samples) / (100 * len(samples)) if samples else None, len(samples))


def promoters(samples: Sequence[int], days: Fraction) -> Outcome:
    """The net promoter score of answers 0 to 10.

    >>> promoters([10, 9, 7, 3], 7)
    (25.0, 4)
    """
    net = sum((score >= 9) - (score <= 6) for score in samples)
    return (100 * net / len(samples) if samples else None, len(samples))


def longest_seconds(samples: Sequence[int], days: Fraction) -> Outcome:
    """The longest of milliseconds, in seconds.

    >>> longest_seconds([1000, 3000], 7)
    (3.0, 2)
    """
    return (max(samples) / 1000 if samples else None, len(samples))
