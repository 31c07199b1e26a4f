"""Kafka and Redis for as long as a ``with`` block lasts."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kamstream.local.kafka import start_kafka
from kamstream.local.redis import start_redis
from kamstream.local.server import Server


@dataclass(frozen=True)
class Services:
    """The addresses in use and, where a server was started for them, the server (else None)."""

    bootstrap: str | None
    redis_url: str | None
    kafka: Server | None
    redis: Server | None

    def exports(self) -> list[str]:
        """The addresses as lines for a shell."""
        known = {"KAMSTREAM_KAFKA": self.bootstrap, "KAMSTREAM_REDIS": self.redis_url}
        return [f"export {name}={value}" for name, value in known.items() if value is not None]


@contextmanager
def local_services(data_dir: Path | None = None, *, kafka: bool = True, redis: bool = True) -> Iterator[Services]:
    """Start what is asked for; stop it at the end of the block, or when this process ends in any other way.

    ``KAMSTREAM_KAFKA`` and ``KAMSTREAM_REDIS`` win: what they name is used and nothing is started in its
    place. The data lies in ``data_dir`` and stays there; without it in a temporary folder that is removed.
    """
    bootstrap = os.environ.get("KAMSTREAM_KAFKA") if kafka else None
    redis_url = os.environ.get("KAMSTREAM_REDIS") if redis else None
    broker = store = None
    with ExitStack() as stack:
        if redis and not redis_url:
            store = start_redis(data_dir)
            stack.callback(store.close)
            redis_url = store.address
        if kafka and not bootstrap:
            broker = start_kafka(data_dir)
            stack.callback(broker.close)
            bootstrap = broker.address
        yield Services(bootstrap, redis_url, broker, store)
