"""Milestones of joint projects: planned, due, completed in time or not.

>>> from kamstream.entities.fact import Terms
>>> planned = (0, 0, "crm", "1", "milestone.planned", 50, "ann")
>>> done = (40, 4, "crm", "2", "milestone.completed")
>>> terms = Terms(10**11, "EUR", {}, {}, ())
>>> derive([planned, done], Context(45, None, terms))
Derived(facts=[], due=50)
>>> [(fact.time, fact.amounts) for fact in derive([planned, done], Context(50, None, terms)).facts]
[(50, (1,))]
"""

from collections.abc import Sequence

from kamstream.entities.fact import FOR_ALL, Context, Derived, Fact, Record, is_cut_off
from kamstream.events import Event


def record(event: Event, rank: int) -> Record:
    """What a milestone keeps of an event: when it is due and whose it is."""
    head = (event.time, rank, event.source, event.id, event.type)
    if event.type == "milestone.planned":
        return (*head, event.data.due_at, event.data.owner_id)
    return head


def counts_until(records: Sequence[Record]) -> int:
    """The time up to which a milestone counts that is completed, or was never planned: its due time, or never."""
    planned = next((record for record in records if record[4] == "milestone.planned"), None)
    if planned is None:
        return -(2**62)
    completed = any(record[4] == "milestone.completed" for record in records if record > planned)
    due_at: int = planned[5]
    return due_at if completed else 2**62


def derive(records: Sequence[Record], context: Context) -> Derived:
    """One fact once T has reached the due time; its amount is 1 where it was completed at or before."""
    planned: Record | None = None
    completed: Record | None = None
    before = 0
    for record in records:
        if planned is None:
            if record[4] == "milestone.planned":
                planned = record
        elif record[4] == "milestone.planned":
            continue  # a second opening has no effect at all
        elif is_cut_off(completed is not None, before, record[0], context.terms.horizon):
            break
        elif record[4] == "milestone.completed":
            completed = completed or record
        before = record[0]
    if planned is None:
        return Derived([], None)
    due_at, owner = planned[5], planned[6]
    if context.now < due_at:
        return Derived([], due_at)
    met = completed is not None and completed[0] <= due_at
    because = (planned, completed) if completed else (planned,)
    return Derived([Fact("milestone", due_at, owner, (1 if met else 0,), "", FOR_ALL, because)], None)
