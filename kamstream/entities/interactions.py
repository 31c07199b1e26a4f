"""Interactions and survey answers: every event is a fact of its own, final once it has arrived."""

from kamstream.entities.fact import FOR_ALL, Fact, Record
from kamstream.events import Event


def interaction(event: Event, record: Record) -> Fact | None:
    """The fact of an interaction, labelled with its channel; None of an automated one."""
    data = event.data
    if data.automated:
        return None
    inbound = 1 if data.direction == "inbound" else 0
    return Fact("interaction", event.time, data.owner_id, (inbound,), data.channel, FOR_ALL, (record,))


def survey(event: Event, record: Record) -> Fact:
    """The fact of a survey answer; its amount is the score, 0..10."""
    return Fact("survey", event.time, event.data.owner_id, (event.data.score,), "", FOR_ALL, (record,))
