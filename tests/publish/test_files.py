"""A file of events: line numbers, pace and memory."""

import io
from dataclasses import dataclass, field

import pytest

from kamstream.events import MAX_BYTES, Refusal
from kamstream.publish import Published, Publisher, publish_file
from kamstream.publish.files import lines_of
from kamstream.settings import Settings
from tests.publish.conftest import Records, event


@dataclass
class Clock:
    """A clock that moves only while someone waits for it."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_a_line_that_never_ends_is_cut_above_the_limit_and_the_next_one_is_whole() -> None:
    endless = b"x" * (10 * MAX_BYTES)
    [first, second] = lines_of(io.BytesIO(endless + b"\n" + b"next\n"))
    assert first[0] == 1
    assert MAX_BYTES < len(first[1]) <= MAX_BYTES + 3
    assert second == (2, b"next")


def test_a_line_of_exactly_the_limit_is_whole() -> None:
    exact = b"x" * MAX_BYTES
    assert list(lines_of(io.BytesIO(exact + b"\r\n" + exact))) == [(1, exact), (2, exact)]


@pytest.mark.integration
def test_good_lines_are_published_blank_ones_skipped_and_bad_ones_told_with_their_numbers(
    installed: Settings, records: Records
) -> None:
    content = b"\n".join([event(1), b"", b"not json", b"   ", event(2, type="x.y"), event(3)]) + b"\n"
    refused: list[tuple[int, str]] = []

    def note(number: int, refusal: Refusal) -> None:
        refused.append((number, refusal.code))

    with Publisher(installed) as publisher:
        done = publish_file(io.BytesIO(content), publisher, on_refusal=note)
    assert done == Published(accepted=2, refused=2)
    assert refused == [(3, "not-json"), (5, "unknown-type")]
    assert [record.value for record in records(f"{installed.prefix}.tickets")] == [event(1), event(3)]


@pytest.mark.integration
def test_a_rate_spreads_the_events_evenly(installed: Settings) -> None:
    clock = Clock()
    content = b"\n".join(event(number) for number in range(5))
    with Publisher(installed) as publisher:
        publish_file(
            io.BytesIO(content),
            publisher,
            on_refusal=lambda number, refusal: None,
            rate=2.0,
            clock=lambda: clock.now,
            pause=clock.pause,
        )
    assert clock.waits == [0.5, 0.5, 0.5, 0.5]
