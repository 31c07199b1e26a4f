"""Joint projects: milestones with a due date, most met, some late, some never."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from kamstream.simulate.ledger import Milestone
from kamstream.simulate.offices import DAY, HOUR
from kamstream.simulate.scene import Life, Moment, Scene

PROJECTS_PER_DAY = 0.003


def begin(scene: Scene, day: int) -> Iterator[Life]:
    """The milestones of the projects that begin on a day."""
    for started in range(1, scene.count(day, PROJECTS_PER_DAY) + 1):
        project = scene.entity("PRJ", day, started)
        planned = scene.moment(day)
        for number in range(1, scene.rng.randrange(3, 6)):
            # Three weeks apart, at 17:00 UTC.
            due = (day + 21 * number) * DAY + 17 * HOUR
            yield Life(f"{project}-M{number}", life(scene, project, f"M{number}", planned, due))


def life(scene: Scene, project: str, milestone: str, planned: int, due: int) -> Iterator[Moment]:
    """One milestone: planned, and completed around its due time."""
    owner = scene.company.kam_at(planned).id if scene.chance(0.8) else None
    names = {"project_id": project, "milestone_id": milestone}
    data = names | {"due_at": f"{datetime.fromtimestamp(due // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"}
    yield Moment(planned, "milestone.planned", data | ({"owner_id": owner} if owner else {}))
    record = scene.ledger.milestone(Milestone(scene.company.id, due, owner))
    if scene.chance(0.06):
        return
    slip = scene.rng.gauss(2.0 if scene.slump(due) else -3.5, 3.0)
    time = scene.later(scene.company.office, max(planned, due + int(slip * DAY)), 0.5)
    yield Moment(time, "milestone.completed", names)
    record.completed = time
