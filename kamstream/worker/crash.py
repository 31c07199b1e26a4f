"""Named places at which a test may have the process killed: the fault harness aims at them."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

#: Where a crash can be asked for, in the order in which a batch passes them.
POINTS: Final = (
    "after-apply",
    "before-flush",
    "mid-flush",
    "after-flush",
    "after-rollups",
    "after-alert",
    "after-redis",
    "before-commit",
)

#: Called with the name of the place just reached.
CrashPoint = Callable[[str], None]


def none(point: str) -> None:
    """The crash point of production: nothing happens."""


def from_environment(environment: Mapping[str, str]) -> CrashPoint:
    """Read ``KAMSTREAM_CRASH=point[:count]``: SIGKILL at the count-th time (default the first) that point is passed.

    ValueError for an unknown point.
    """
    wish = environment.get("KAMSTREAM_CRASH", "")
    if not wish:
        return none
    name, _, count = wish.partition(":")
    if name not in POINTS:
        raise ValueError(f"KAMSTREAM_CRASH names no crash point: {name!r} (known: {', '.join(POINTS)})")
    left = int(count or 1)

    def crash(point: str) -> None:
        nonlocal left
        if point == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return crash
