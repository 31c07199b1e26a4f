"""Which entity an event belongs to, what it keeps of it, and how it turns into facts."""

from collections.abc import Callable
from typing import Any

from kamstream.engine.rows import encode
from kamstream.entities import contracts, deals, milestones, threads, tickets
from kamstream.entities.fact import Context, Derived, Record
from kamstream.events import Event

TICKET, THREAD, DEAL, CONTRACTS, MILESTONE = "t", "h", "d", "c", "m"
CONTACT, PRODUCT, PROFILE = "k", "p", "a"

#: Entities that are sets of events, read in their order.
Keep = Callable[[Event, int], Record]


def entity_of(event: Event) -> tuple[str, Keep] | None:
    """The key of the entity of an event and what it keeps; None of one that is no part of a set of events."""
    data: Any = event.data
    family = event.type.partition(".")[0]
    if family == "ticket":
        return TICKET + data.ticket_id, tickets.record
    if family == "interaction":
        if data.thread_id is None or data.automated:
            return None
        return THREAD + data.thread_id, threads.record
    if family == "deal":
        return DEAL + data.deal_id, deals.record
    if family == "contract":
        return CONTRACTS, contracts.record
    if family == "milestone":
        return MILESTONE + encode((data.project_id, data.milestone_id)).decode(), milestones.record
    return None


def derive(key: str, records: list[Record], context: Context) -> Derived:
    """The facts of an entity that is a set of events."""
    kind = key[0]
    if kind == TICKET:
        return tickets.derive(records, context)
    if kind == THREAD:
        return threads.derive(records, context)
    if kind == DEAL:
        return deals.derive(key[1:], records, context)
    if kind == CONTRACTS:
        return contracts.derive(records, context)
    return milestones.derive(records, context)
