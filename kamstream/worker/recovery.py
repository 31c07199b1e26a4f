"""Faust's table recovery, replaced: on assignment the fleet takes its partitions over, then Faust's streams go on.

Faust believes in one table whose changelog is ours, which keeps its assignor co-partitioning all topics. Its own
recovery takes the live path for every changelog record and would be thirty times slower, and it knows no flushes.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import NoReturn, Protocol, cast

from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service

from kamstream.worker.failstop import fail_stop

logger = logging.getLogger(__name__)


class Host(Protocol):
    """The app, as far as it concerns recovery."""

    @property
    def copartitioned(self) -> Iterable[str]: ...
    async def take_over(self, numbers: frozenset[int]) -> None: ...
    def give_up(self, reason: BaseException) -> NoReturn: ...


class FleetRecovery(Recovery):
    """Waits for assignments and hands the partitions to the fleet."""

    @property
    def host(self) -> Host:
        """The app."""
        return cast(Host, self.app)

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]  # mode's own Event
                return
            self.signal_recovery_start.clear()
            generation = self._generation_id
            try:
                self._set_recovery_started()
                await self._wait(self.host.take_over(self._partitions(self.active_tps)))
                await self._wait(self.on_recovery_completed(generation))
            except (RebalanceAgain, IllegalStateError):
                continue  # the assignment has changed under us, the next signal is there or on its way
            except ServiceStopped:
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.host.give_up(error)

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Changelogs are read by the fleet."""

    @Service.task
    async def _publish_stats(self) -> None:
        """The fleet tells what it recovered."""

    def flush_buffers(self) -> None:
        """There are none."""

    def _partitions(self, changelogs: Iterable[TP]) -> frozenset[int]:
        """The partitions of this worker; all their topics must have come along."""
        numbers = frozenset(tp.partition for tp in changelogs)
        here = {(tp.topic, tp.partition) for tp in self.app.consumer.assignment()}
        lacking = [(topic, n) for topic in self.host.copartitioned for n in numbers if (topic, n) not in here]
        if lacking:
            fail_stop(RuntimeError(f"the assignor did not keep partitions together: {lacking} are missing"))
        return numbers


class FleetTables(TableManager):
    """Faust's table manager with that recovery, and without the second's wait at its start."""

    @property
    def recovery(self) -> Recovery:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = FleetRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Register the table at once: all agents are declared before the app starts."""
        await self._update_channels()
        await self.recovery.start()
