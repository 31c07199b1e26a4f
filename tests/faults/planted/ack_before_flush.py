"""The watermark is written before the rows: what it promises is not there yet."""

from collections.abc import Iterable

from kamstream.worker.changelog import Changelog, Written
from kamstream.worker.protocols import Row
from kamstream.worker.watermark import Watermark


def plant() -> None:
    """Acknowledge first, make durable afterwards, some time later."""
    honest = Changelog.append

    async def append(self: Changelog, rows: Iterable[Row], mark: Watermark) -> Written:
        await honest(self, [], mark)
        self._crash("mid-flush")
        return await honest(self, rows, mark)

    Changelog.append = append  # type: ignore[method-assign]
