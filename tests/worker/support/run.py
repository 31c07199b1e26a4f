"""A worker process with the counting engine: ``python -m tests.worker.support.run '{"bootstrap": ...}'``."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kamstream.errors import UserError
from kamstream.events import murmur2
from kamstream.live import SCRIPTS, Layout, Link, LiveWriter, Owner, Source
from kamstream.worker import crash
from kamstream.worker.config import Parts, WorkerConfig
from kamstream.worker.serve import serve
from tests.worker.support.engine import Broken, CountingEngine, JsonDecoder, Renamed


def writers(url: str, prefix: str) -> Callable[..., LiveWriter]:
    """Makes live writers as the real worker does."""
    link = Link(url, SCRIPTS)

    def make(partition: int, epoch: int, partitions: int, tables: Callable[[Sequence[Any]], Any]) -> LiveWriter:
        def owns(scope: str, id: str) -> bool:
            return murmur2(id.encode()) % partitions == partition

        return LiveWriter(link, Layout(prefix), Owner(partition, epoch, f"w{os.getpid()}"), Source(tables, owns))

    return make


def main() -> None:
    said = json.loads(sys.argv[1])
    url, engine = said.pop("redis", None), said.pop("engine", "counting")
    logging.basicConfig(level=said.pop("log", "WARNING"), format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = WorkerConfig(**said)
    parts = Parts(
        engine={"counting": CountingEngine, "broken": Broken, "renamed": Renamed}[engine],
        decoder=JsonDecoder(),
        writer=writers(url, config.prefix) if url else None,
        units={"events": "count"},
        crash=crash.from_environment(os.environ),
    )
    try:
        asyncio.run(serve(config, parts))
    except UserError as error:
        sys.exit(f"kamstream: {error}")


if __name__ == "__main__":
    main()
