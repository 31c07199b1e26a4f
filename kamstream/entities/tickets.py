"""Tickets: from opening to resolution, with the customer's waits in between.

>>> from kamstream.entities.fact import Terms
>>> opened = (0, 0, "crm", "1", "ticket.opened", "customer", "normal", "ann")
>>> replied = (60_000, 2, "crm", "2", "ticket.replied", "agent", True)
>>> context = Context(90_000, None, Terms(10**11, "EUR", {}, {}, ()))
>>> [(fact.kind, fact.amounts) for fact in derive([opened, replied], context).facts]
[('first_response', (60000,)), ('response', (60000,)), ('ticket', (0,)), ('open_ticket', ())]
"""

from collections.abc import Sequence

from kamstream.entities.fact import FOR_ALL, Context, Derived, Fact, Record, is_cut_off
from kamstream.entities.service_levels import promises
from kamstream.events import Event


def record(event: Event, rank: int) -> Record:
    """What a ticket keeps of an event."""
    data, head = event.data, (event.time, rank, event.source, event.id, event.type)
    match event.type:
        case "ticket.opened":
            return (*head, data.opened_by, data.priority, data.owner_id)
        case "ticket.replied":
            return (*head, data.by, data.public)
        case "ticket.assigned":
            return (*head, data.owner_id)
    return head


class _Ticket:
    """A ticket as far as its events have been read."""

    __slots__ = (
        "answers",
        "by_customer",
        "first_reply",
        "first_resolved",
        "opened",
        "owner",
        "reopened",
        "resolved",
        "waits_since",
    )

    def __init__(self, opening: Record) -> None:
        self.opened = opening
        self.by_customer = opening[5] == "customer"
        self.owner: str | None = opening[7]
        self.waits_since: Record | None = opening if self.by_customer else None
        self.first_reply: Record | None = None
        self.first_resolved: Record | None = None
        self.resolved: Record | None = None
        self.reopened: Record | None = None
        self.answers: list[tuple[Record, Record]] = []

    def read(self, record: Record) -> None:
        kind = record[4]
        if kind == "ticket.replied":
            if record[6]:
                self._replied(record)
        elif kind == "ticket.resolved":
            self.first_resolved = self.first_resolved or record
            self.resolved = record
            self.waits_since = None
        elif kind == "ticket.reopened":
            if self.first_resolved:
                self.reopened = self.reopened or record
            self.resolved = None
            self.waits_since = self.waits_since or record
        elif kind == "ticket.assigned":
            self.owner = record[5]

    def _replied(self, record: Record) -> None:
        if record[5] == "customer":
            self.waits_since = self.waits_since or record
        elif record[5] == "agent":
            self.first_reply = self.first_reply or record
            if self.waits_since:
                self.answers.append((self.waits_since, record))
                self.waits_since = None


def derive(records: Sequence[Record], context: Context) -> Derived:
    """The facts of a ticket: responses, resolution, reopening, whether it is open and whether it waits."""
    ticket: _Ticket | None = None
    before = 0
    for record in records:
        if ticket is None:
            if record[4] == "ticket.opened":
                ticket = _Ticket(record)
        elif record[4] == "ticket.opened":
            continue  # a second opening has no effect at all
        elif is_cut_off(ticket.resolved is not None, before, record[0], context.terms.horizon):
            break
        else:
            ticket.read(record)
        before = record[0]
    if ticket is None:
        return Derived([], None)
    facts = _facts(ticket, context)
    if context.terms.service_levels and ticket.by_customer:
        due = promises(ticket.opened, ticket.owner, ticket.first_reply, ticket.resolved, context, facts)
        return Derived(facts, due)
    return Derived(facts, None)


def is_closed(records: Sequence[Record], context: Context) -> bool:
    """Whether the ticket stands resolved, or never opened."""
    kinds = {fact.kind for fact in derive(records, context).facts}
    return "open_ticket" not in kinds and "open_wait" not in kinds


def _facts(ticket: _Ticket, context: Context) -> list[Fact]:
    owner, opened = ticket.owner, ticket.opened
    facts: list[Fact] = []

    def add(kind: str, time: int, amounts: tuple[int, ...], *because: Record) -> None:
        facts.append(Fact(kind, time, owner, amounts, "", FOR_ALL, because))

    if ticket.first_reply and ticket.by_customer:
        add(
            "first_response",
            ticket.first_reply[0],
            took(opened, ticket.first_reply, context),
            opened,
            ticket.first_reply,
        )
    for waited, answer in ticket.answers:
        add("response", answer[0], took(waited, answer, context), waited, answer)
    if ticket.first_resolved:
        reopened = ticket.reopened
        because = (ticket.first_resolved, reopened) if reopened else (ticket.first_resolved,)
        add("resolved_ticket", ticket.first_resolved[0], (1 if reopened else 0,), *because)
    if ticket.resolved:
        add("resolution", ticket.resolved[0], took(opened, ticket.resolved, context), opened, ticket.resolved)
        add("ticket", opened[0], (1,), opened, ticket.resolved)
    else:
        add("ticket", opened[0], (0,), opened)
        add("open_ticket", 0, (), opened)
    if ticket.waits_since:
        add("open_wait", ticket.waits_since[0], (), ticket.waits_since)
    return facts


def took(start: Record, end: Record, context: Context) -> tuple[int, ...]:
    """Milliseconds from one event to another and, where a calendar applies, those of them within open hours."""
    begun, ended = start[0], end[0]
    if context.terms.open_time is None:
        return (ended - begun,)
    opened = context.terms.open_time(context.profile, begun, ended)
    return (ended - begun,) if opened is None else (ended - begun, opened)
