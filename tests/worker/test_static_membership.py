"""Restarts under one name: the partitions wait for it, and nobody waits for the dead."""

import time

import pytest

from tests.worker.support.bench import Bench, Worker, wait_until
from tests.worker.support.scrape import free_port, scrape

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

#: Seconds; a restart must be over long before.
SESSION = 25.0


def named(bench: Bench, name: str, address: str | None = None) -> Worker:
    return bench.worker(instance_id=name, session_timeout=SESSION, log="INFO", metrics=address)


def live(worker: Worker, partitions: int) -> bool:
    return worker.words().count("is live") >= partitions


def test_a_worker_killed_and_started_again_under_its_name_is_live_without_waiting_for_its_session(
    bench: Bench,
) -> None:
    bench.publish(300)
    first = named(bench, "w1")
    wait_until(lambda: live(first, 4), told=first.words)
    bench.settled()
    first.kill()
    killed = time.monotonic()
    bench.publish(300, start=300)
    second = named(bench, "w1")
    wait_until(lambda: live(second, 4), SESSION - 5, second.words)
    bench.settled()
    assert time.monotonic() - killed < SESSION - 5


def test_a_rolling_restart_under_names_moves_no_partition(bench: Bench) -> None:
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    one, two = (named(bench, name, address) for name, address in zip(("w1", "w2"), addresses, strict=True))
    wait_until(lambda: all(map(owned, addresses)), 60, lambda: one.words() + two.words())
    bench.publish(300)
    bench.settled()
    before, mark = [owned(address) for address in addresses], len(two.words())
    assert len(before[0] | before[1]) == 4
    assert one.stop() == 0
    again = named(bench, "w1", addresses[0])
    wait_until(lambda: live(again, len(before[0])), SESSION - 5, again.words)
    bench.publish(300, start=300)
    bench.settled()
    assert [owned(address) for address in addresses] == before
    # The other one goes on with what it has: it reads nothing back.
    assert "rows from" not in two.words()[mark:]


def owned(address: str) -> set[str]:
    """The partitions that a worker says are its own and recovered."""
    return {name for name, value in scrape(address).items() if name.startswith("kamstream_partition_lag{")}
