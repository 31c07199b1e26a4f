from collections.abc import Sequence
from typing import Any

from kamstream.worker.fetching import Apply, Other
from kamstream.worker.protocols import DecoderLike

def feed(
    decoder: DecoderLike,
    topic: str,
    records: Sequence[Any],
    partition: int,
    partitions: int,
    apply: Apply,
    other: Other,
) -> None: ...
