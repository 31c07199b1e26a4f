"""`kamstream services`: Kafka and Redis on this machine until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from kamstream.local import ServiceError, Services, local_services


def services(
    *,
    data: Annotated[Path | None, typer.Option(help="Keep the data here (default: thrown away).")] = None,
) -> None:
    """Start Kafka and Redis, print their addresses for a shell, stop them at Ctrl-C."""
    # A supervisor's SIGTERM unwinds like Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), local_services(data) as running:
        print("Ctrl-C stops them.", file=sys.stderr, flush=True)
        # The last word: whoever reads the addresses may use the servers, and stop them, at once.
        print("\n".join(running.exports()), flush=True)
        while not Event().wait(1.0):
            check(running)


def check(running: Services) -> None:
    """ServiceError when a server has ended by itself."""
    for server in (running.kafka, running.redis):
        if server is not None and server.pid is None:
            raise ServiceError(f"{server.name} ended: {server.last_words()}")
