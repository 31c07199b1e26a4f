"""Dead letters are sent once the watermark behind them is written: a crash in between loses them."""

from kamstream.worker.flush import Flusher, Projection
from kamstream.worker.partition import Partition, Unflushed


def plant() -> None:
    """Keep the letters of a flush back until it is through."""
    honest_letters, honest_flush = Flusher._letters, Flusher.flush
    kept: dict[Partition, list[Unflushed]] = {}

    async def letters(self: Flusher, taken: Unflushed) -> None:
        current.append(taken)

    current: list[Unflushed] = []

    async def flush(self: Flusher, partition: Partition, projection: Projection, *, force: bool = False) -> None:
        for taken in kept.pop(partition, []):
            await honest_letters(self, taken)
        await honest_flush(self, partition, projection, force=force)
        kept[partition], current[:] = list(current), []

    Flusher._letters = letters  # type: ignore[method-assign]
    Flusher.flush = flush  # type: ignore[method-assign]
