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

from kamstream.entities.fact import NO_FACTS, Context, Derived, Fact, Record, Story, Wanted, fact, is_cut_off
from kamstream.entities.service_levels import promises
from kamstream.events import Event


def ticket_record(event: Event, rank: int) -> Record:
    """What a ticket keeps of an event."""
    data, type_ = event.data, event.type
    if type_ == "ticket.replied":
        return event.time, rank, event.source, event.id, type_, data.by, data.public
    if type_ == "ticket.opened":
        return event.time, rank, event.source, event.id, type_, data.opened_by, data.priority, data.owner_id
    if type_ == "ticket.assigned":
        return event.time, rank, event.source, event.id, type_, data.owner_id
    return event.time, rank, event.source, event.id, type_


class Ticket(Story):
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
        self.moved: bool = False
        self.opened: Record | None = None
        self.owner: str | None = None
        self.before: int = 0
        self.cut_off: bool = False
        self.waits_since: Record | None = None
        self.first_reply: Record | None = None
        self.first_resolved: Record | None = None
        self.resolved: Record | None = None
        self.reopened: Record | None = None

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
            return NO_FACTS
        if kind == "ticket.opened":
            return NO_FACTS  # a second opening has no effect at all
        time: int = record[0]
        if self.cut_off or is_cut_off(self.resolved is not None, self.before, time, context.horizon):
            self.cut_off = True
            return NO_FACTS
        self.before = time
        if kind == "ticket.replied":
            return self._replied(opened, record, context) if record[6] else NO_FACTS
        if kind == "ticket.assigned":
            if self.owner == record[5]:
                return NO_FACTS
            self.owner = record[5]
            return None
        self.moved = True
        if kind == "ticket.resolved":
            if self.first_resolved is None:
                self.first_resolved = record
            self.resolved = record
            self.waits_since = None
        elif kind == "ticket.reopened":
            self._reopen(record)
        return NO_FACTS

    def _open(self, record: Record) -> None:
        self.opened, self.owner, self.before, self.moved = record, record[7], record[0], True
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
        wanted, waited = context.wanted, self.waits_since
        if by == "customer":
            if waited is None:
                self.waits_since, self.moved = record, True
            return NO_FACTS
        if by != "agent":
            return NO_FACTS
        answers = NO_FACTS
        if self.first_reply is None:
            self.first_reply = record
            if wanted.first_response and opened[5] == "customer":
                answers = [_answer("first_response", opened, record, self.owner, context)]
        if waited is not None:
            self.waits_since, self.moved = None, True
            if wanted.response:
                answer = _answer("response", waited, record, self.owner, context)
                answers = [*answers, answer] if answers else [answer]
        return answers

    def standing(self, context: Context) -> list[Fact]:
        """How it stands: resolved or open, reopened or not, waiting or not."""
        opened, wanted = self.opened, context.wanted
        if opened is None:
            return NO_FACTS
        facts: list[Fact] = []
        owner, resolved, first, waits = self.owner, self.resolved, self.first_resolved, self.waits_since
        if wanted.ticket:
            because = _causes(wanted, opened, resolved)
            facts.append(fact("ticket", opened[0], owner, _NO if resolved is None else _YES, because))
        if wanted.resolved_ticket and first is not None:
            again = self.reopened
            because = _causes(wanted, first, again)
            facts.append(fact("resolved_ticket", first[0], owner, _NO if again is None else _YES, because))
        if resolved is not None:
            if wanted.resolution:
                because = _causes(wanted, opened, resolved)
                facts.append(fact("resolution", resolved[0], owner, took(opened, resolved, context), because))
        elif wanted.open_ticket:
            facts.append(fact("open_ticket", 0, owner, (), _causes(wanted, opened, None)))
        if waits is not None and wanted.open_wait:
            facts.append(fact("open_wait", waits[0], owner, (), _causes(wanted, waits, None)))
        return facts

    def dump(self) -> tuple[Any, ...]:
        """All it knows, in the order of its slots' names."""
        return tuple(getattr(self, name) for name in _KNOWN)


_KNOWN = (
    "before", "cut_off", "first_reply", "first_resolved", "opened", "owner", "reopened", "resolved", "waits_since",
)  # fmt: skip
_NO, _YES = (0,), (1,)


def _answer(kind: str, asked: Record, answered: Record, owner: str | None, context: Context) -> Fact:
    because = _causes(context.wanted, asked, answered)
    return fact(kind, answered[0], owner, took(asked, answered, context), because)


def _causes(wanted: Wanted, one: Record, other: Record | None) -> tuple[Record, ...]:
    """The records behind a fact, where somebody asks for them."""
    if not wanted.causes:
        return ()
    return (one,) if other is None else (one, other)


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
    facts = [each if each.person == ticket.owner else _credited(each, ticket.owner) for each in final]
    facts += ticket.standing(context)
    opened = ticket.opened
    if context.terms.service_levels and opened is not None and opened[5] == "customer":
        return Derived(facts, promises(opened, ticket.owner, ticket.first_reply, ticket.resolved, context, facts))
    return Derived(facts, None)


def _credited(answer: Fact, owner: str | None) -> Fact:
    """The answer to another owner's credit: all of a ticket credits whoever owned it last."""
    return fact(answer.kind, answer.time, owner, answer.amounts, answer.because)


def took(start: Record, end: Record, context: Context) -> tuple[int, ...]:
    """Milliseconds from one event to another and, where a calendar applies, those of them within open hours."""
    begun: int = start[0]
    ended: int = end[0]
    if context.open_time is None:
        return (ended - begun,)
    opened = context.open_time(context.profile, begun, ended)
    return (ended - begun,) if opened is None else (ended - begun, opened)
