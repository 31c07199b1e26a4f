"""Interactions and survey answers: every event is a fact of its own, final once it has arrived."""

from kamstream.entities.fact import FOR_ALL, Fact, Record, fact
from kamstream.events import Event


def interaction(event: Event, because: tuple[Record, ...]) -> Fact:
    """The fact of an interaction that is not automated, labelled with its channel."""
    data = event.data
    amounts = _INBOUND if data.direction == "inbound" else _OUTBOUND
    return Fact("interaction", event.time, data.owner_id, amounts, data.channel, FOR_ALL, because)


def survey(event: Event, because: tuple[Record, ...]) -> Fact:
    """The fact of a survey answer; its amount is the score, 0..10."""
    data = event.data
    return fact("survey", event.time, data.owner_id, (data.score,), because)


_OUTBOUND, _INBOUND = (0,), (1,)
