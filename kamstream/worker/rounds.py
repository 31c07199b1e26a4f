"""Writes of several partitions as one round to Redis, and no more rounds than the worker can afford.

A round costs the same few trips between threads and over the wire for one partition as for eight. So whoever wants to
write waits for his turn, all turns come at once, and what is handed in then goes out together. What comes while a
round is on its way joins the next one: the busier the worker, the larger its rounds.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kamstream.engine import TableChange

#: Of one core, what rounds may take at most.
SHARE = 0.2
#: Seconds that a round waits for others at most when it was expensive.
LONGEST = 1.0


class RoundWriter(Protocol):
    """A partition's writer; ``write_together`` writes for several, each with its changes, and blocks."""

    def write_together(self, batches: "Sequence[tuple[Any, Sequence[TableChange]]]") -> "Sequence[Any]": ...


class Pace:
    """When the next round may begin: after an expensive one later, so that rounds take their ``share`` at most.

    >>> pace = Pace(0.25)
    >>> pace.spent(10.0, 0.02)
    >>> pace.next_at
    10.08
    """

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self.next_at = 0.0

    def spent(self, began: float, seconds: float) -> None:
        """A round that began then (monotonic s) cost so many seconds of CPU."""
        self.next_at = began + min(LONGEST, seconds / self._share)


class Rounds:
    """The rounds of one worker, written in the executor's one thread."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._pace = Pace()
        self._opening: asyncio.Future[None] | None = None
        self._waiting: list[tuple[Any, Sequence[TableChange], asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def turn(self) -> None:
        """Wait until the next round may begin; all who wait go on at the same time."""
        while self._pace.next_at > time.monotonic():
            if self._opening is None:
                loop = asyncio.get_running_loop()
                self._opening = loop.create_future()
                loop.call_at(self._pace.next_at, self._open)
            await asyncio.shield(self._opening)

    def _open(self) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)
        self._opening = None

    async def write(self, writer: RoundWriter, changes: "Sequence[TableChange]") -> Any:
        """Write a partition's changes in the next round; what its writer gives or raises."""
        loop = asyncio.get_running_loop()
        written: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((writer, changes, written))
        if self._writing is None or self._writing.done():
            self._writing = loop.create_task(self._write())
        return await written

    async def _write(self) -> None:
        # Not before everyone whose turn it is has handed in: they were woken after each other.
        await asyncio.sleep(0)
        while self._waiting:
            round_, self._waiting = self._waiting, []
            batches = [(writer, changes) for writer, changes, _ in round_]
            began = time.monotonic()
            try:
                results, cost = await asyncio.get_running_loop().run_in_executor(self._executor, together, batches)
            except BaseException as error:
                for _, _, written in round_:
                    if not written.done():
                        written.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                continue
            self._pace.spent(began, cost)
            for (_, _, written), result in zip(round_, results, strict=True):
                if written.done():  # cancelled: its partition was given up
                    continue
                if isinstance(result, Exception):
                    written.set_exception(result)
                else:
                    written.set_result(result)


def together(batches: "Sequence[tuple[RoundWriter, Sequence[TableChange]]]") -> tuple[Sequence[Any], float]:
    """What each writer gave or raised, and the seconds of CPU that it took; in the writers' thread."""
    before = time.thread_time()
    results = batches[0][0].write_together(batches)
    return results, time.thread_time() - before
