"""Publishing a file of events, one JSON object a line."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from kamstream.events import MAX_BYTES, Refusal
from kamstream.publish.publisher import Publisher


@dataclass(frozen=True)
class Published:
    """How many events were acknowledged by Kafka, how many refused."""

    accepted: int
    refused: int


def lines_of(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Line numbers from 1 and the lines without their ends, blank ones left out.

    A line longer than an event may be is cut just above that length, so that it is refused for its size and
    no line needs more memory than that.

    >>> import io
    >>> list(lines_of(io.BytesIO(b"one\\r\\n\\n  \\nfour")))
    [(1, b'one'), (4, b'four')]
    """
    limit = MAX_BYTES + 3
    number = 0
    while line := stream.readline(limit):
        number += 1
        rest = line
        while not rest.endswith(b"\n") and (rest := stream.readline(limit)):
            pass
        text = line.rstrip(b"\r\n")
        if text.strip():
            yield number, text


def publish_file(
    stream: BinaryIO,
    publisher: Publisher,
    *,
    on_refusal: Callable[[int, Refusal], None],
    on_line: Callable[[int], None] = lambda size: None,
    rate: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Published:
    """Publish every line, at most ``rate`` a second; refused ones go, numbered, to ``on_refusal``.

    ``on_line`` is told the size of each line, for a progress bar. Returns after everything is acknowledged.
    BrokerError when something cannot be delivered.
    """
    refused = 0
    begun = clock()
    count = 0
    for number, line in lines_of(stream):
        if rate is not None and (early := begun + count / rate - clock()) > 0:
            pause(early)
        count += 1
        refusal = publisher.publish(line)
        if refusal is not None:
            refused += 1
            on_refusal(number, refusal)
        on_line(len(line) + 1)
    publisher.flush()
    return Published(count - refused, refused)
