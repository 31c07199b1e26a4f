"""What a worker takes of the carriers that a rebalance left behind."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kamstream.events.topics import topic_names
from kamstream.worker.config import Parts, WorkerConfig
from kamstream.worker.fetching import Fetched
from kamstream.worker.fleet import Fleet
from kamstream.worker.metrics import Metrics

TOPIC = "kam.tickets"


class Carrier:
    """A carrier that notes whether it was let go."""

    acknowledged = False

    def ack(self) -> None:
        self.acknowledged = True


def fleet_at(position: int) -> tuple[Fleet, list[int]]:
    """A fleet that owns partition 0, which has read the topic up to a position; and the offsets that it takes."""
    taken: list[int] = []

    def take(topic: str, records: list[Any]) -> None:
        taken.extend(record.offset for record in records)

    unflushed = SimpleNamespace(records=0, letter_bytes=0)
    partition = SimpleNamespace(
        open=True, positions={TOPIC: position}, take=take, hold=lambda carrier: None, unflushed=unflushed
    )  # fmt: skip
    fleet = Fleet(WorkerConfig("nowhere"), Parts(None, None), topic_names(), pytest.fail, Metrics(CollectorRegistry()))  # type: ignore[arg-type]
    fleet._owned[0] = SimpleNamespace(partition=partition)  # type: ignore[assignment]
    fleet._accepting = True
    fleet.flush_if_due = lambda owned: None  # type: ignore[method-assign, assignment]
    return fleet, taken


@pytest.mark.parametrize(
    ("position", "begin", "first", "follows"),
    [
        (10, 10, 10, True),
        (10, 10, 12, True),  # a hole that was seen twice: compaction
        (12, 10, 10, True),  # read before: the partition leaves out what it has
        (10, 11, 11, False),  # the carrier with 10 was dropped while the partition recovered
    ],
)
def test_a_carrier_is_taken_only_where_it_follows(position: int, begin: int, first: int, follows: bool) -> None:
    fleet, taken = fleet_at(position)
    carrier = Carrier()
    records = Fetched([SimpleNamespace(offset=first)], begin)
    assert asyncio.run(fleet.take(TOPIC, 0, records, carrier)) is follows
    assert taken == ([first] if follows else [])
    assert carrier.acknowledged is not follows
