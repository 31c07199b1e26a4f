"""The two documents beside an id's table: its balanced scorecard and its goals, as JSON text."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from kamstream.entities.fact import Profile
from kamstream.goals.card import Card
from kamstream.goals.cardtext import CardText
from kamstream.goals.pace import projected
from kamstream.goals.scorecard import MeasureScore, PerspectiveScore, score
from kamstream.goals.target import KPIS, Goal, attainment, is_met
from kamstream.kpis.base import Number
from kamstream.windows import to_text

#: A table: field → (value, n).
Values = Mapping[str, tuple[Number, int]]
_NOTHING = (None, 0)


class Board:
    """The scorecard and the targets of an installation; ``targets`` are by (scope, id)."""

    def __init__(self, card: Card, targets: Mapping[tuple[str, str], Sequence[Goal]]) -> None:
        self._cards = {scope: card.of(scope) for scope in ("account", "kam", "company")}
        self._measured = {
            scope: frozenset(measure.field for measure in cut.measures()) for scope, cut in self._cards.items()
        }
        self._texts = {scope: CardText(scope, cut) for scope, cut in self._cards.items()}
        self._targets = {key: tuple(goals) for key, goals in targets.items()}

    def goals(self, scope: str, id: str, profile: Profile | None = None) -> tuple[Goal, ...]:
        """The goals of an id: those of the settings, then those of its standing profile, one a field.

        What a profile says is agreed with the account: such goals are shared ones.
        """
        mine = self._targets.get((scope, id), ())
        if profile is None or not profile.targets:
            return mine
        known = {goal.field for goal in mine}
        agreed = [Goal(kpi, window, target, shared=True) for kpi, window, target in profile.targets if kpi in KPIS]
        return (*mine, *{goal.field: goal for goal in agreed if goal.field not in known}.values())

    def concerns(self, scope: str, id: str, profile: Profile | None, changed: Collection[str]) -> bool:
        """Whether a change of these fields may change a document of the id."""
        if not self._measured[scope].isdisjoint(changed):
            return True
        return any(goal.field in changed for goal in self.goals(scope, id, profile))

    def documents(
        self, scope: str, id: str, values: Values, profile: Profile | None, now: int
    ) -> list[tuple[str, str | None]]:
        """Kind and JSON text of the documents of an id at T = ``now``; None of goals where it has none."""
        goals = self.progress(scope, id, values, profile, now)
        card = self._texts[scope].of(id, values, now)
        return [("scorecard", card), ("goals", _text([p.said() for p in goals]) if goals else None)]

    def progress(self, scope: str, id: str, values: Values, profile: Profile | None, now: int) -> list["Progress"]:
        """How far each goal of an id has come."""
        return [Progress.of(goal, values, now) for goal in self.goals(scope, id, profile)]

    def scorecard(self, scope: str, id: str, values: Values, now: int) -> dict[str, Any]:
        """The scorecard of an id as it is stored: the score, and what every measure contributes to it."""
        measured = {field: values[field][0] for field in self._measured[scope] if field in values}
        scored = score(self._cards[scope], measured)
        return {
            "scope": scope,
            "id": id,
            "as_of": to_text(now),
            "score": scored.score,
            "perspectives": [_perspective(one, values) for one in scored.perspectives if one.measures],
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """A goal, its value, and how far that is. ``pace`` is where a month, quarter or year is heading."""

    goal: Goal
    value: Number
    n: int
    attainment: float | None
    met: bool | None
    pace: float | None
    pace_attainment: float | None

    @classmethod
    def of(cls, goal: Goal, values: Values, now: int) -> "Progress":
        """The progress of a goal at T = ``now``."""
        value, n = values.get(goal.field, _NOTHING)
        pace = projected(goal.kpi, goal.window, value, now)
        return cls(
            goal,
            value,
            n,
            attainment(value, goal.target, goal.better),
            is_met(value, goal.target, goal.better),
            pace,
            attainment(pace, goal.target, goal.better),
        )

    def said(self) -> dict[str, Any]:
        """As it is stored; an attainment beyond measure is null there, and ``met`` says true."""
        goal, kpi = self.goal, KPIS[self.goal.kpi]
        return {
            "kpi": goal.kpi,
            "window": goal.window,
            "target": goal.target,
            "value": self.value,
            "attainment": self.attainment,
            "pace": self.pace,
            "shared": goal.shared,
            "n": self.n,
            "met": self.met,
            "pace_attainment": self.pace_attainment,
            "unit": kpi.unit,
            "better": kpi.better,
        }


def _perspective(one: PerspectiveScore, values: Values) -> dict[str, Any]:
    return {
        "name": one.perspective.name,
        "weight": one.perspective.weight,
        "score": one.score,
        "share": one.share,
        "contribution": one.contribution,
        "measures": [_measure(measure, values) for measure in one.measures],
    }


def _measure(one: MeasureScore, values: Values) -> dict[str, Any]:
    measure = one.measure
    return {
        "kpi": measure.kpi,
        "window": measure.window,
        "value": one.value,
        "n": values.get(measure.field, _NOTHING)[1],
        "worst": measure.worst,
        "best": measure.best,
        "weight": measure.weight,
        "score": one.score,
        "share": one.share,
        "contribution": one.contribution,
    }


def _text(document: Any) -> str:
    return msgspec.json.encode(document).decode()
