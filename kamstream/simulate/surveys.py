"""Surveys: how likely is it that you recommend us? Unhappy in a bad quarter."""

from __future__ import annotations

from collections.abc import Iterator

from kamstream.simulate.ledger import Survey
from kamstream.simulate.scene import Life, Moment, Scene

PER_DAY = 0.008
SCORES = range(11)
CONTENT = (1, 0, 1, 1, 2, 5, 7, 15, 25, 25, 18)
CROSS = (4, 3, 5, 7, 9, 14, 16, 18, 12, 8, 4)


def begin(scene: Scene, day: int) -> Iterator[Life]:
    """The answers that an account gives on a day."""
    return scene.lives("SRV", day, PER_DAY, life)


def life(scene: Scene, entity: str, time: int) -> Iterator[Moment]:
    """One answer."""
    score = scene.rng.choices(SCORES, CROSS if scene.slump(time) else CONTENT)[0]
    owner = scene.company.kam_at(time).id if scene.chance(0.3) else None
    data: dict[str, object] = {"survey_id": entity, "score": score}
    if scene.chance(0.8):
        data["contact_id"] = scene.rng.choice(scene.company.contacts)
    if owner is not None:
        data["owner_id"] = owner
    yield Moment(time, "survey.answered", data)
    scene.ledger.survey(Survey(time, scene.company.id, owner, score))
