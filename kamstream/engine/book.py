"""The book of a partition: whether an event was seen before, and into which sums a fact goes. ``_book`` is the same,
compiled: it is the way from accounts to the compiled duplicates and ledgers.
"""

from typing import TYPE_CHECKING

from kamstream.engine.ledger import Ledger, lanes_of, post
from kamstream.engine.plan import Frame, Plan
from kamstream.engine.seen import Seen, suffix_of
from kamstream.entities.fact import Fact
from kamstream.events import Event
from kamstream.native import COMPILED


class Book:
    """What all accounts of a partition judge and post by; ``frame`` holds the views at T."""

    __slots__ = ("_horizon", "_suffixes", "frame", "lanes")

    def __init__(self, plan: Plan, horizon: int) -> None:
        self.lanes = lanes_of(plan)
        self._horizon = horizon
        #: By source, what follows the id in a remembered pair.
        self._suffixes: dict[str, str] = {}
        self.frame: Frame = plan.frame(0)

    def turn(self, frame: Frame) -> None:
        """T has reached another frame."""
        self.frame = frame

    def wants(self, kind: str) -> bool:
        """Whether facts of a kind go anywhere."""
        return kind in self.lanes

    def judge(self, seen: list[Seen | None], topic: int, event: Event) -> str:
        """``too-late``, ``duplicate`` or ``applied``, by what was seen of an account on each topic."""
        there = seen[topic]
        if there is None:
            there = seen[topic] = Seen()
        source = event.source
        suffix = self._suffixes.get(source)
        if suffix is None:
            suffix = self._suffixes[source] = suffix_of(source)
        return there.judge(event.id, suffix, event.time, self._horizon)

    def post(self, ledger: Ledger, fact: Fact, sign: int) -> None:
        """Add a fact to a ledger (``sign`` 1), or take it back (-1); one that goes nowhere is passed over."""
        lanes = self.lanes.get(fact.kind)
        if lanes is not None:
            post([ledger], fact, lanes, sign, self.frame)


if COMPILED and not TYPE_CHECKING:
    from kamstream.engine._book import Book

__all__ = ["Book"]
