"""Support tickets: opened, taken up, answered back and forth, resolved, now and then reopened."""

from __future__ import annotations

from collections.abc import Iterator

from kamstream.simulate.ledger import Ticket
from kamstream.simulate.offices import HOUR, SECOND
from kamstream.simulate.scene import Act, Life, Moment, Scene
from kamstream.simulate.world import Person

PER_DAY = 0.05
PRIORITIES = ("low", "normal", "high", "urgent")
FIRST_REPLY_HOURS = {"low": 1.5, "normal": 0.8, "high": 0.4, "urgent": 0.2}


def begin(scene: Scene, day: int) -> Iterator[Life]:
    """The tickets of an account that are opened on a day."""
    return scene.lives("TCK", day, PER_DAY, life)


def life(scene: Scene, entity: str, opened: int) -> Iterator[Moment]:
    """One ticket from its opening to its last word."""
    rng = scene.rng
    by_customer = scene.chance(0.9)
    agent = rng.choice(scene.company.agents)
    owner = agent.id if scene.chance(0.55) else None
    priority = rng.choices(PRIORITIES, (20, 55, 18, 7))[0]
    yield Moment(opened, "ticket.opened", _opening(scene, entity, by_customer, priority, owner))
    ticket = scene.ledger.ticket(Ticket(entity, scene.company.id, opened, by_customer, owner))
    if by_customer:
        ticket.customer_wrote(opened)
    time = yield from _take_up(scene, ticket, agent, opened)
    if scene.chance(0.96):
        time = yield from _talk(scene, ticket, agent, time, FIRST_REPLY_HOURS[priority])
    time = yield from _resolve(scene, ticket, agent, time)
    yield from _aftermath(scene, ticket, agent, time)


def _opening(scene: Scene, entity: str, by_customer: bool, priority: str, owner: str | None) -> dict[str, object]:
    data: dict[str, object] = {"ticket_id": entity}
    if not by_customer:
        data["opened_by"] = "agent"
    if priority != "normal":
        data["priority"] = priority
    data["channel"] = scene.rng.choice(("email", "phone", "portal"))
    if by_customer:
        data["contact_id"] = scene.rng.choice(scene.company.contacts)
    if owner is not None:
        data["owner_id"] = owner
    return data


def _take_up(scene: Scene, ticket: Ticket, agent: Person, time: int) -> Act:
    """The bot says hello, an agent is found, sometimes a second one takes over."""
    if scene.chance(0.3):
        time += scene.rng.randrange(2, 20) * SECOND
        yield reply(ticket, time, "bot")
    if ticket.owner is None:
        time = scene.later(agent.office, time, 0.15)
        yield from assign(ticket, agent, time)
    if scene.chance(0.08):
        time = scene.later(agent.office, time, 0.3)
        yield from assign(ticket, scene.company.agents[-1], time)
    return time


def assign(ticket: Ticket, agent: Person, time: int) -> Iterator[Moment]:
    """Give the ticket to an agent, who gets the credit of all of it."""
    yield Moment(time, "ticket.assigned", {"ticket_id": ticket.id, "owner_id": agent.id})
    ticket.owner = agent.id


def reply(ticket: Ticket, time: int, by: str, *, public: bool = True) -> Moment:
    """A message on the ticket; a note that only colleagues see is not public."""
    data: dict[str, object] = {"ticket_id": ticket.id, "by": by}
    if not public:
        data["public"] = False
    return Moment(time, "ticket.replied", data)


def answer(ticket: Ticket, time: int) -> Iterator[Moment]:
    """A public reply of an agent."""
    yield reply(ticket, time, "agent")
    ticket.agent_replied(time)


def ask(ticket: Ticket, time: int) -> Iterator[Moment]:
    """A message of the customer."""
    yield reply(ticket, time, "customer")
    ticket.customer_wrote(time)


def resolve(ticket: Ticket, time: int) -> Iterator[Moment]:
    """The ticket is done."""
    yield Moment(time, "ticket.resolved", {"ticket_id": ticket.id})
    ticket.was_resolved(time)


def reopen(ticket: Ticket, time: int) -> Iterator[Moment]:
    """It was not."""
    yield Moment(time, "ticket.reopened", {"ticket_id": ticket.id})
    ticket.was_reopened(time)


def _talk(scene: Scene, ticket: Ticket, agent: Person, time: int, hours: float) -> Act:
    """One to three rounds: the agent answers, the customer comes back, perhaps twice in a row."""
    if scene.chance(0.15):
        time = scene.later(agent.office, time, 0.2)
        yield reply(ticket, time, "agent", public=False)
    time = scene.later(agent.office, time, hours)
    yield from answer(ticket, time)
    for _ in range(scene.rng.choice((0, 0, 1, 1, 2))):
        time = scene.later(scene.company.office, time, 1.5)
        yield from ask(ticket, time)
        if scene.chance(0.15):
            time = scene.later(scene.company.office, time, 0.3)
            yield from ask(ticket, time)
        time = scene.later(agent.office, time, hours)
        yield from answer(ticket, time)
    return time


def _resolve(scene: Scene, ticket: Ticket, agent: Person, time: int) -> Act:
    time = scene.later(agent.office, time, 3.0)
    yield from resolve(ticket, time)
    return time


def _aftermath(scene: Scene, ticket: Ticket, agent: Person, time: int) -> Iterator[Moment]:
    """A few are reopened; on a few the customer writes once more, and the ticket stays resolved."""
    while scene.chance(0.08):
        time = scene.pace.wait(time, int(scene.rng.expovariate(1 / 60) * HOUR) + SECOND)
        yield from reopen(ticket, time)
        time = scene.later(agent.office, time, 1.5)
        yield from answer(ticket, time)
        time = yield from _resolve(scene, ticket, agent, time)
    if scene.chance(0.05):
        time = scene.later(scene.company.office, time, 2.0)
        yield from ask(ticket, time)
        time = scene.later(agent.office, time, 1.0)
        yield from answer(ticket, time)
