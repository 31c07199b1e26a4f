"""Every event counts once, whatever dies when. The engine here recognises no duplicates: a doubled event shows."""

import json
import random
import signal
import time
from collections import Counter

import pytest

from kamstream.worker.crash import POINTS
from kamstream.worker.failstop import CRASHED
from tests.worker.support.bench import Bench, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.mark.parametrize("point", POINTS)
def test_counts_are_exact_after_a_kill_at_every_point(bench: Bench, point: str) -> None:
    bench.publish(600)
    # At the second time: the first flush of a partition may hold nothing but offsets.
    dying = bench.worker(crash=f"{point}:2")
    assert dying.ended() == -signal.SIGKILL
    bench.publish(300, start=600)
    bench.worker()
    bench.settled()
    # A flush may be under way when this is asked.
    wait_until(lambda: not bench.damaged(), 10, lambda: f"rows of a dead owner were not mended: {bench.damaged()}")


def test_counts_are_exact_after_kills_at_random_moments(bench: Bench) -> None:
    seed = random.randrange(1 << 30)
    dice, sent = random.Random(seed), 0
    for _ in range(4):
        worker = bench.worker(flush_interval=0.05)
        end = time.monotonic() + 2.0 + dice.random() * 1.5
        while time.monotonic() < end:
            bench.publish(400, start=sent)
            sent += 400
        worker.kill()
    bench.worker()
    try:
        bench.settled()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from None


def test_a_graceful_stop_leaves_no_lag_and_the_next_worker_counts_on(bench: Bench) -> None:
    bench.publish(500)
    first = bench.worker()
    bench.settled()
    assert first.stop() == 0
    assert bench.committed() == {tp: end or None for tp, end in bench.ends().items()}
    bench.publish(500, start=500)
    second = bench.worker()
    bench.settled()
    assert second.stop() == 0
    assert bench.committed() == {tp: end or None for tp, end in bench.ends().items()}


def test_a_second_worker_shares_the_partitions_and_nothing_is_counted_twice(bench: Bench) -> None:
    bench.worker(log="INFO")
    bench.publish(400)
    bench.settled()
    second = bench.worker(log="INFO")
    for i in range(8):
        bench.publish(200, start=400 + i * 200)
    wait_until(lambda: "is live" in second.words(), told=second.words)
    bench.publish(200, start=2_000)
    bench.settled()
    second.kill()
    bench.publish(400, start=2_200)
    bench.settled()


def test_a_worker_that_wakes_after_its_partitions_were_taken_changes_nothing(bench: Bench) -> None:
    zombie = bench.worker(session_timeout=3.0, log="INFO")
    bench.publish(400)
    bench.settled()
    bench.publish(400, start=400)
    zombie.signal(signal.SIGSTOP)
    heir = bench.worker(session_timeout=3.0, log="INFO")
    bench.publish(400, start=800)
    bench.settled(60)
    zombie.signal(signal.SIGCONT)
    bench.publish(400, start=1_200)
    bench.settled(60)
    assert heir.process.poll() is None, heir.words()


def test_alerts_are_told_at_least_once_and_under_one_name_each(bench: Bench) -> None:
    bench.publish(600, accounts=20)
    dying = bench.worker(crash="after-flush:6")
    dying.ended()
    bench.publish(600, start=600, accounts=20)
    bench.worker()
    bench.settled()
    wanted = {f"alert-ACC-{i}" for i in range(20)}

    def told() -> set[str]:
        return {json.loads(record.value)["alert_id"] for record in bench.records(bench.names.alerts)}

    wait_until(lambda: told() == wanted, 20, lambda: f"{told()}")


def test_every_id_is_told_to_the_topic_of_values_with_its_last_count(bench: Bench) -> None:
    bench.publish(300)
    bench.worker(crash="after-rollups:9").ended()
    bench.publish(300, start=300)
    bench.worker()
    bench.settled()

    def last() -> dict[str, int]:
        rows = [json.loads(record.value) for record in bench.records(bench.names.kpis)]
        return {row["id"]: row["value"] for row in rows if row["scope"] == "account"}

    wait_until(lambda: last() == bench.sent, 20, lambda: f"{last()} is not {bench.sent}")
    row = json.loads(bench.records(bench.names.kpis)[0].value)
    assert set(row) == {"scope", "id", "kpi", "window", "value", "n", "unit", "as_of"}
    assert (row["kpi"], row["window"], row["unit"]) == ("events", "now", "count")


def test_poison_becomes_dead_letters_once_each_and_stops_nothing(bench: Bench) -> None:
    topic = bench.names.inputs[2]
    poison = [b"{", None, b"[]", b'{"time": -1}', b"\xff\xfe", b"x" * 70_000]
    bench.publish(200)
    bench.publish_raw([(topic, b"ACC-%d" % i, value) for i, value in enumerate(poison)], headers=[("trace", b"1")])
    bench.publish(200, start=200)
    first = bench.worker()
    bench.settled()
    first.stop()
    bench.worker()
    bench.publish(200, start=400)
    bench.settled()
    letters = bench.records(bench.names.dead_letters)
    assert Counter(letter.value for letter in letters) == Counter(poison)
    for letter in letters:
        headers = dict(letter.headers)
        assert headers["trace"] == b"1"
        assert headers["kam-topic"] == topic.encode()
        assert headers["kam-error"] == (b"too-late" if letter.value == b'{"time": -1}' else b"not-json")
        assert {"kam-partition", "kam-offset", "kam-failed-at", "kam-detail", "kam-timestamp"} <= set(headers)


def test_a_bug_in_the_engine_ends_the_worker_with_its_traceback_and_loses_nothing(bench: Bench) -> None:
    bench.publish(50)
    broken = bench.worker(engine="broken")
    assert broken.ended() == CRASHED
    assert "a bug in the engine" in broken.words()
    bench.worker()
    bench.settled()


def test_missing_topics_are_said_in_one_line(kafka: str, prefix: str) -> None:
    bench = Bench(kafka, prefix)
    try:
        worker = bench.worker()
        assert worker.ended() == 1
        assert "run: kamstream topics create" in worker.words()
        assert "Traceback" not in worker.words()
    finally:
        bench.close()
