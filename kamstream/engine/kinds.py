"""The kinds of events and entities: what belongs to which, and how an entity's events are kept and read."""

from collections.abc import Callable, Sequence
from typing import Any

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
RANKS = tuple(type_rank(name) for name in TYPES)

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
    """What is to be known of a type of events: its topic, its rank, the kind of its entity ("" without one).

    ``is_kept`` says whether some fact of such an entity is wanted, ``is_story`` whether it is read event by event.
    """

    __slots__ = ("entity", "is_kept", "is_story", "is_thread", "keep", "name", "rank", "topic")

    def __init__(self, name: str, kept: str) -> None:
        self.name: str = name
        self.topic: int = topic_index(name)
        self.rank: int = type_rank(name)
        self.entity, self.keep = _ENTITY.get(name.partition(".")[0], ("", None))
        self.is_kept: bool = self.entity != "" and self.entity in kept
        self.is_story: bool = self.entity != "" and self.entity in STORIES
        self.is_thread: bool = self.entity == THREAD


_ENTITY: dict[str, tuple[str, Keep | None]] = {
    "ticket": (TICKET, tickets.ticket_record),
    "interaction": (THREAD, threads.thread_record),
    "deal": (DEAL, deals.deal_record),
    "contract": (CONTRACTS, contracts.record),
    "milestone": (MILESTONE, milestones.record),
}


class Kinds(dict[str, Kind]):
    """The kinds by the types' names, each made when first met; ``kept`` are the kinds of entities that are kept."""

    def __init__(self, kept: str) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, name: str) -> Kind:
        kind = self[name] = Kind(name, self._kept)
        return kind


def story_key(kind: str, data: Any) -> str:
    """The key of the story that an event with this data belongs to; "" of one that belongs to none."""
    if kind == TICKET:
        key: str = TICKET + data.ticket_id
    elif kind == THREAD:
        key = "" if data.thread_id is None or data.automated else THREAD + data.thread_id
    else:
        key = DEAL + data.deal_id
    return key


def entity_key(kind: str, data: Any) -> str:
    """The key of the contracts or the milestone that an event with this data belongs to."""
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
