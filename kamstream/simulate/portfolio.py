"""The portfolio: every account of a world, day after day, as one stream of events in the order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from kamstream.simulate import contracts, deals, milestones, profiles, surveys, threads, tickets
from kamstream.simulate.disorder import Arrivals, Disorder
from kamstream.simulate.ledger import Ledger
from kamstream.simulate.offices import DAY
from kamstream.simulate.scene import Life, OfficeHours, Scene
from kamstream.simulate.wire import told
from kamstream.simulate.world import Plan, World, build

PROCESSES: tuple[Callable[[Scene, int], Iterator[Life]], ...] = (
    profiles.begin,
    contracts.begin,
    tickets.begin,
    threads.begin,
    deals.begin,
    milestones.begin,
    surveys.begin,
)
"""What goes on at an account; each gives the lives that begin on a day."""


def play(
    plan: Plan, *, disorder: Disorder | None = None, ledger: Ledger | None = None, origin: str | None = None
) -> Iterator[dict[str, Any]]:
    """The history of a plan as CloudEvents in the order of arrival.

    No event is later than the plan's end; those still on their way then arrive at the end of the stream.
    What happens does not depend on `disorder`. Only what is on its way is held in memory, unless a `ledger`
    is to keep the truth.
    """
    world = build(plan)
    scenes = _scenes(world, Ledger(keep=False) if ledger is None else ledger)
    arrivals = Arrivals(disorder or Disorder(), Random(f"{plan.seed}/arrivals"))
    for day in range(plan.start // DAY, plan.end // DAY + 1):
        for scene in scenes:
            for begin in PROCESSES:
                for life in begin(scene, day):
                    for happening in told(scene, life, since=plan.start, until=plan.end, origin=origin):
                        arrivals.send(happening)
        for _, event in arrivals.before((day + 1) * DAY):
            yield event
    for _, event in arrivals.rest():
        yield event


def _scenes(world: World, ledger: Ledger) -> list[Scene]:
    pace = OfficeHours()
    return [
        Scene(world, company, Random(f"{world.plan.seed}/{company.id}"), ledger, pace) for company in world.companies
    ]
