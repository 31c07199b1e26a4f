"""The kinds of events and entities: what belongs to which, and how an entity's events are kept and read."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from kamstream.engine.rows import encode, record_of
from kamstream.entities import contracts, deals, milestones, threads, tickets
from kamstream.entities.fact import Context, Derived, Fact, Record, Story
from kamstream.events import Event, topic_index, type_rank

TICKET, THREAD, DEAL, CONTRACTS, MILESTONE = "t", "h", "d", "c", "m"
CONTACT, PRODUCT, PROFILE = "k", "p", "a"
#: Entities that are read event by event.
STORIES = TICKET + THREAD + DEAL

#: What an entity keeps of an event, given its type's rank.
Keep = Callable[[Event, int], Record]

#: The types by the numbers under which records are stored: new ones are added at the end.
TYPES = (
    "ticket.opened",
    "ticket.replied",
    "ticket.assigned",
    "ticket.resolved",
    "ticket.reopened",
    "interaction.logged",
    "deal.opened",
    "deal.updated",
    "deal.won",
    "deal.lost",
    "deal.reopened",
)
_CODE = {name: code for code, name in enumerate(TYPES)}
_HEAD = [(type_rank(name), name) for name in TYPES]

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode

#: Which facts come of an entity of a kind; nothing of it is kept where no KPI wants any of them.
_FACTS = {
    TICKET: {
        "first_response", "response", "resolution", "ticket", "resolved_ticket", "open_ticket", "open_wait",
        "sla_first_response", "sla_resolution",
    },
    THREAD: {"response", "open_wait"},
    DEAL: {"deal", "pipeline", "closed_deal", "won_deal", "market_deal", "product_won"},
    CONTRACTS: {"contract", "retention"},
    MILESTONE: {"milestone"},
}  # fmt: skip


def wanted_kinds(wants: frozenset[str] | None) -> str:
    """The kinds of entities of which some fact is wanted (None: all facts are)."""
    return "".join(kind for kind, facts in _FACTS.items() if wants is None or facts & wants)


class Kind:
    """What is to be known of a type of events: its topic, its rank, the kind of its entity ("" without one)."""

    __slots__ = ("entity", "keep", "name", "rank", "topic")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.topic: int = topic_index(name)
        self.rank: int = type_rank(name)
        self.entity, self.keep = _ENTITY.get(name.partition(".")[0], ("", None))


_ENTITY: dict[str, tuple[str, Keep | None]] = {
    "ticket": (TICKET, tickets.record),
    "interaction": (THREAD, threads.record),
    "deal": (DEAL, deals.record),
    "contract": (CONTRACTS, contracts.record),
    "milestone": (MILESTONE, milestones.record),
}


class Kinds(dict[str, Kind]):
    """The kinds by the types' names, each made when first met."""

    def __missing__(self, name: str) -> Kind:
        kind = self[name] = Kind(name)
        return kind


def entity_key(kind: str, data: Any) -> str:
    """The key of the entity that an event with this data belongs to; "" of one that belongs to none."""
    if kind == TICKET:
        return TICKET + str(data.ticket_id)
    if kind == THREAD:
        return "" if data.thread_id is None or data.automated else THREAD + str(data.thread_id)
    if kind == DEAL:
        return DEAL + str(data.deal_id)
    if kind == CONTRACTS:
        return CONTRACTS
    return MILESTONE + encode((data.project_id, data.milestone_id)).decode()


def new_story(key: str) -> Story:
    """The story of an entity of which nothing has been read."""
    kind = key[0]
    if kind == TICKET:
        return tickets.Ticket()
    if kind == THREAD:
        return threads.Thread()
    return deals.Deal(key[1:])


def load_story(key: str, dumped: Sequence[Any]) -> Story:
    """The story that dumped this."""
    known = [record_of(each) if isinstance(each, list) else each for each in dumped]
    kind = key[0]
    if kind == TICKET:
        return tickets.load(known)
    if kind == THREAD:
        return threads.load(known)
    return deals.load(key[1:], known)


def derive(key: str, records: list[Record], context: Context, begin: Sequence[Any] | None = None) -> Derived:
    """The facts of an entity that is a set of events; ``begin`` is what its story knew before them."""
    kind = key[0]
    if kind == CONTRACTS:
        return contracts.derive(records, context)
    if kind == MILESTONE:
        return milestones.derive(records, context)
    if kind == TICKET:
        return tickets.derive(records, context, begin)
    story = new_story(key) if begin is None else load_story(key, begin)
    facts: list[Fact] = []
    for record in records:
        facts += story.read(record, context) or ()
    return Derived(facts + story.standing(context), None)


def pack_record(record: Record) -> bytes:
    """A record of a story as it is stored."""
    return _pack((record[0], _CODE[record[4]], record[2], record[3], *record[5:]))


def unpack_records(count: int, packed: bytes) -> list[Record]:
    """Records that were stored one after the other."""
    records = []
    for time, code, source, id, *rest in _unpack(b"\xdd" + count.to_bytes(4, "big") + packed):
        rank, name = _HEAD[code]
        records.append((time, rank, source, id, name, *(tuple(x) if isinstance(x, list) else x for x in rest)))
    return records
