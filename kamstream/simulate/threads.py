"""Conversations: threads of e-mails and chats, calls, meetings, visits, and the machines that write too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kamstream.simulate.ledger import Interaction, Thread
from kamstream.simulate.offices import MINUTE, SECOND
from kamstream.simulate.scene import Act, Life, Moment, Scene

THREADS_PER_DAY = 0.07
TALKS_PER_DAY = 0.05
MAILINGS_PER_DAY = 0.01


def begin(scene: Scene, day: int) -> Iterator[Life]:
    """The conversations of an account that begin on a day."""
    yield from scene.lives("THR", day, THREADS_PER_DAY, thread)
    yield from scene.lives("TLK", day, TALKS_PER_DAY, talk)
    yield from scene.lives("MLG", day, MAILINGS_PER_DAY, mailing)


def thread(scene: Scene, entity: str, time: int) -> Iterator[Moment]:
    """A thread; every customer gets an answer in the end."""
    channel = "email" if scene.chance(0.85) else "chat"
    record = scene.ledger.thread(Thread(entity, scene.company.id))
    talks = Correspondence(scene, record, entity, channel, scene.rng.choice(scene.company.contacts))
    if scene.chance(0.35):
        yield from talks.answer(time)
        time = scene.later(scene.company.office, time, 3.0)
    for _ in range(scene.rng.choice((1, 1, 1, 2, 2, 3))):
        time = yield from talks.exchange(time)


@dataclass(frozen=True, slots=True)
class Correspondence:
    """Who writes to whom in one thread."""

    scene: Scene
    record: Thread
    id: str
    channel: str
    contact: str

    def exchange(self, time: int) -> Act:
        """The customer writes, perhaps a machine acknowledges, somebody answers."""
        scene = self.scene
        customer = scene.company.office
        yield from self.ask(time)
        if scene.chance(0.12):
            time += scene.rng.randrange(1, 30) * SECOND
            direction = scene.rng.choice(("inbound", "outbound"))
            yield Moment(time, "interaction.logged", automated(self.id, self.channel, direction))
        if scene.chance(0.12):
            time = scene.later(customer, time, 0.5)
            yield from self.ask(time)
        time = scene.later(scene.company.kam_at(time).office, time, 1.2 if self.channel == "email" else 0.2)
        yield from self.answer(time)
        return scene.later(customer, time, 4.0)

    def ask(self, time: int) -> Iterator[Moment]:
        """A message of the customer."""
        owner = self.scene.company.kam_at(time).id if self.scene.chance(0.6) else None
        yield self._message(time, "inbound", owner)
        self.record.customer_wrote(time, owner)
        self._note(time, owner)

    def answer(self, time: int) -> Iterator[Moment]:
        """A message to the customer, by the manager, a colleague or nobody in particular."""
        owner = _somebody(self.scene, time)
        yield self._message(time, "outbound", owner)
        self.record.answered(time, owner)
        self._note(time, owner)

    def _message(self, time: int, direction: str, owner: str | None) -> Moment:
        data = {
            "interaction_id": self.id,
            "direction": direction,
            "channel": self.channel,
            "contact_id": self.contact,
            "thread_id": self.id,
        }
        return Moment(time, "interaction.logged", data | ({"owner_id": owner} if owner else {}))

    def _note(self, time: int, owner: str | None) -> None:
        self.scene.ledger.interaction(Interaction(time, self.record.account, owner, self.contact))


def talk(scene: Scene, entity: str, time: int) -> Iterator[Moment]:
    """A call, a meeting or a visit."""
    contact = scene.rng.choice(scene.company.contacts) if scene.chance(0.9) else None
    owner = _somebody(scene, time)
    data: dict[str, object] = {
        "interaction_id": entity,
        "direction": "inbound" if scene.chance(0.3) else "outbound",
        "channel": scene.rng.choices(("phone", "meeting", "visit", "other"), (45, 40, 12, 3))[0],
        "duration_seconds": scene.rng.choice((300, 600, 900, 1800, 2700, 3600, 5400)),
    }
    if contact is not None:
        data["contact_id"] = contact
    if owner is not None:
        data["owner_id"] = owner
    yield Moment(time, "interaction.logged", data)
    scene.ledger.interaction(Interaction(time, scene.company.id, owner, contact))


def mailing(scene: Scene, entity: str, time: int) -> Iterator[Moment]:
    """A newsletter, and now and then the note that somebody is out of office."""
    yield Moment(time, "interaction.logged", automated(entity, "email", "outbound"))
    if scene.chance(0.3):
        time += scene.rng.randrange(1, 5) * MINUTE
        yield Moment(time, "interaction.logged", automated(entity, "email", "inbound"))


def automated(thread: str, channel: str, direction: str) -> dict[str, object]:
    """What a machine writes: it counts as nobody's interaction and neither opens nor answers a wait."""
    return {
        "interaction_id": thread,
        "direction": direction,
        "channel": channel,
        "thread_id": thread,
        "automated": True,
    }


def _somebody(scene: Scene, time: int) -> str | None:
    """Who is credited: mostly the manager, sometimes an agent, sometimes the CRM does not say."""
    chance = scene.rng.random()
    if chance < 0.8:
        return scene.company.kam_at(time).id
    return scene.rng.choice(scene.company.agents).id if chance < 0.9 else None
