"""The script of a live show: a backlog builds up at one account, and is worked off.

Seconds after the start: at 4 a ticket arrives that was stuck for 13 hours, by 13 there are ten open tickets.
From 28 on they are answered and resolved, and by 48 none is left. Every 150 seconds it is the next account's
turn. `demo-alerts.yml` holds rules that fire and resolve by it; of the default rules `customer-waiting` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kamstream.simulate import tickets
from kamstream.simulate.ledger import Ledger, Ticket
from kamstream.simulate.offices import DAY, HOUR, SECOND
from kamstream.simulate.scene import Life, Moment, Scene
from kamstream.simulate.world import World

KIND = "RUSH"
EVERY = 150 * SECOND
FIRST, TICKETS, GAP = 4 * SECOND, 10, SECOND
STUCK = 13 * HOUR
RELIEF, WORK_GAP, WORK = 28 * SECOND, 1_500, 4 * SECOND


def victims(world: World, ledger: Ledger) -> tuple[str, ...]:
    """The accounts that take turns: of the calmest at the end of the history, the five largest."""
    open_now = Counter(ticket.account for ticket in ledger.tickets if not ticket.resolved)
    open_now.update(thread.account for thread in ledger.threads if thread.waiting_since is not None)
    calmest = min((open_now[company.id] for company in world.companies), default=0)
    calm = [company for company in world.companies if open_now[company.id] == calmest]
    return tuple(company.id for company in sorted(calm, key=lambda company: -company.size)[:5])


def lives(scene: Scene, start: int, turn: int) -> Iterator[tuple[int, Scene, Life]]:
    """The tickets of one turn with the times at which they arrive."""
    for number in range(TICKETS):
        arrives = start + FIRST + number * GAP
        opened = arrives - STUCK if number == 0 else arrives
        entity = scene.entity(KIND, start // DAY, f"{turn + 1}.{number + 1}")
        relief = start + RELIEF + number * WORK_GAP
        yield arrives, scene, Life(entity, _ticket(scene, entity, opened, relief))


def _ticket(scene: Scene, entity: str, opened: int, relief: int) -> Iterator[Moment]:
    agent = scene.company.agents[0].id
    contact = scene.rng.choice(scene.company.contacts)
    data = {"ticket_id": entity, "priority": "high", "contact_id": contact, "owner_id": agent}
    yield Moment(opened, "ticket.opened", data)
    ticket = Ticket(entity, scene.company.id, opened, True, agent)
    yield from tickets.answer(ticket, relief)
    yield from tickets.resolve(ticket, relief + WORK)
