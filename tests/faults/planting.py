"""Shows that the harness catches what it is for: each planted bug within so many runs."""

from collections.abc import Callable
from typing import NamedTuple

from tests.faults.run import run
from tests.faults.scene import Plan
from tests.faults.world import World

#: A bug must be caught within so many runs.
RUNS = 20
#: Rest is waited for so long (s): a planted bug often ends in a worker that never gets there.
PATIENCE = 40.0


class Bug(NamedTuple):
    """A module of ``planted``, and the kinds of runs that bring it to light, in turn."""

    name: str
    kinds: tuple[str, ...]


BUGS = (
    Bug("no_offset_check", ("offsets",)),
    Bug("ack_before_flush", ("points",)),
    Bug("no_fence", ("pause",)),
    Bug("swallowed_exception", ("sigterm",)),
    Bug("flush_with_timeout", ("broker",)),
    Bug("stock_revoke", ("guest",)),
    Bug("torn_redis_write", ("sigterm",)),
    Bug("no_version_check", ("pause",)),
    Bug("letters_after_watermark", ("points", "kill9")),
)


def show_all(world: World, which: str, seed: int, tell: Callable[[str], None]) -> bool:
    """Whether every bug (or the one asked for) is caught; prints a table of how."""
    lines = ["| planted bug | caught in run | by |", "|---|---|---|"]
    missed = False
    for bug in BUGS:
        if which in ("all", bug.name):
            caught = show(world, bug, seed, tell)
            missed |= caught is None
            number, why = caught or (0, "")
            lines.append(f"| {bug.name} | {number or f'not in {RUNS}'} | {why[:140]} |")
    tell("\n".join(lines))
    return not missed


def show(world: World, bug: Bug, seed: int, tell: Callable[[str], None]) -> tuple[int, str] | None:
    """In which run a bug was caught and by what; None when it was not."""
    for number in range(1, RUNS + 1):
        kind = bug.kinds[(number - 1) % len(bug.kinds)]
        plan = Plan(kind, seed + number - 1, 2_000, 8.0, planted=bug.name)
        outcome = run(world, plan, tell, patience=PATIENCE)
        if outcome.result != "exact":
            return number, f"{kind}: {outcome.why[0]}"
    return None
