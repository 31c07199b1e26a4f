"""Restarts under one name: the partitions wait for it, and nobody waits for the dead."""

import time

import pytest

from tests.worker.support.bench import Bench, Worker, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

#: Seconds; a restart must be over long before.
SESSION = 25.0


def named(bench: Bench, name: str) -> Worker:
    return bench.worker(instance_id=name, session_timeout=SESSION, log="INFO")


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
    one, two = named(bench, "w1"), named(bench, "w2")
    bench.publish(300)
    wait_until(lambda: "is live" in one.words() and "is live" in two.words(), 60, lambda: one.words() + two.words())
    bench.settled()
    before = owned(one), owned(two)
    assert before[0]
    assert before[1]
    mark = len(two.words())
    assert one.stop() == 0
    again = named(bench, "w1")
    wait_until(lambda: live(again, len(before[0])), SESSION - 5, again.words)
    bench.publish(300, start=300)
    bench.settled()
    assert owned(again) == before[0]
    # The other one goes on with what it has: it reads nothing back.
    assert "rows from" not in two.words()[mark:]


def owned(worker: Worker) -> set[str]:
    """The partitions whose state it has read back."""
    return {line.split("partition ")[1].split(":")[0] for line in worker.words().splitlines() if "rows from" in line}
