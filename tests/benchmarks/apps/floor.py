"""The floor: the events fetched by aiokafka and decoded by kamstream's decoder, nothing done with them."""

import asyncio
import os
import time

from aiokafka import AIOKafkaConsumer

from kamstream.events import Decoder, Event, Rules

ENV = os.environ
DECODE = ENV.get("BENCH_DECODE", "1") == "1"


async def main() -> None:
    """Fetch, decode, and commit five times a second: it is soon through."""
    decode = Decoder(Rules(prefix=ENV["BENCH_PREFIX"])).decode
    consumer = AIOKafkaConsumer(
        *ENV["BENCH_TOPICS"].split(","),
        bootstrap_servers=ENV["BENCH_BOOTSTRAP"],
        group_id=ENV["BENCH_GROUP"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=4_000,
    )
    await consumer.start()
    committed, pending = time.monotonic(), False
    while True:
        for tp, records in (await consumer.getmany(timeout_ms=100)).items():
            pending = True
            for record in records if DECODE else ():
                event = decode(
                    topic=tp.topic,
                    key=record.key,
                    value=record.value,
                    headers=record.headers,
                    timestamp=record.timestamp,
                    partition=tp.partition,
                    partitions=8,
                )
                assert isinstance(event, Event), event
        if pending and time.monotonic() - committed >= 0.2:
            await consumer.commit()
            committed, pending = time.monotonic(), False


if __name__ == "__main__":
    asyncio.run(main())
