"""Kafka or Redis away for a while, an emptied Redis, changed settings: the worker comes back by itself."""

import json
import time
from collections.abc import Iterator

import pytest

from kamstream.live import connect
from kamstream.local import Server, ServiceError, start_kafka, start_redis
from tests.support.servers import missing
from tests.worker.support.bench import Bench, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def own_redis() -> Iterator[Server]:
    """A Redis that may be emptied and stopped."""
    try:
        server = start_redis()
    except ServiceError as error:
        missing("redis", str(error))
    yield server
    server.close()


@pytest.fixture
def own_kafka() -> Iterator[Server]:
    """A broker that may be stopped."""
    try:
        server = start_kafka()
    except ServiceError as error:
        missing("kafka", str(error))
    yield server
    server.close()


def live_counts(url: str, prefix: str) -> dict[str, int]:
    """Events per account, as the live tables have them."""
    client = connect(url)
    try:
        ids = client.smembers(f"{prefix}:index:account")
        return {id: int(client.hget(f"{prefix}:kpi:account:{{{id}}}", "events:now") or 0) for id in ids}
    finally:
        client.close()


def test_live_tables_equal_the_state_and_survive_a_flushall_and_an_outage(bench: Bench, own_redis: Server) -> None:
    url = own_redis.address
    bench.worker(redis=url)
    bench.publish(300)

    def same() -> bool:
        return live_counts(url, bench.prefix) == bench.sent

    wait_until(same, 30, lambda: f"{live_counts(url, bench.prefix)} {bench.told()}")
    connect(url).flushall()
    wait_until(same, 15, lambda: f"{live_counts(url, bench.prefix)} {bench.told()}")
    own_redis.pause()
    bench.publish(300, start=300)
    bench.settled()
    own_redis.resume()
    wait_until(same, 20, lambda: f"{live_counts(url, bench.prefix)} {bench.told()}")
    health = {k: json.loads(v) for k, v in connect(url).hgetall(f"{bench.prefix}:health").items()}
    assert len(health) == bench.partitions
    assert {row["state"] for row in health.values()} == {"live"}
    assert {row["lag"] for row in health.values()} == {0}


@pytest.mark.parametrize("how", ["stands still", "is killed and comes back"])
def test_a_broker_that_is_away_is_waited_for(own_kafka: Server, prefix: str, how: str) -> None:
    bench = Bench(own_kafka.address, prefix)
    bench.create_topics()
    try:
        worker = bench.worker(log="WARNING")
        bench.publish(300)
        bench.settled()
        bench.publish(300, start=300)
        away, back = (own_kafka.pause, own_kafka.resume) if "still" in how else (own_kafka.kill, own_kafka.start)
        away()
        since = time.monotonic()
        # Longer than the session of the consumer group.
        wait_until(lambda: time.monotonic() - since > 12, 15)
        back()
        bench.publish(300, start=600)
        bench.settled(60)
        assert worker.process.poll() is None
    finally:
        bench.close()


def test_state_kept_under_other_settings_is_derived_anew_from_the_log(bench: Bench) -> None:
    bench.publish(300)
    bench.publish_raw([(bench.names.inputs[1], b"ACC-1", b'{"time": -1}')])
    first = bench.worker()
    bench.settled()
    assert first.stop() == 0
    bench.publish(100, start=300)
    second = bench.worker(engine="renamed")
    bench.settled()
    assert b"a/ACC-1" in bench.state()
    wait_until(lambda: b"settings/" in bench.state(), 10)
    second.kill()
    bench.publish(100, start=400)
    bench.worker(engine="renamed")
    bench.settled()
    # The engine of the new settings would take what was refused: the verdict is final all the same.
    assert len(bench.records(bench.names.dead_letters)) == 1
