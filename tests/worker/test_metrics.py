"""What a worker counts and how it answers a probe: the parts by hand, and all of it scraped from real workers."""

import socket
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kamstream.errors import UserError
from kamstream.live import LiveReader, connect
from kamstream.worker.metrics import Outage
from kamstream.worker.probes import Health, serving
from tests.worker.support.bench import Bench, Worker, wait_until
from tests.worker.support.scrape import free_port, get, scrape

BROKER = "127.0.0.1:1"


def total(samples: dict[str, float], name: str) -> float:
    return sum(value for key, value in samples.items() if key.startswith(name))


def test_an_outage_that_several_partitions_see_counts_once() -> None:
    clock = [0.0]
    outage = Outage(lambda: clock[0])
    for at, call, who, seconds in [
        (1.0, "begin", 1, 0.0), (2.0, "begin", 2, 1.0), (2.5, "begin", 1, 1.5), (4.0, "end", 1, 3.0),
        (5.0, "end", 2, 4.0), (9.0, "end", 2, 4.0), (10.0, "begin", 1, 4.0), (11.0, "end", 1, 5.0),
    ]:  # fmt: skip
        clock[0] = at
        getattr(outage, call)(who)
        assert outage.seconds() == seconds, at


@pytest.mark.parametrize(
    ("name", "beat", "progress", "broker", "problem"),
    [
        ("nothing is owned", 99.0, (), "", None),
        ("all get on", 99.0, (80.0, 95.0), "", None),
        ("one does not", 99.0, (99.0, 60.0), "here", "no progress for 30 s: partition 1"),
        ("two do not", 99.0, (1.0, 60.0), "here", "no progress for 30 s: partition 0, 1"),
        ("the broker is away: waiting is right", 99.0, (99.0, 60.0), BROKER, None),
        ("the loop is stuck", 60.0, (99.0,), "here", "the event loop has not come round for 30 s"),
    ],
)
def test_a_worker_is_healthy_while_every_partition_gets_on(
    name: str, beat: float, progress: tuple[float, ...], broker: str, problem: str | None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"127.0.0.1:{server.getsockname()[1]}" if broker == "here" else broker
        clock = iter([0.0, 100.0])
        partitions: Any = [SimpleNamespace(number=n, progress=at) for n, at in enumerate(progress)]
        health = Health(lambda: beat, lambda: partitions, here, 30.0, lambda: next(clock))
        assert health.problem() == problem


def test_a_broker_that_is_back_leaves_the_partitions_their_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        clock = iter([0.0, 100.0, 120.0, 131.0])
        partitions: Any = [SimpleNamespace(number=3, progress=0.0)]
        health = Health(lambda: 131.0, lambda: partitions, BROKER, 30.0, lambda: next(clock))
        assert health.problem() is None
        health._bootstrap = f"127.0.0.1:{server.getsockname()[1]}"
        assert health.problem() is None
        assert health.problem() == "no progress for 30 s: partition 3"


def test_an_address_that_is_taken_is_said_in_one_line() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(UserError, match="metrics: cannot listen at"),
        serving(f"127.0.0.1:{server.getsockname()[1]}", CollectorRegistry(), None),  # type: ignore[arg-type]
    ):
        pass


def test_the_probe_answers_what_it_is_asked_and_is_gone_afterwards() -> None:
    said: list[str | None] = [None, "stuck"]
    address = f"127.0.0.1:{free_port()}"
    before = threading.active_count()
    with serving(address, CollectorRegistry(), SimpleNamespace(problem=lambda: said.pop(0))):  # type: ignore[arg-type]
        assert get(address, "/healthz") == (200, "ok\n")
        assert get(address, "/healthz") == (503, "stuck\n")
        assert get(address, "/")[0] == 404
    assert threading.active_count() == before
    with pytest.raises(OSError, match="refused"):
        get(address, "/healthz")


def watched(bench: Bench, **said: Any) -> tuple[Worker, str]:
    address = f"127.0.0.1:{free_port()}"
    return bench.worker(metrics=address, **said), address


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_a_real_worker_is_scraped(bench: Bench, redis_url: str) -> None:
    bench.publish(400, accounts=20)
    letters = [(bench.names.inputs[2], b"ACC-1", value) for value in (b"{", b"[", b'{"time": -1}')]
    bench.publish_raw(letters)
    worker, address = watched(bench, redis=redis_url)
    bench.settled()
    wanted = {f"kamstream_partition_state{{partition={n},state=live}}" for n in range(4)}
    # What Redis got follows the state.
    wait_until(
        lambda: (
            all(scrape(address).get(name) == 1 for name in wanted)
            and scrape(address)["kamstream_redis_ids_total"] >= 21
        ),
        told=lambda: f"{scrape(address)}",
    )
    seen = scrape(address)
    assert seen["kamstream_events_total{verdict=applied}"] == 400
    assert seen["kamstream_events_total{verdict=duplicate}"] == 0
    assert seen["kamstream_dead_letters_total{code=not-json}"] == 2
    assert seen["kamstream_dead_letters_total{code=too-late}"] == 1
    assert seen["kamstream_alerts_total{status=firing}"] == 20
    assert seen["kamstream_flush_seconds_count"] >= 4
    assert seen["kamstream_changelog_rows_total"] >= 20
    assert seen["kamstream_changelog_bytes_total"] > seen["kamstream_changelog_rows_total"] * 10
    assert seen["kamstream_redis_values_total"] >= seen["kamstream_redis_ids_total"] >= 21
    assert seen["kamstream_redis_away_seconds_total"] == 0
    assert 4 <= seen["kamstream_batches_total"] <= 200
    assert total(seen, "kamstream_partition_lag{") == 0
    assert {seen[f"kamstream_partition_time_seconds{{partition={n}}}"] for n in range(4)} == {1_700_000_000.399}
    assert total(seen, "kamstream_partition_state{") == 4
    assert seen["process_resident_memory_bytes"] > 1e6
    assert get(address, "/healthz") == (200, "ok\n")
    assert worker.stop() == 0
    with pytest.raises(OSError, match="refused"):
        get(address, "/healthz")


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_after_a_takeover_every_table_is_written_once(bench: Bench, redis_url: str) -> None:
    # More than one flush hands over in each partition.
    accounts = 4_000
    bench.publish(accounts, accounts=accounts)
    first = bench.worker()
    bench.settled()
    first.stop()
    _, address = watched(bench, redis=redis_url, flush_interval=0.01)
    reader = LiveReader(connect(redis_url), bench.prefix)
    wait_until(lambda: [row.state for row in reader.health()] == ["live"] * 4, 60, lambda: f"{scrape(address)}")
    assert len(reader.ids("account")) == accounts
    # The company's sum arrives from one partition after the other.
    assert accounts < scrape(address)["kamstream_redis_ids_total"] < accounts * 1.05


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_a_partition_that_recovers_says_so_in_redis_and_in_the_metrics(bench: Bench, redis_url: str) -> None:
    bench.publish(200)
    first = bench.worker(redis=redis_url)
    bench.settled()
    first.stop()
    _, address = watched(bench, redis=redis_url, engine="slow")
    reader = LiveReader(connect(redis_url), bench.prefix)

    def states() -> list[str]:
        return [row.state for row in reader.health()]

    wait_until(lambda: "recovering" in states(), 20, lambda: f"{reader.health()}")
    assert total(scrape(address), "kamstream_partition_state{") == 4
    assert any(scrape(address)[f"kamstream_partition_state{{partition={n},state=recovering}}"] for n in range(4))
    wait_until(lambda: states() == ["live"] * 4, 40, lambda: f"{reader.health()}")
    assert {row.partition for row in reader.health()} == set(range(4))
