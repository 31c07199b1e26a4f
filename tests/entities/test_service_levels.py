"""Service levels: when a promise is met, missed or still open, to the millisecond."""

from __future__ import annotations

import pytest

from kamstream.entities.fact import Context, Profile, ServiceLevel, Terms
from kamstream.entities.tickets import derive
from kamstream.windows import DAY, HOUR

LEVELS = (
    ServiceLevel("high", None, 4 * HOUR, 2 * DAY),
    ServiceLevel("high", "gold", HOUR, None),
    ServiceLevel("low", "gold", None, 5 * DAY),
)
TERMS = Terms(10**12, "EUR", {}, {}, (), None, LEVELS)
GOLD = Profile("A", "ann", tier="gold")


def opened(priority: str, by: str = "customer") -> tuple[object, ...]:
    return (0, 0, "crm", "1", "ticket.opened", by, priority, None)


def replied(at: int) -> tuple[object, ...]:
    return (at, 2, "crm", f"r{at}", "ticket.replied", "agent", True)


def resolved(at: int) -> tuple[object, ...]:
    return (at, 4, "crm", f"s{at}", "ticket.resolved")


def reopened(at: int) -> tuple[object, ...]:
    return (at, 3, "crm", f"o{at}", "ticket.reopened")


@pytest.mark.parametrize(
    ("records", "now", "tier", "facts", "due"),
    [
        # nothing has happened: neither met nor missed until due, then missed at due
        ([opened("high")], 4 * HOUR - 1, None, [], 4 * HOUR),
        ([opened("high")], 4 * HOUR, None, [("first_response", 4 * HOUR, 0)], 2 * DAY),
        ([opened("high")], 3 * DAY, None, [("first_response", 4 * HOUR, 0), ("resolution", 2 * DAY, 0)], None),
        # at the very due time is in time
        ([opened("high"), replied(4 * HOUR)], 4 * HOUR, None, [("first_response", 4 * HOUR, 1)], 2 * DAY),
        ([opened("high"), replied(4 * HOUR + 1)], 5 * HOUR, None, [("first_response", 4 * HOUR, 0)], 2 * DAY),
        ([opened("high"), resolved(2 * DAY)], 2 * DAY, None,
         [("first_response", 4 * HOUR, 0), ("resolution", 2 * DAY, 1)], None),
        # resolved in time, but not standing resolved when due
        ([opened("high"), resolved(DAY), reopened(DAY + 1)], 2 * DAY, None,
         [("first_response", 4 * HOUR, 0), ("resolution", 2 * DAY, 0)], None),
        ([opened("high"), resolved(DAY), reopened(DAY + 1)], 2 * DAY - 1, None,
         [("first_response", 4 * HOUR, 0)], 2 * DAY),
        # the tier's own promise goes first, and what it leaves open is that for all
        ([opened("high"), replied(2 * HOUR)], 2 * HOUR, "gold", [("first_response", HOUR, 0)], 2 * DAY),
        ([opened("low")], 0, "gold", [], 5 * DAY),
        ([opened("low")], 9 * DAY, None, [], None),
        ([opened("high", "agent")], 9 * DAY, None, [], None),
    ],
)  # fmt: skip
def test_a_promise(
    records: list[tuple[object, ...]], now: int, tier: str | None, facts: list[tuple[str, int, int]], due: int | None
) -> None:
    derived = derive(records, Context(now, GOLD if tier else None, TERMS))
    told = [fact for fact in derived.facts if fact.kind.startswith("sla_")]
    assert [(fact.kind.removeprefix("sla_"), fact.time, fact.amounts[0]) for fact in told] == facts
    assert derived.due == due
