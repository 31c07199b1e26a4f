"""A scorecard as JSON text, made without the objects in between: what does not depend on an id's values is made once.

Says what ``scorecard.score`` finds, to the last digit: the same arithmetic, in the same order.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from kamstream.goals.card import Card, Measure, Perspective
from kamstream.kpis.base import Number
from kamstream.windows import to_text

#: Layouts kept of a card; each has the size of a document.
LAYOUTS = 512
_NOTHING: tuple[Number, int] = (None, 0)
#: Stands for what is an id's own; JSON never holds it as it is.
GAP = "\0"
#: What scores 0, how far from there to 100, weight, share.
Counted = tuple[float, float, float, float]

_encode = msgspec.json.Encoder().encode
#: Many ids of a batch are of the same T.
_time_text = lru_cache(64)(to_text)


class Side:
    """A perspective; its measures have the places from ``begin`` on among all.

    ``counted`` has of each that has a value what scores 0, how far it is from there to 100, its weight and its
    share; ``weight`` is that of all these together. ``share`` is the perspective's; None: no measure has a value.
    """

    __slots__ = ("begin", "counted", "share", "weight")

    def __init__(self, begin: int, counted: list[Counted | None], weight: float, share: float | None) -> None:
        self.begin: int = begin
        self.counted: list[Counted | None] = counted
        self.weight: float = weight
        self.share: float | None = share


class Layout:
    """What is the same for all ids that have values for the same measures: the text, without what is theirs.

    ``parts`` are what stands before, between and behind id, time, the card's score, and the numbers of the perspectives
    and measures, each with room for one of these behind it.
    """

    __slots__ = ("parts", "sides")

    def __init__(self, text: str, sides: list[Side]) -> None:
        known = text.split(GAP)
        self.parts: list[str] = [""] * (2 * len(known) - 1)
        self.parts[::2] = known
        self.sides: list[Side] = sides


class CardText:
    """Writes the scorecards of one scope."""

    def __init__(self, scope: str, card: Card) -> None:
        self._scope = scope
        self._perspectives = [one for one in card.perspectives if one.measures]
        self._measures = card.measures()
        self._fields = [measure.field for measure in self._measures]
        self._layouts: dict[tuple[bool, ...], Layout] = {}

    def of(self, id: str, values: Mapping[str, tuple[Number, int]], now: int) -> str:
        """The scorecard of an id at T = ``now``, by the values of its table."""
        found = [values.get(field, _NOTHING) for field in self._fields]
        there = tuple([pair[0] is not None for pair in found])
        layout = self._layouts.get(there)
        if layout is None:
            layout = self._lay_out(there)
        numbers: list[Number] = [None]
        contributions = []
        for side in layout.sides:
            at = len(numbers)
            if side.share is not None:
                numbers += (None, None)
            weighted = []
            place = side.begin
            for counted in side.counted:
                value, n = found[place]
                place += 1
                if counted is None:
                    numbers.append(n)
                    continue
                worst, span, weight, share = counted
                assert value is not None
                score = within((value - worst) / span * 100)
                weighted.append(weight * score)
                numbers += (value, n, score, score * share)
            if side.share is not None:
                score = within(sum(weighted) / side.weight)
                numbers[at], numbers[at + 1] = score, score * side.share
                contributions.append(score * side.share)
        if contributions:
            numbers[0] = within(sum(contributions))
        parts = layout.parts.copy()
        parts[1::2] = [_text(id), _time_text(now), *_encode(numbers)[1:-1].decode().split(",")]
        return "".join(parts)

    def _lay_out(self, there: tuple[bool, ...]) -> Layout:
        """The layout for ids that have a value where it says so."""
        total = sum(
            one.weight * measure.weight
            for one, places in self._places()
            for place, measure in zip(places, one.measures, strict=True)
            if there[place]
        )
        sides, parts = [], []
        for one, places in self._places():
            shares = [
                one.weight * measure.weight / total if there[place] else None
                for place, measure in zip(places, one.measures, strict=True)
            ]
            both = list(zip(one.measures, shares, strict=True))
            weight = sum(measure.weight for measure, share in both if share is not None)
            share = one.weight * weight / total if weight else None
            sides.append(Side(places.start, [_counted(measure, share) for measure, share in both], weight, share))
            parts.append(_perspective(one, share, [_measure(measure, share) for measure, share in both]))
        head = f'{{"scope":{_text(self._scope)},"id":{GAP},"as_of":"{GAP}","score":{GAP},"perspectives":['
        layout = Layout(f"{head}{','.join(parts)}]}}", sides)
        if len(self._layouts) >= LAYOUTS:
            self._layouts.clear()
        self._layouts[there] = layout
        return layout

    def _places(self) -> list[tuple[Perspective, range]]:
        """The perspectives that have measures, with the places of those among all."""
        found, at = [], 0
        for one in self._perspectives:
            found.append((one, range(at, at + len(one.measures))))
            at += len(one.measures)
        return found


def within(number: float) -> float:
    """Between 0 and 100, also where rounding would leave it."""
    return min(max(number, 0.0), 100.0)


def _counted(measure: Measure, share: float | None) -> Counted | None:
    return None if share is None else (measure.worst, measure.best - measure.worst, measure.weight, share)


def _perspective(one: Perspective, share: float | None, measures: list[str]) -> str:
    score, said, contribution = ("null",) * 3 if share is None else (GAP, _text(share), GAP)
    return (
        f'{{"name":{_text(one.name)},"weight":{_text(one.weight)},"score":{score},"share":{said},'
        f'"contribution":{contribution},"measures":[{",".join(measures)}]}}'
    )


def _measure(measure: Measure, share: float | None) -> str:
    value, score, said, contribution = ("null",) * 4 if share is None else (GAP, GAP, _text(share), GAP)
    known = f'"worst":{_text(measure.worst)},"best":{_text(measure.best)},"weight":{_text(measure.weight)}'
    return (
        f'{{"kpi":{_text(measure.kpi)},"window":{_text(measure.window)},"value":{value},"n":{GAP},{known},'
        f'"score":{score},"share":{said},"contribution":{contribution}}}'
    )


def _text(constant: str | float) -> str:
    return _encode(constant).decode()
