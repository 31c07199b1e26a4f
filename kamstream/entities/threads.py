"""Threads: conversations by e-mail, phone or chat, and the customer's waits in them.

An inbound interaction starts a wait, an outbound one answers it; what is automated does neither. The answer
credits the person who answered, an open wait the person whose interaction waits. A thread is never closed.

>>> from kamstream.entities.fact import Terms
>>> asked = (0, 2, "crm", "1", "interaction.logged", True, "ann")
>>> answered = (5_000, 2, "crm", "2", "interaction.logged", False, "bob")
>>> context = Context(9_000, None, Terms(1, "EUR", {}, {}, ()))
>>> [(f.kind, f.person, f.amounts) for f in derive([asked, answered], context).facts]
[('response', 'bob', (5000,))]
"""

from collections.abc import Sequence
from typing import Any

from kamstream.entities.fact import NO_FACTS, Context, Derived, Fact, Record, Story, fact
from kamstream.entities.tickets import took
from kamstream.events import Event


def thread_record(event: Event, rank: int) -> Record:
    """What a thread keeps of an interaction that is not automated: its direction and owner."""
    data = event.data
    return event.time, rank, event.source, event.id, event.type, data.direction == "inbound", data.owner_id


class Thread(Story):
    """A thread as far as its interactions have been read: since when the customer waits."""

    __slots__ = ("waits_since",)

    def __init__(self) -> None:
        self.moved: bool = False
        self.waits_since: Record | None = None

    def is_closed(self) -> bool:
        """A thread never closes; while nobody waits it may be forgotten."""
        return self.waits_since is None

    def read(self, record: Record, context: Context) -> list[Fact] | None:
        """Read the next interaction; the response that it is, if it answers a wait."""
        waits_since, wanted = self.waits_since, context.wanted
        if record[5]:
            if waits_since is None:
                self.waits_since, self.moved = record, True
            return NO_FACTS
        if waits_since is None:
            return NO_FACTS
        self.waits_since, self.moved = None, True
        if not wanted.response:
            return NO_FACTS
        because = (waits_since, record) if wanted.causes else ()
        return [fact("response", record[0], record[6], took(waits_since, record, context), because)]

    def standing(self, context: Context) -> list[Fact]:
        """The open wait."""
        waits, wanted = self.waits_since, context.wanted
        if waits is None or not wanted.open_wait:
            return NO_FACTS
        return [fact("open_wait", waits[0], waits[6], (), (waits,) if wanted.causes else ())]

    def dump(self) -> tuple[Any, ...]:
        """Since when the customer waits."""
        return (self.waits_since,)


def load(dumped: Sequence[Any]) -> Thread:
    """The thread that ``dump`` told of."""
    thread = Thread()
    thread.waits_since = dumped[0]
    return thread


def derive(records: Sequence[Record], context: Context) -> Derived:
    """The facts of a thread: each answered wait, and the open one."""
    thread = Thread()
    facts: list[Fact] = []
    for record in records:
        facts += thread.read(record, context) or ()
    return Derived(facts + thread.standing(context), None)
