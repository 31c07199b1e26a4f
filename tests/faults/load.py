"""What a run publishes: a long nasty history with poison in it, and the settings under which it is counted."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError

from kamstream.events import murmur2, topic_of
from kamstream.events.topics import topic_names
from tests.reference import Settings as Reference
from tests.reference.histories import NASTY
from tests.reference.long_histories import long_history
from tests.reference.parse import milliseconds

PARTITIONS = 4
HEADERS = (("content-type", b"application/cloudevents+json"),)
#: The fields that name an entity.
NAMES = ("ticket_id", "deal_id", "thread_id", "contract_id", "milestone_id")
RULES = Path(__file__).with_name("alerts.yml")


class Shape(NamedTuple):
    """Windows, horizon and length of a history in days, and how many accounts share it."""

    windows: tuple[str, ...]
    horizon: str
    days: int
    accounts: int


#: In a wide history nearly every fact counts at the end; in a short one much grows older than the horizon.
SHAPES = {
    "wide": Shape(("7d", "90d", "365d"), "800d", 150, 24),
    "short": Shape(("3h", "2d", "7d"), "16d", 120, 12),
}


def reference_settings(shape: Shape) -> Reference:
    """The settings of the brute-force reference."""
    return Reference(
        windows=shape.windows,
        horizon=shape.horizon,
        rates=NASTY.rates,
        stage_probabilities=NASTY.stage_probabilities,
    )


def settings_file(path: Path, shape: Shape, prefix: str, **more: Any) -> None:
    """Write the product's settings for the same."""
    values: dict[str, Any] = {
        "prefix": prefix,
        "partitions": PARTITIONS,
        "windows": list(shape.windows),
        "horizon": shape.horizon,
        "clock": "event",
        "tick": "200ms",
        "redis_interval": "50ms",
        "alerts_file": str(RULES),
        "rank_fields": ["open_tickets:now", f"revenue:{shape.windows[-1]}"],
        "history_fields": [],
        **more,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    lines += ["[rates]", *(f"{name} = {float(rate)}" for name, rate in NASTY.rates.items())]
    lines += ["[stage_probabilities]", *(f"{name} = {p}" for name, p in NASTY.stage_probabilities.items())]
    path.write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Sending:
    """A record to be sent; ``partition`` None = where its key belongs."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = HEADERS


def make(shape: Shape, seed: int, events: int, prefix: str, poison: float = 0.01) -> list[Sending]:
    """The records of a run in the order in which they are sent, the same for the same arguments."""
    dice = Random(f"load {seed}")
    # The generator's own horizon rules its gaps and delays: with the product's, T would run away.
    settings = replace(reference_settings(shape), horizon="16d")
    history = long_history(seed, events=events, accounts=shape.accounts, days=shape.days, settings=settings)
    history = without_late_namesakes(history, reference_settings(shape).horizon_ms)
    sendings: list[Sending] = []
    for event in history:
        good = sending_of(event, prefix)
        sendings.append(good)
        if dice.random() < poison:
            sendings.append(poisoned(dice, event, good, prefix))
    return sendings


def without_late_namesakes(history: Sequence[dict[str, Any]], horizon: int) -> list[dict[str, Any]]:
    """The history without those that take the name of an entity more than a horizon (ms) after its last event.

    A CRM does not give an id twice. Whether such an opening counts depends on whether the entity before it is forgotten
    by then: when that happens is the engine's choice.
    """
    uses: dict[tuple[Any, ...], list[tuple[int, int, str]]] = defaultdict(list)
    for at, event in enumerate(history):
        for field in NAMES:
            if name := event["data"].get(field):
                key = (event["subject"], field, name, event["data"].get("project_id"))
                uses[key].append((milliseconds(event["time"]), at, event["id"].partition("-")[0].lstrip("amz")))
    late: set[int] = set()
    for each in uses.values():
        each.sort()
        first = next((i for i, (one, next_) in enumerate(pairwise(each)) if next_[0] - one[0] > horizon), len(each) - 1)
        known = {life for _, _, life in each[: first + 1]}
        late |= {at for _, at, life in each[first + 1 :] if life not in known}
    return [event for at, event in enumerate(history) if at not in late]


def sending_of(event: dict[str, Any], prefix: str) -> Sending:
    """An event as a CRM publishes it."""
    return Sending(topic_of(event["type"], prefix), event["subject"].encode(), json.dumps(event).encode())


def poisoned(dice: Random, event: dict[str, Any], good: Sending, prefix: str) -> Sending:
    """Something that must become a dead letter (the last two: only where it came second)."""
    assert good.key is not None
    home = murmur2(good.key) % PARTITIONS
    changed: dict[str, Any] = {"id": f"poison-{dice.random()}"}
    kind = dice.randrange(12)
    if kind == 0:
        return replace(good, value=good.value and good.value[:-2])
    if kind == 1:
        return replace(good, value=dice.randbytes(40))
    if kind == 2:
        return replace(good, value=None)
    if kind == 3:
        return replace(good, value=json.dumps(event | changed | {"pad": "x" * 70_000}).encode())
    if kind == 4:
        return replace(good, partition=(home + 1) % PARTITIONS)
    if kind == 5:
        return replace(good, key=b"somebody-else", partition=home)
    if kind == 6:
        topics = [topic for topic in topic_names(prefix).inputs if topic != good.topic]
        return replace(good, topic=dice.choice(topics))
    wrong = [
        {"type": "ticket.exploded"},
        {"data": {"nested": json.loads("[" * 20 + "]" * 20)}},
        {"time": "2024-01-01 00:00"},
        {"time": "2099-01-01T00:00:00Z"},
        {"time": "2001-01-01T00:00:00Z"},
    ]
    return replace(good, value=json.dumps(event | changed | wrong[kind - 7]).encode())


class Load(threading.Thread):
    """Sends records over about so many seconds, straight to the broker, and goes on until all are acknowledged."""

    BURST = 0.2
    #: What is sent of all records while the load is held back.
    FIRST = 0.1

    def __init__(self, bootstrap: str, sendings: Sequence[Sending], seconds: float) -> None:
        super().__init__(name="load", daemon=True)
        self._kafka = bootstrap
        self._sendings = sendings
        self._seconds = seconds
        self._ending = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self.error: BaseException | None = None
        self.sent = 0

    def run(self) -> None:
        """Send; what goes wrong is kept in ``error``."""
        try:
            self._run()
        except BaseException as error:  # told by ``finish``
            self.error = error

    def _run(self) -> None:
        # The broker may be away for more than a minute; what is sent twice is an event twice in the log, no more.
        producer = KafkaProducer(
            bootstrap_servers=self._kafka,
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=180_000,
            max_block_ms=180_000,
            bootstrap_timeout_ms=60_000,
            linger_ms=5,
            metrics_enabled=False,
        )
        try:
            step = max(1, round(len(self._sendings) * self.BURST / max(self._seconds, self.BURST)))
            first = round(len(self._sendings) * self.FIRST)
            begun = time.monotonic()
            for at in range(0, len(self._sendings), step):
                if at >= first and not self._flowing.is_set():
                    self._flowing.wait()
                    # What is left comes in its time, not in a rush.
                    begun = time.monotonic() - at / len(self._sendings) * self._seconds
                if self._ending.is_set():
                    return
                self._burst(producer, self._sendings[at : at + step])
                self.sent = min(at + step, len(self._sendings))
                due = begun + self.sent / len(self._sendings) * self._seconds
                self._ending.wait(max(0.0, due - time.monotonic()))
        finally:
            producer.close(timeout=5)

    def _burst(self, producer: KafkaProducer, sendings: Sequence[Sending]) -> None:
        waiting = []
        for each in sendings:
            partition = murmur2(each.key or b"") % PARTITIONS if each.partition is None else each.partition
            waiting.append(
                producer.send(each.topic, each.value, each.key, partition=partition, headers=list(each.headers))
            )
        for sent in waiting:
            try:
                sent.get(timeout=200)
            except KafkaError:
                continue  # not in the log, so nobody expects it

    def hold(self) -> None:
        """Send no more than the first few records until ``go_on``: most shall come while things go wrong."""
        self._flowing.clear()

    def go_on(self) -> None:
        """Send the others."""
        self._flowing.set()

    def finish(self) -> None:
        """Stop early, wait for the end, and raise what went wrong."""
        self._ending.set()
        self._flowing.set()
        self.join(200)
        if self.error is not None:
            raise self.error
