"""Every row of the changelog is believed, and nobody looks whether someone else writes there."""

from typing import Any

from kamstream.worker.flush import Flusher
from kamstream.worker.partition import Partition
from kamstream.worker.replay import Replay
from kamstream.worker.watermark import Mark


def plant() -> None:
    """Recover the last row of each key and the last watermark, whoever wrote them."""

    async def inspect(self: Flusher, partition: Partition, start: int, end: int) -> None:
        pass

    def watermark(self: Replay, offset: int, value: bytes) -> None:
        said = honest(value)
        self.top_epoch = max(self.top_epoch, said.epoch)
        self._settle(Mark.at(offset, said))

    from kamstream.worker.watermark import decode as honest

    def believes(self: Mark, offset: int, epoch: int) -> bool:
        return True

    def hint(self: Any, *place: Any) -> Any:
        return none()

    async def none() -> None:
        return None

    from kamstream.worker.reading import Reader

    Flusher._inspect = inspect  # type: ignore[method-assign]
    Replay._watermark = watermark  # type: ignore[method-assign]
    Mark.believes = believes  # type: ignore[method-assign]
    Reader._newest_mark = hint  # type: ignore[method-assign]
