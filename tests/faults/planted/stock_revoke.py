"""What was revoked stays in memory, and is taken up again as it was, as with stock Faust's memory store."""

from kamstream.worker.fleet import Fleet
from kamstream.worker.partition import Partition
from kamstream.worker.transport import CarrierConsumer, driver


def plant() -> None:
    """Flush nothing on revoke, drop nothing, read nothing back."""

    async def drop(self: Fleet, number: int) -> None:
        pass

    async def untouched(self: Fleet, partition: Partition) -> bool:
        return True

    CarrierConsumer.on_partitions_revoked = driver.Consumer.on_partitions_revoked  # type: ignore[method-assign]
    Fleet._drop = drop  # type: ignore[method-assign]
    Fleet._untouched = untouched  # type: ignore[method-assign]
