"""A few fault runs in every test run; ``python -m tests.faults`` does the rest."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from kamstream.events.topics import topic_names
from kamstream.local import ServiceError
from kamstream.publish import topics
from kamstream.settings import Settings
from tests.faults.compaction import SEGMENT_MS, compact_as_made, compact_at_once, dropped
from tests.faults.load import SHAPES, settings_file
from tests.faults.run import run
from tests.faults.scene import Plan
from tests.faults.world import CLEANER_MS, World
from tests.support.servers import missing

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

#: Kind and seed; kills at random moments have a test of their own, in tests/e2e.
SMOKE = (("points", 2), ("pause", 3), ("redis-flush", 4), ("zombie", 5), ("redis-old", 6))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    try:
        made = World()
    except ServiceError as error:
        missing("kafka", str(error))
    with made:
        yield made


@pytest.mark.parametrize(("kind", "seed"), SMOKE)
def test_all_values_are_exact_after_faults(world: World, kind: str, seed: int) -> None:
    log: list[str] = []
    outcome = run(world, Plan(kind, seed, events=600, seconds=3.0), log.append)
    assert outcome.result == "exact", "\n".join(log)


def test_a_topic_is_compacted_at_once_where_that_is_asked_for(world: World, tmp_path: Path) -> None:
    address, path = world.kafka.address, tmp_path / "kamstream.toml"
    settings_file(path, SHAPES["wide"], "compaction", kafka=address)
    settings = Settings.load(path)
    topics.create(settings)
    names = topic_names(settings.prefix)
    producer = KafkaProducer(bootstrap_servers=address, acks="all")

    def write() -> None:
        producer.send(names.changelog, b"value", b"key", partition=0).get(timeout=30)

    compact_at_once(address, names)
    end = time.monotonic() + 60
    while not dropped(address, names.changelog):
        assert time.monotonic() < end, "nothing was compacted"
        write()
        time.sleep(SEGMENT_MS / 1000)
    compact_as_made(address, names)
    time.sleep(5 * CLEANER_MS / 1000)
    before = dropped(address, names.changelog)
    for _ in range(4):
        write()
        time.sleep(SEGMENT_MS / 1000)
    assert dropped(address, names.changelog) == before
    producer.close()
