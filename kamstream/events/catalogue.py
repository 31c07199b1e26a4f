"""The list of event types: their models, topics and ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .accounts import AccountUpdated
from .contracts import ContractChanged, ContractEnded, ContractRenewed, ContractStarted
from .deals import DealLost, DealOpened, DealReopened, DealUpdated, DealWon
from .fields import Payload
from .interactions import InteractionLogged
from .milestones import MilestoneCompleted, MilestonePlanned
from .surveys import SurveyAnswered
from .tickets import TicketAssigned, TicketOpened, TicketReopened, TicketReplied, TicketResolved

# The input topics without their prefix, in the order of `topic_index`.
INPUT_TOPICS: Final = ("interactions", "deals", "tickets", "accounts")
INTERACTIONS, DEALS, TICKETS, ACCOUNTS = range(4)

# Ranks at equal times.
OPENING, AMENDING, SPEAKING, REOPENING, CLOSING = range(5)


@dataclass(frozen=True)
class EventType:
    """One type: its name, the model of its data, the index of its topic, its rank at equal times."""

    name: str
    model: type[Payload]
    topic: int
    rank: int


EVENT_TYPES: Final = (
    EventType("interaction.logged", InteractionLogged, INTERACTIONS, SPEAKING),
    EventType("survey.answered", SurveyAnswered, INTERACTIONS, SPEAKING),
    EventType("milestone.planned", MilestonePlanned, INTERACTIONS, OPENING),
    EventType("milestone.completed", MilestoneCompleted, INTERACTIONS, CLOSING),
    EventType("deal.opened", DealOpened, DEALS, OPENING),
    EventType("deal.updated", DealUpdated, DEALS, AMENDING),
    EventType("deal.won", DealWon, DEALS, CLOSING),
    EventType("deal.lost", DealLost, DEALS, CLOSING),
    EventType("deal.reopened", DealReopened, DEALS, REOPENING),
    EventType("contract.started", ContractStarted, DEALS, OPENING),
    EventType("contract.renewed", ContractRenewed, DEALS, AMENDING),
    EventType("contract.changed", ContractChanged, DEALS, AMENDING),
    EventType("contract.ended", ContractEnded, DEALS, CLOSING),
    EventType("ticket.opened", TicketOpened, TICKETS, OPENING),
    EventType("ticket.replied", TicketReplied, TICKETS, SPEAKING),
    EventType("ticket.assigned", TicketAssigned, TICKETS, AMENDING),
    EventType("ticket.resolved", TicketResolved, TICKETS, CLOSING),
    EventType("ticket.reopened", TicketReopened, TICKETS, REOPENING),
    EventType("account.updated", AccountUpdated, ACCOUNTS, AMENDING),
)
BY_NAME: Final = {kind.name: kind for kind in EVENT_TYPES}


def input_topics(prefix: str = "kam") -> tuple[str, ...]:
    """The names of the four input topics, in the order of `topic_index`.

    >>> input_topics()
    ('kam.interactions', 'kam.deals', 'kam.tickets', 'kam.accounts')
    """
    return tuple(f"{prefix}.{name}" for name in INPUT_TOPICS)


def topic_index(type: str) -> int:
    """0 interactions, 1 deals, 2 tickets, 3 accounts. Raises KeyError for an unknown type."""
    return BY_NAME[type].topic


def topic_of(type: str, prefix: str = "kam") -> str:
    """The topic that carries a type. Raises KeyError for an unknown type.

    >>> topic_of("contract.ended")
    'kam.deals'
    """
    return f"{prefix}.{INPUT_TOPICS[BY_NAME[type].topic]}"


def type_rank(type: str) -> int:
    """The rank of a type among events of one time. Raises KeyError for an unknown type.

    >>> type_rank("ticket.opened") < type_rank("ticket.replied") < type_rank("ticket.resolved")
    True
    """
    return BY_NAME[type].rank
