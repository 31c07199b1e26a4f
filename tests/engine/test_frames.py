"""The views at T are the same however T got there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kamstream.engine import Config
from kamstream.engine.plan import Frame, Plan
from kamstream.windows import HOUR, parse

START = 1_767_225_600_000  # 2026-01-01

ROLLING = ("24h", "7d", "30d", "365d")
SETTINGS = {
    "rolling": Config(windows=tuple(parse(name) for name in ROLLING)),
    "to date": Config(windows=tuple(parse(name) for name in (*ROLLING, "90m", "mtd", "ytd"))),
}


def views(plan: Plan, frame: Frame) -> list[tuple[object, ...]]:
    """All that a frame says; of units that do not move it does not matter where T is."""
    return [
        (each.borders, each.views, each.held, each.oldest, each.here if unit.moves else None)
        for unit, each in zip(plan.units, frame.ranges, strict=True)
    ]


@settings(deadline=None)
@given(st.sampled_from(sorted(SETTINGS)), st.lists(st.integers(1, 40 * 24 * HOUR) | st.integers(1, HOUR), max_size=8))
def test_a_frame_is_what_it_would_be_without_the_ones_before(shape: str, steps: list[int]) -> None:
    plan, now = Plan(SETTINGS[shape]), START
    plan.frame(now)
    for step in steps:
        now += step
        frame, anew = plan.frame(now), Plan(SETTINGS[shape]).frame(now)
        assert views(plan, frame) == views(plan, anew)
        assert (frame.oldest, frame.until) == (anew.oldest, anew.until)
