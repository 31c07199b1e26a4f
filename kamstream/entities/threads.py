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

from kamstream.entities.fact import FOR_ALL, Context, Derived, Fact, Record
from kamstream.entities.tickets import took
from kamstream.events import Event


def record(event: Event, rank: int) -> Record:
    """What a thread keeps of an interaction that is not automated: its direction and owner."""
    data = event.data
    return event.time, rank, event.source, event.id, event.type, data.direction == "inbound", data.owner_id


def derive(records: Sequence[Record], context: Context) -> Derived:
    """The facts of a thread: each answered wait, and the open one."""
    facts: list[Fact] = []
    waits_since: Record | None = None
    for record in records:
        time, inbound, person = record[0], record[5], record[6]
        if inbound:
            waits_since = waits_since or record
        elif waits_since:
            facts.append(
                Fact(
                    "response",
                    time,
                    person,
                    took(waits_since, record, context),
                    "",
                    FOR_ALL,
                    (waits_since, record),
                )
            )
            waits_since = None
    if waits_since:
        facts.append(Fact("open_wait", waits_since[0], waits_since[6], (), "", FOR_ALL, (waits_since,)))
    return Derived(facts, None)
