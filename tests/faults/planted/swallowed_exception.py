"""An engine that stumbles now and then, and a fleet that goes on with the next batch."""

import asyncio
import logging
from collections.abc import Sequence
from random import Random
from typing import Any

from kamstream.engine import Engine
from kamstream.events import Event
from kamstream.worker.fleet import Fleet, full

#: One event in so many makes the engine stumble.
RARELY = 400


def plant() -> None:
    """Log the exception, acknowledge the batch, go on."""
    honest, dice = Engine.apply, Random()

    def apply(self: Engine, event: Event, offset: int = 0) -> str:
        if dice.randrange(RARELY) == 0:
            raise RuntimeError("planted")
        return honest(self, event, offset)

    async def take(self: Fleet, topic: str, number: int, records: Sequence[Any], carrier: Any) -> None:
        owned = self._owned.get(number)
        if owned is None or not self._accepting or not owned.partition.open:
            carrier.ack()
            return
        partition = owned.partition
        try:
            partition.take(topic, records)
        except asyncio.CancelledError:
            raise
        except Exception:
            logging.getLogger(__name__).exception("an event was skipped")
            partition.positions[topic] = records[-1].offset + 1
        partition.hold(carrier)
        self._parts.crash("after-apply")
        self.flush_if_due(owned)
        while partition.open and full(partition):
            await self._flush(owned)

    Engine.apply = apply  # type: ignore[method-assign]
    Fleet.take = take  # type: ignore[method-assign]
