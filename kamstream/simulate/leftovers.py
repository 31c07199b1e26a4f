"""What a history leaves open: tickets to answer and resolve, threads in which a customer waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from kamstream.simulate import tickets
from kamstream.simulate.ledger import Ledger, Thread, Ticket
from kamstream.simulate.offices import SECOND
from kamstream.simulate.scene import Life, Moment, Scene

WITHIN = 55 * SECOND


def lives(ledger: Ledger, scenes: Mapping[str, Scene], rng: Random, start: int) -> Iterator[tuple[int, Scene, Life]]:
    """The rest of every open life, each beginning within a minute, in order of time."""
    rest: list[tuple[int, Scene, Life]] = []
    for ticket in ledger.tickets:
        if not ticket.resolved or ticket.waiting_since is not None:
            at = start + rng.randrange(SECOND, WITHIN)
            rest.append((at, scenes[ticket.account], Life(f"{ticket.id}/live", _finish(ticket, at))))
    for thread in ledger.threads:
        if thread.waiting_since is not None:
            at = start + rng.randrange(SECOND, WITHIN)
            scene = scenes[thread.account]
            rest.append((at, scene, Life(f"{thread.id}/live", _answer(scene, thread, at))))
    return iter(sorted(rest, key=lambda begins: begins[0]))


def _finish(ticket: Ticket, time: int) -> Iterator[Moment]:
    yield from tickets.answer(ticket, time)
    if not ticket.resolved:
        yield from tickets.resolve(ticket, time + 5 * SECOND)


def _answer(scene: Scene, thread: Thread, time: int) -> Iterator[Moment]:
    owner = scene.company.kam_at(time).id
    data = {
        "interaction_id": thread.id,
        "direction": "outbound",
        "channel": "email",
        "thread_id": thread.id,
        "owner_id": owner,
    }
    yield Moment(time, "interaction.logged", data)
    thread.answered(time, owner)
