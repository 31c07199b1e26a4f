"""The small parts: topics, dead letters, rows for the topic of values, crash points, watchdog, supervisor."""

import signal
import socket
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from kamstream.errors import UserError
from kamstream.events.topics import topic_names
from kamstream.worker import crash
from kamstream.worker.deadletters import KEPT, LIMIT, dead_letter
from kamstream.worker.failstop import CRASHED
from kamstream.worker.supervisor import Supervisor, crashed
from kamstream.worker.topics import check_counts, every
from kamstream.worker.watchdog import Watchdog

NAMES = topic_names("kam")
STAMP = 1_700_000_000_000


def test_topics_that_fit_give_their_partition_count() -> None:
    assert check_counts(NAMES, {**dict.fromkeys(every(NAMES), 8), NAMES.kpis: 3}) == 8


@pytest.mark.parametrize(
    ("name", "counts", "said"),
    [
        ("none there", {}, "missing topics: kam.interactions, .*run: kamstream topics create"),
        ("one missing", dict.fromkeys(every(NAMES)[1:], 8), "missing topics: kam.interactions; run: kamstream topics"),
        ("unequal", {**dict.fromkeys(every(NAMES), 8), NAMES.time: 4}, "partition counts differ: .*kam.time 4"),
    ],
)
def test_topics_that_do_not_fit_are_named(name: str, counts: dict[str, int], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_counts(NAMES, counts)


def record(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(
        topic="kam.deals",
        partition=3,
        offset=7,
        key=b"ACC-1",
        value=value,
        headers=headers,
        timestamp=1_700_000_000_000,
    )


def test_a_dead_letter_carries_the_record_and_why() -> None:
    letter = dead_letter(record(b"{", (("trace", b"1"), ("kam-error", b"older"))), "not-json", "é", now_ms=0)
    assert (letter.key, letter.value, letter.timestamp) == (b"ACC-1", b"{", 1_700_000_000_000)
    assert letter.headers[0] == ("trace", b"1")
    assert dict(letter.headers) == {
        "trace": b"1",
        "kam-error": b"not-json",
        "kam-detail": "é".encode(),
        "kam-topic": b"kam.deals",
        "kam-partition": b"3",
        "kam-offset": b"7",
        "kam-timestamp": b"1700000000000",
        "kam-failed-at": b"1970-01-01T00:00:00Z",
    }


@pytest.mark.parametrize(("size", "kept"), [(LIMIT - 100, LIMIT - 100), (LIMIT + 1, KEPT), (0, 0)])
def test_a_dead_letter_too_large_for_its_topic_is_cut_and_says_so(size: int, kept: int) -> None:
    letter = dead_letter(record(b"x" * size), "too-large", "")
    assert len(letter.value or b"") == kept
    assert dict(letter.headers).get("kam-truncated") == (None if kept == size else b"%d" % size)


def test_a_dead_letter_with_too_large_headers_is_cut_too() -> None:
    letter = dead_letter(record(b"x", (("h", b"y" * (LIMIT + 1)),)), "not-json", "")
    assert sum(len(data or b"") for _, data in letter.headers) < KEPT


def test_an_unknown_crash_point_is_refused_and_none_is_the_rule() -> None:
    assert crash.from_environment({}) is crash.none
    with pytest.raises(ValueError, match="known: after-apply"):
        crash.from_environment({"KAMSTREAM_CRASH": "nowhere"})


class BarkedError(Exception):
    pass


def bark(why: str) -> NoReturn:
    raise BarkedError(why)


@pytest.mark.parametrize(
    ("name", "beat", "progress", "address", "why"),
    [
        ("all is well", 100.0, 100.0, "", None),
        ("the loop is stuck", 0.0, 100.0, "", "event loop"),
        ("nothing becomes durable", 100.0, 0.0, "here", "nothing became durable"),
        ("the broker is away: waiting is right", 100.0, 0.0, "127.0.0.1:1", None),
    ],
)
def test_the_watchdog_barks_when_the_worker_stands_still(
    name: str, beat: float, progress: float, address: str, why: str | None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"127.0.0.1:{server.getsockname()[1]}"
        clock = iter([0.0, 100.0])
        pulse = SimpleNamespace(beat=beat, progress=progress)
        dog = Watchdog(pulse, here if address == "here" else address or here, 30.0, bark, lambda: next(clock))
        if why is None:
            dog.look()
        else:
            with pytest.raises(BarkedError, match=why):
                dog.look()


@pytest.mark.parametrize(("code", "again"), [(0, False), (1, False), (2, False), (CRASHED, True), (-9, True)])
def test_only_a_crash_is_restarted(code: int, again: bool) -> None:
    assert crashed(code) is again


def test_a_crashed_worker_is_started_again_until_it_ends_by_itself(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    script = (
        f"import sys; p = {str(runs)!r}; n = len(open(p).read()) if __import__('os').path.exists(p) else 0\n"
        f"open(p, 'a').write('x'); sys.exit({CRASHED} if n < 2 else 1)"
    )
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert Supervisor([sys.executable, "-c", script], first=0.01).run() == 1
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert runs.read_text() == "xxx"


def test_a_supervisor_that_is_asked_to_stop_hands_it_on_and_ends() -> None:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    script = "import signal; print('up', flush=True); signal.sigwait([signal.SIGTERM]); raise SystemExit(0)"
    block = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]);" + script
    main = threading.main_thread().ident
    assert main is not None
    asking = threading.Timer(0.7, signal.pthread_kill, [main, signal.SIGTERM])
    asking.start()
    try:
        assert Supervisor([sys.executable, "-c", block], first=0.01).run() == 0
    finally:
        asking.cancel()
        for number, handler in kept.items():
            signal.signal(number, handler)
