"""``python -m tests.faults``: see the package."""

import argparse
import sys
import time
from itertools import count
from random import Random, SystemRandom

from tests.faults import record
from tests.faults.kinds import KINDS
from tests.faults.run import MISMATCH, Outcome, run
from tests.faults.scene import Plan
from tests.faults.world import World


def tell(line: str) -> None:
    """Print a line of a run's log."""
    print(line, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.faults", description="Faults on purpose; see the package.")
    made.add_argument("--minutes", type=float, default=10.0, help="how long to go on (default: 10)")
    made.add_argument("--hours", type=float, help="how long to go on, in hours")
    made.add_argument("--runs", type=int, help="how many runs, however long they take")
    made.add_argument("--seed", type=int, help="the seed of the first run; the next ones count up from it")
    made.add_argument(
        "--kind", action="append", choices=sorted([*KINDS, MISMATCH]), help="only this kind; may be repeated"
    )
    made.add_argument("--events", type=int, default=2_000, help="events of a run (default: 2000)")
    made.add_argument("--seconds", type=float, default=8.0, help="seconds over which they come in (default: 8)")
    made.add_argument("--full", action="store_true", help="the product's session timeout, and outages of 70 s")
    made.add_argument("--no-record", action="store_true", help="do not add the runs to runs.csv")
    made.add_argument("--planted", nargs="?", const="all", help="show that bugs put in on purpose are caught")
    made.add_argument("--table", action="store_true", help="print the table of reliability from runs.csv")
    return made


def main() -> int:
    """0 when every run was exact (with ``--planted``: when every bug was caught)."""
    said = parser().parse_args()
    if said.table:
        print(record.table())
        return 0
    with World() as world:
        if said.planted:
            from tests.faults.planting import show_all

            return 0 if show_all(world, said.planted, said.seed or 1, tell) else 1
        return go_on(world, said)


def go_on(world: World, said: argparse.Namespace) -> int:
    """Run until the time is up or the runs are done; 1 when one was not exact."""
    seconds = 3_600 * said.hours if said.hours else 60 * said.minutes
    end = time.monotonic() + seconds
    first = said.seed if said.seed is not None else SystemRandom().randrange(1 << 24)
    outcomes: list[Outcome] = []
    kinds = said.kind or [*KINDS, MISMATCH]
    order = list(kinds)
    for seed in count(first):
        if len(outcomes) >= said.runs if said.runs is not None else time.monotonic() >= end:
            break
        if not order:
            order = Random(seed).sample(kinds, len(kinds))
        plan = Plan(order.pop(), seed, said.events, said.seconds, full=said.full, outage=70.0 if said.full else 15.0)
        outcomes.append(run(world, plan, tell))
        if not said.no_record:
            record.note(outcomes[-1])
    bad = [each for each in outcomes if each.result != "exact"]
    print(f"{len(outcomes)} runs, {len(outcomes) - len(bad)} exact")
    for each in bad:
        print(f"{each.result}: --kind {each.plan.kind} --seed {each.plan.seed} --runs 1: {'; '.join(each.why)[:300]}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
