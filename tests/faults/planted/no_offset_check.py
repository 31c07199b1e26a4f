"""After a restart the sources are read from where Kafka says, and nothing is checked against the watermark."""

from collections.abc import Sequence
from typing import Any

from kamstream.worker.partition import Partition
from kamstream.worker.transport import CarrierConsumer, driver


def plant() -> None:
    """Believe the committed offsets, apply whatever comes."""

    def take(self: Partition, topic: str, records: Sequence[Any]) -> None:
        self.positions[topic] = records[0].offset
        honest(self, topic, records)

    honest = Partition.take
    Partition.take = take  # type: ignore[method-assign]

    async def continues(self: CarrierConsumer, tp: Any, records: list[Any]) -> bool:
        return True

    CarrierConsumer.seek_to_committed = driver.Consumer.seek_to_committed  # type: ignore[method-assign]
    CarrierConsumer._continues = continues  # type: ignore[method-assign]
