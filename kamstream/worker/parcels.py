"""Records packed into batches, which are sent as they are and never compressed.

``_parcels`` does the same compiled, to the byte: its batch has what aiokafka's producer asks of its own, and the
records are written into one buffer.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiokafka.producer.message_accumulator import BatchBuilder

from kamstream.native import COMPILED
from kamstream.worker.protocols import Row
from kamstream.worker.watermark import HEADER, epoch_bytes

#: Bytes of a batch at most, except where one record is larger; a broker takes 1 MiB by default.
LIMIT = 512 << 10


def empty_plain(limit: int = LIMIT) -> BatchBuilder:
    """A batch without records."""
    return BatchBuilder(limit, 0)


def pack_plain(
    rows: Iterable[tuple[int, bytes, bytes | None]], now: int, limit: int = LIMIT
) -> list[tuple[int, BatchBuilder]]:
    """(partition, key, value) rows as batches with their partitions, those of one partition in the order of its rows.

    ``now`` is the timestamp (ms) of all records.
    """
    full: list[tuple[int, BatchBuilder]] = []
    last: dict[int, BatchBuilder] = {}
    for partition, key, value in rows:
        batch = last.get(partition)
        if batch is not None and batch.append(timestamp=now, key=key, value=value) is not None:
            continue
        if batch is not None:
            full.append((partition, batch))
        batch = last[partition] = empty_plain(limit)
        # The first record of a batch always fits, whatever its size.
        batch.append(timestamp=now, key=key, value=value)
    return [*full, *last.items()]


def pack_state_plain(rows: Iterable[Row], epoch: int, now: int, limit: int = LIMIT) -> list[BatchBuilder]:
    """Rows of state as batches: the epoch stands before each row's bytes, and in the header of a deletion."""
    prefix = epoch_bytes(epoch)
    deletion = [(HEADER, prefix)]
    batches: list[BatchBuilder] = []
    for key, value in rows:
        data = None if value is None else prefix + value
        headers = deletion if value is None else []
        if not batches or batches[-1].append(timestamp=now, key=key, value=data, headers=headers) is None:
            batches.append(empty_plain(limit))
            batches[-1].append(timestamp=now, key=key, value=data, headers=headers)
    return batches


if TYPE_CHECKING or not COMPILED:
    empty, pack, pack_state = empty_plain, pack_plain, pack_state_plain
else:
    from kamstream.worker._parcels import Batch as empty  # noqa: N813 (a batch is made by calling its class)
    from kamstream.worker._parcels import pack, pack_state

__all__ = ["LIMIT", "empty", "empty_plain", "pack", "pack_plain", "pack_state", "pack_state_plain"]
