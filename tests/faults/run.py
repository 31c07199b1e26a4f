"""One run from its plan to its outcome."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.kinds import KINDS
from tests.faults.scene import Plan, Scene
from tests.faults.truth import Truth, truth_of
from tests.faults.verdict import Verdict
from tests.faults.world import World

#: Seconds within which rest must come once everything works again.
PATIENCE = 90.0
#: The share of runs that wait for scorecards and goals too.
DOCUMENTS = 0.25
#: The one kind in which no worker gets to run.
MISMATCH = "partitions"


@dataclass
class Outcome:
    """``result`` is exact, wrong or hung; ``why`` says in lines what was not as it should be."""

    plan: Plan
    result: str
    seconds: float
    workers: int = 0
    records: int = 0
    fail_stops: int = 0
    why: list[str] = field(default_factory=list)


def run(world: World, plan: Plan, tell: Callable[[str], None], *, patience: float = PATIENCE) -> Outcome:
    """Run one plan; what the workers said is kept where the outcome is not exact."""
    begun = time.monotonic()
    if plan.kind == MISMATCH:
        return refused(world, plan, tell)
    script, least, most = KINDS[plan.kind]
    scene = Scene(world, plan, tell)
    outcome = Outcome(plan, "exact", 0.0)
    try:
        scene.open(scene.dice.randint(least, most))
        script(scene)
        _heal(scene)
        settle(scene, outcome, patience)
    finally:
        world.heal()
        scene.close()
    outcome.seconds = time.monotonic() - begun
    outcome.workers = scene.crew.started
    outcome.fail_stops = len(scene.crew.fail_stops)
    scene.tell(f"{outcome.result} after {outcome.seconds:.0f} s; {scene.watcher.reads} tables watched")
    for line in (*outcome.why[:20], *scene.crew.fail_stops):
        scene.tell(f"  {line}")
    if outcome.result == "exact":
        shutil.rmtree(scene.folder)
    else:
        scene.tell(f"  logs and settings: {scene.folder}")
    return outcome


def refused(world: World, plan: Plan, tell: Callable[[str], None]) -> Outcome:
    """One topic has other partition counts than the rest: a worker says so in one line and ends with 1."""
    begun = time.monotonic()
    scene = Scene(world, plan, tell)
    outcome = Outcome(plan, "exact", 0.0, workers=1)
    try:
        odd = scene.make_odd_topics()
        worker = scene.crew.start()
        code = worker.await_end(30)
        said = [line for line in worker.log.read_text().splitlines() if " INFO " not in line]
        scene.tell(f"exit {code}: {said}")
        if code != 1 or len(said) != 1 or odd not in said[0]:
            outcome.result = "wrong"
            outcome.why.append(f"exit {code}, {len(said)} lines: {said[:1]}")
    finally:
        scene.close()
    outcome.seconds = time.monotonic() - begun
    return outcome


def settle(scene: Scene, outcome: Outcome, patience: float) -> None:
    """Wait for rest and judge; then begin anew from nothing but Kafka, and judge again."""
    verdict = Verdict(scene.settings_path, scene.world.redis_client(), scene.world.kafka.address, scene.wait)
    truth = truth_of(scene.settings_path, scene.world.kafka.address, scene.shape, scene.until_time)
    outcome.records = truth.records
    outcome.why += [f"engine and recount differ: {line}" for line in truth.doubts]
    if _judge(scene, outcome, verdict, truth, patience) and scene.dice.random() < 0.5:
        _begin_anew(scene)
        _judge(scene, outcome, verdict, truth, patience)
    if not outcome.why and scene.dice.random() < DOCUMENTS:
        outcome.why += verdict.documents(truth)
    outcome.why += [f"a reader saw: {line}" for line in scene.watcher.faults]
    if outcome.why and outcome.result == "exact":
        outcome.result = "wrong"


def _judge(scene: Scene, outcome: Outcome, verdict: Verdict, truth: Truth, patience: float) -> bool:
    if not verdict.await_rest(truth, patience):
        outcome.result = "hung"
        outcome.why.append(f"no rest within {patience:g} s: {verdict.last_seen}")
        return False
    outcome.why += verdict.differences(truth)
    return not outcome.why


def _begin_anew(scene: Scene) -> None:
    """The state must be whole in Kafka, and enough to fill an empty Redis."""
    scene.tell("all workers stop, Redis is emptied, one starts")
    for worker in list(scene.crew.workers):
        scene.crew.stop(worker)
    scene.watcher.forget()
    scene.world.redis_client().flushall()
    scene.crew.start()


def _heal(scene: Scene) -> None:
    scene.world.heal()
    for worker in scene.crew.workers:
        worker.wake()
    scene.load.finish()
    scene.tell(f"all is well again; {scene.load.sent} records sent")
