"""A worker process with the counting engine: ``python -m tests.worker.support.run '{"bootstrap": ...}'``."""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from kamstream.errors import UserError
from kamstream.events import murmur2
from kamstream.live import SCRIPTS, Layout, Link, LiveWriter, Owner, Source, note_recovering
from kamstream.worker import crash
from kamstream.worker.config import Parts, WorkerConfig
from kamstream.worker.serve import serve
from tests.worker.support.engine import Broken, CountingEngine, JsonDecoder, Renamed, Slow


def live_tables(url: str, prefix: str) -> tuple[Callable[..., LiveWriter], Callable[[int], None]]:
    """What makes live writers, and notes what recovers, as in the real worker."""
    link = Link(url, SCRIPTS)

    def make(partition: int, epoch: int, partitions: int, tables: Callable[[Sequence[Any]], Any]) -> LiveWriter:
        def owns(scope: str, id: str) -> bool:
            return murmur2(id.encode()) % partitions == partition

        return LiveWriter(link, Layout(prefix), Owner(partition, epoch, f"w{os.getpid()}"), Source(tables, owns))

    def recovering(partition: int) -> None:
        note_recovering(link, Layout(prefix), f"w{os.getpid()}", partition, time.time())

    return make, recovering


def main() -> None:
    said = json.loads(sys.argv[1])
    url, engine = said.pop("redis", None), said.pop("engine", "counting")
    logging.basicConfig(level=said.pop("log", "WARNING"), format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = WorkerConfig(**said)
    writer, recovering = live_tables(url, config.prefix) if url else (None, None)
    parts = Parts(
        engine={"counting": CountingEngine, "broken": Broken, "renamed": Renamed, "slow": Slow}[engine],
        decoder=JsonDecoder(),
        writer=writer,
        recovering=recovering,
        units={"events": "count"},
        crash=crash.from_environment(os.environ),
    )
    try:
        asyncio.run(serve(config, parts))
    except UserError as error:
        sys.exit(f"kamstream: {error}")


if __name__ == "__main__":
    main()
