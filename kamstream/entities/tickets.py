"""Tickets: from opening to resolution, with the customer's waits in between.

>>> from kamstream.entities.fact import Terms
>>> opened = (0, 0, "crm", "1", "ticket.opened", "customer", "normal", "ann")
>>> replied = (60_000, 2, "crm", "2", "ticket.replied", "agent", True)
>>> context = Context(90_000, None, Terms(10**11, "EUR", {}, {}, ()))
>>> [(fact.kind, fact.amounts) for fact in derive([opened, replied], context).facts]
[('first_response', (60000,)), ('response', (60000,)), ('ticket', (0,)), ('open_ticket', ())]
"""

from collections.abc import Sequence
from typing import Any

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


class Ticket:
    """A ticket as far as its events have been read; nothing counts before its opening."""

    __slots__ = (
        "before",
        "cut_off",
        "first_reply",
        "first_resolved",
        "opened",
        "owner",
        "reopened",
        "resolved",
        "waits_since",
    )

    def __init__(self) -> None:
        self.opened: Record | None = None
        self.owner: str | None = None
        self.before: int = 0
        self.cut_off = False
        self.waits_since: Record | None = None
        self.first_reply: Record | None = None
        self.first_resolved: Record | None = None
        self.resolved: Record | None = None
        self.reopened: Record | None = None

    @property
    def is_closed(self) -> bool:
        """Whether it never opened, or stands resolved and nobody waits."""
        return self.opened is None or (self.resolved is not None and self.waits_since is None)

    def read(self, record: Record, context: Context) -> list[Fact] | None:
        """Read the next event; the responses that it makes. None where another owner is to be credited with all."""
        kind: str = record[4]
        opened = self.opened
        if opened is None:
            if kind == "ticket.opened":
                self._open(record)
            return _NOTHING
        if kind == "ticket.opened":
            return _NOTHING  # a second opening has no effect at all
        time: int = record[0]
        if self.cut_off or is_cut_off(self.resolved is not None, self.before, time, context.terms.horizon):
            self.cut_off = True
            return _NOTHING
        self.before = time
        if kind == "ticket.replied":
            return self._replied(opened, record, context) if record[6] else _NOTHING
        if kind == "ticket.resolved":
            if self.first_resolved is None:
                self.first_resolved = record
            self.resolved = record
            self.waits_since = None
        elif kind == "ticket.reopened":
            self._reopen(record)
        elif kind == "ticket.assigned" and self.owner != record[5]:
            self.owner = record[5]
            return None
        return _NOTHING

    def _open(self, record: Record) -> None:
        self.opened, self.owner, self.before = record, record[7], record[0]
        if record[5] == "customer":
            self.waits_since = record

    def _reopen(self, record: Record) -> None:
        if self.first_resolved is not None and self.reopened is None:
            self.reopened = record
        self.resolved = None
        if self.waits_since is None:
            self.waits_since = record

    def _replied(self, opened: Record, record: Record, context: Context) -> list[Fact]:
        by: str = record[5]
        if by == "customer":
            if self.waits_since is None:
                self.waits_since = record
            return _NOTHING
        if by != "agent":
            return _NOTHING
        facts: list[Fact] = []
        time, owner, wants = record[0], self.owner, context.terms.wants
        if self.first_reply is None:
            self.first_reply = record
            if opened[5] == "customer" and (wants is None or "first_response" in wants):
                amounts, because = took(opened, record, context), (opened, record)
                facts.append(Fact("first_response", time, owner, amounts, "", FOR_ALL, because))
        waited = self.waits_since
        if waited is not None:
            self.waits_since = None
            if wants is None or "response" in wants:
                amounts, because = took(waited, record, context), (waited, record)
                facts.append(Fact("response", time, owner, amounts, "", FOR_ALL, because))
        return facts

    def standing(self, context: Context) -> list[Fact]:
        """How it stands: resolved or open, reopened or not, waiting or not."""
        opened, wants = self.opened, context.terms.wants
        if opened is None:
            return _NOTHING
        facts: list[Fact] = []
        owner, resolved, first = self.owner, self.resolved, self.first_resolved
        if wants is None or "ticket" in wants:
            because = (opened,) if resolved is None else (opened, resolved)
            facts.append(Fact("ticket", opened[0], owner, _NO if resolved is None else _YES, "", FOR_ALL, because))
        if first is not None and (wants is None or "resolved_ticket" in wants):
            again = self.reopened
            because = (first,) if again is None else (first, again)
            amounts = _NO if again is None else _YES
            facts.append(Fact("resolved_ticket", first[0], owner, amounts, "", FOR_ALL, because))
        if resolved is not None:
            if wants is None or "resolution" in wants:
                spent, because = took(opened, resolved, context), (opened, resolved)
                facts.append(Fact("resolution", resolved[0], owner, spent, "", FOR_ALL, because))
        elif wants is None or "open_ticket" in wants:
            facts.append(Fact("open_ticket", 0, owner, (), "", FOR_ALL, (opened,)))
        waits = self.waits_since
        if waits is not None and (wants is None or "open_wait" in wants):
            facts.append(Fact("open_wait", waits[0], owner, (), "", FOR_ALL, (waits,)))
        return facts

    def dump(self) -> tuple[Any, ...]:
        """All it knows, in the order of its slots' names."""
        return tuple(getattr(self, name) for name in _KNOWN)


_KNOWN = (
    "before", "cut_off", "first_reply", "first_resolved", "opened", "owner", "reopened", "resolved", "waits_since",
)  # fmt: skip
_NOTHING: list[Fact] = []
_NO, _YES = (0,), (1,)


def load(dumped: Sequence[Any]) -> Ticket:
    """The ticket that ``dump`` told of."""
    ticket = Ticket()
    for name, value in zip(_KNOWN, dumped, strict=True):
        setattr(ticket, name, value)
    return ticket


def derive(records: Sequence[Record], context: Context, begin: Sequence[Any] | None = None) -> Derived:
    """The facts of a ticket: responses, resolution, reopening, whether it is open and whether it waits.

    ``begin`` is what it knew before the first of these records.
    """
    ticket = load(begin) if begin is not None else Ticket()
    final: list[Fact] = []
    for record in records:
        final += ticket.read(record, context) or ()
    facts = [fact if fact.person == ticket.owner else _credited(fact, ticket.owner) for fact in final]
    facts += ticket.standing(context)
    opened = ticket.opened
    if context.terms.service_levels and opened is not None and opened[5] == "customer":
        return Derived(facts, promises(opened, ticket.owner, ticket.first_reply, ticket.resolved, context, facts))
    return Derived(facts, None)


def _credited(fact: Fact, owner: str | None) -> Fact:
    """The fact to another owner's credit: all of a ticket credits whoever owned it last."""
    return Fact(fact.kind, fact.time, owner, fact.amounts, fact.label, fact.credit, fact.because)


def took(start: Record, end: Record, context: Context) -> tuple[int, ...]:
    """Milliseconds from one event to another and, where a calendar applies, those of them within open hours."""
    begun, ended = start[0], end[0]
    if context.terms.open_time is None:
        return (ended - begun,)
    opened = context.terms.open_time(context.profile, begun, ended)
    return (ended - begun,) if opened is None else (ended - begun, opened)
