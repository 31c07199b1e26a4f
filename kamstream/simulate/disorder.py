"""Disorder on the way: events arrive twice, late, and past one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any

from kamstream.simulate.offices import DAY, MINUTE, SECOND
from kamstream.simulate.wire import Told

Arrival = tuple[int, dict[str, Any]]
"""When an event arrives, in epoch milliseconds, and the event."""


@dataclass(frozen=True, slots=True)
class Disorder:
    """How unruly the way from the CRM is. Shares are 0..1, times milliseconds.

    `jitter` is the usual time on the way, which lets neighbours change places; a `late` event takes minutes
    to `late_by`; a duplicate is the same event sent again, some `repeat_after` later.
    """

    duplicates: float = 0.01
    late: float = 0.02
    late_by: int = 3 * DAY
    jitter: int = 3 * SECOND
    repeat_after: int = 20 * MINUTE


@dataclass(slots=True)
class Arrivals:
    """Events on their way, given out in the order of arrival."""

    disorder: Disorder
    rng: Random
    _waiting: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    _sent: int = 0

    def send(self, told: Told) -> None:
        """An event sets out at its time, perhaps twice."""
        time, event = told
        disorder, rng = self.disorder, self.rng
        if disorder.late and rng.random() < disorder.late:
            # Most that are late are a little late: the delay's share is squared.
            least = min(MINUTE, disorder.late_by)
            arrival = time + least + int(rng.random() ** 2 * (disorder.late_by - least))
        else:
            arrival = time + (int(rng.expovariate(1.0) * disorder.jitter) if disorder.jitter else 0)
        self.send_for(arrival, event)
        if disorder.duplicates and rng.random() < disorder.duplicates:
            self.send_for(arrival + 1 + int(rng.expovariate(1.0) * disorder.repeat_after), event)

    def send_for(self, arrival: int, event: dict[str, Any]) -> None:
        """An event that arrives at a given time."""
        # The running number keeps the order of equal arrivals, and dicts from being compared.
        self._sent += 1
        heappush(self._waiting, (arrival, self._sent, event))

    def before(self, time: int) -> Iterator[Arrival]:
        """All that arrive before a time, with their arrival. Nothing earlier may be sent afterwards."""
        while self._waiting and self._waiting[0][0] < time:
            arrival, _, event = heappop(self._waiting)
            yield arrival, event

    def rest(self) -> Iterator[Arrival]:
        """All that are still on their way."""
        while self._waiting:
            arrival, _, event = heappop(self._waiting)
            yield arrival, event
