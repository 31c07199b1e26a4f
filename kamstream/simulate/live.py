"""Live traffic for an audience: a history goes on, in quick motion, and a breach comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from random import Random
from typing import Any

from kamstream.simulate import breach, deals, leftovers, surveys, threads, tickets
from kamstream.simulate.disorder import Arrivals, Disorder
from kamstream.simulate.ledger import Ledger
from kamstream.simulate.offices import DAY, SECOND, Office
from kamstream.simulate.portfolio import play
from kamstream.simulate.scene import Life, Moment, Scene
from kamstream.simulate.wire import told
from kamstream.simulate.world import Plan, World, build

DISORDER = Disorder(duplicates=0.01, late=0.01, late_by=20 * SECOND, jitter=SECOND // 5, repeat_after=4 * SECOND)
FOREVER = 2**62

AMBIENT: tuple[tuple[float, str, Callable[[Scene, str, int], Iterator[Moment]]], ...] = (
    (0.26, "TCK", tickets.life),
    (0.34, "THR", threads.thread),
    (0.22, "TLK", threads.talk),
    (0.13, "DEAL", deals.life),
    (0.05, "SRV", surveys.life),
)
"""What begins during live traffic, and how often: (weight, kind of id, life)."""

Start = tuple[int, Scene, Life]
"""A life that begins at a time."""


class QuickMotion:
    """An hour of work takes 6 seconds, day or night; a day's wait takes 2."""

    def after(self, office: Office, start: int, work: int) -> int:
        return start + work // 600 + 1

    def wait(self, start: int, length: int) -> int:
        return start + length // 43_200 + 1


@dataclass(slots=True)
class Cast:
    """The scenes of all accounts, and whose turn it is to be breached."""

    start: int
    scenes: dict[str, Scene]
    victims: tuple[str, ...]

    def victim(self, turn: int) -> Scene:
        return self.scenes[self.victims[turn % len(self.victims)]]

    def quiet(self, time: int) -> set[str]:
        """Accounts whose tickets are the script's now or next; they get no others."""
        turn = (time - self.start) // breach.EVERY
        return {self.victim(turn).company.id, self.victim(turn + 1).company.id}


def play_live(plan: Plan, start: int, speed: float) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Events with the time at which each is due, from `start` on, without end.

    Tickets and threads that the plan's history leaves open are answered within a minute; `speed` 1 means
    about four events a second. See `kamstream.simulate.breach` for the script.
    """
    ledger = Ledger()
    for _ in play(plan, ledger=ledger):
        pass
    cast = _cast(build(plan), ledger, start)
    rng = Random(f"{plan.seed}/live")
    arrivals = Arrivals(DISORDER, rng)
    starts = merge(
        leftovers.lives(ledger, cast.scenes, rng, start),
        _ambient(cast, rng, speed),
        _breaches(cast),
        key=lambda begins: begins[0],
    )
    for time, scene, life in starts:
        for arrival, event in arrivals.before(time):
            yield datetime.fromtimestamp(arrival / SECOND, UTC), event
        scripted = life.entity.startswith(breach.KIND)
        for at, event in told(scene, life, since=0, until=FOREVER):
            if scripted:
                # The show must go on: what is scripted comes in time, what is late there is late on purpose.
                arrivals.send_for(max(at, time), event)
            else:
                arrivals.send((at, event))


def _cast(world: World, ledger: Ledger, start: int) -> Cast:
    forgetful = Ledger(keep=False)
    pace = QuickMotion()
    scenes = {
        company.id: Scene(world, company, Random(f"{world.plan.seed}/live/{company.id}"), forgetful, pace)
        for company in world.companies
    }
    return Cast(start, scenes, breach.victims(world, ledger))


def _ambient(cast: Cast, rng: Random, speed: float) -> Iterator[Start]:
    """Lives that begin at random, more of them at larger accounts."""
    names = list(cast.scenes)
    # Less uneven than in a history: nobody but the script is to pile tickets up.
    sizes = [scene.company.size**0.5 for scene in cast.scenes.values()]
    weights = [kind[0] for kind in AMBIENT]
    time, number = cast.start, 0
    while True:
        time += int(rng.expovariate(speed) * SECOND) + 1
        number += 1
        account = rng.choices(names, sizes)[0]
        _, kind, life = rng.choices(AMBIENT, weights)[0]
        if kind != "TCK" or account not in cast.quiet(time):
            scene = cast.scenes[account]
            entity = scene.entity(kind, time // DAY, f"L{number}")
            yield time, scene, Life(entity, life(scene, entity, time))


def _breaches(cast: Cast) -> Iterator[Start]:
    turn = 0
    while True:
        yield from breach.lives(cast.victim(turn), cast.start + turn * breach.EVERY, turn)
        turn += 1
