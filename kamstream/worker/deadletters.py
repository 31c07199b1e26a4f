"""Dead letters: the refused record, byte for byte, and why."""

import time
from typing import Any, NamedTuple

from kamstream.events.topics import DETAIL, ERROR, FAILED_AT, OFFSET, PARTITION, TIMESTAMP, TOPIC, TRUNCATED
from kamstream.windows import to_text

#: A record's limit in the dead-letter topic, less what headers and framing may take.
LIMIT = (2 << 20) - (64 << 10)
#: What is kept of a larger one.
KEPT = 64 << 10


class DeadLetter(NamedTuple):
    """A record for the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp: int

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


def dead_letter(record: Any, code: str, detail: str, now_ms: int | None = None) -> DeadLetter:
    """The dead letter of a consumer record; its own headers come first, so that the reasons given now win.

    The record's Kafka timestamp is a header too: the topic may give the letter one of its own.
    """
    now = int(time.time() * 1000) if now_ms is None else now_ms
    headers: list[tuple[str, bytes | None]] = list(record.headers)
    key, value = record.key, record.value
    weight = sum(len(name) + len(data or b"") for name, data in headers)
    if len(key or b"") + len(value or b"") + weight > LIMIT:
        headers = [(name, data and data[:1024]) for name, data in headers[:16]]
        key = key and key[:KEPT]
        value = value and value[:KEPT]
        headers.append((TRUNCATED, b"%d" % len(record.value or b"")))
    headers += [
        (ERROR, code.encode()),
        (DETAIL, detail.encode("utf-8", "replace")),
        (TOPIC, record.topic.encode()),
        (PARTITION, b"%d" % record.partition),
        (OFFSET, b"%d" % record.offset),
        (TIMESTAMP, b"%d" % record.timestamp),
        (FAILED_AT, to_text(now).encode()),
    ]
    return DeadLetter(key, value, headers, record.timestamp)
