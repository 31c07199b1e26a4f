"""Scoring: a card's measures as scores from 0 to 100, and what each of them contributes to the whole.

>>> from kamstream.goals.card import Card, Measure, Perspective
>>> money = Measure("revenue", "90d", 0, 50_000, 2), Measure("gross_margin", "90d", 0, 0.5)
>>> finance = Perspective("finance", 1, money)
>>> customer = Perspective("customer", 1, (Measure("nps", "90d", 0, 50),))
>>> scored = score(Card((finance, customer)), {"revenue:90d": 40_000, "gross_margin:90d": 0.1})  # nobody was asked
>>> [(m.measure.kpi, m.score, m.contribution) for one in scored.perspectives for m in one.measures]
[('revenue', 80.0, 53.33333333333333), ('gross_margin', 20.0, 6.666666666666666), ('nps', None, None)]
>>> scored.score, [one.score for one in scored.perspectives]  # (2 × 80 + 1 × 20) / 3
(60.0, [60.0, None])
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kamstream.goals.card import Card, Measure, Perspective
from kamstream.goals.cardtext import within
from kamstream.kpis.base import Number


@dataclass(frozen=True, slots=True)
class MeasureScore:
    """A measure's value and score, its share of the weight of the whole card, and score × share."""

    measure: Measure
    value: Number
    score: float | None
    share: float | None
    contribution: float | None


@dataclass(frozen=True, slots=True)
class PerspectiveScore:
    """A perspective's score, its share of the whole card, and score × share; None without any value."""

    perspective: Perspective
    score: float | None
    share: float | None
    contribution: float | None
    measures: tuple[MeasureScore, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """A card's score (None: no measure has a value), and where it comes from."""

    score: float | None
    perspectives: tuple[PerspectiveScore, ...]


def score(card: Card, values: Mapping[str, Number]) -> Scored:
    """Score a card by the values of a table's fields; what has no value is left out and the weights fill its place."""
    total = sum(
        one.weight * measure.weight
        for one in card.perspectives
        for measure in one.measures
        if values.get(measure.field) is not None
    )
    perspectives = tuple(_perspective(one, values, total) for one in card.perspectives)
    contributions = [one.contribution for one in perspectives if one.contribution is not None]
    return Scored(within(sum(contributions)) if contributions else None, perspectives)


def measure_score(measure: Measure, value: Number) -> float | None:
    """``clamp((value − worst) / (best − worst), 0, 1) × 100``; None without a value.

    >>> hours = Measure("response_time.mean", "30d", 24 * 3600, 4 * 3600)  # lower is better
    >>> [measure_score(hours, h * 3600) for h in (30, 14, 1)]
    [0.0, 50.0, 100.0]
    """
    if value is None:
        return None
    return within((value - measure.worst) / (measure.best - measure.worst) * 100)


def _perspective(one: Perspective, values: Mapping[str, Number], total: float) -> PerspectiveScore:
    measures = tuple(_measure(measure, one.weight, values, total) for measure in one.measures)
    counted = [(m.measure.weight, m.score) for m in measures if m.score is not None]
    if not counted:
        return PerspectiveScore(one, None, None, None, measures)
    weight = sum(weight for weight, _ in counted)
    mean = within(sum(weight * scored for weight, scored in counted) / weight)
    share = one.weight * weight / total
    return PerspectiveScore(one, mean, share, mean * share, measures)


def _measure(measure: Measure, factor: float, values: Mapping[str, Number], total: float) -> MeasureScore:
    value = values.get(measure.field)
    scored = measure_score(measure, value)
    if scored is None:
        return MeasureScore(measure, None, None, None, None)
    share = factor * measure.weight / total
    return MeasureScore(measure, value, scored, share, scored * share)
