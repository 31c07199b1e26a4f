"""The whole system on this machine: Kafka, Redis, topics, a worker, the notifier, the dashboard."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kamstream.local.server import Server, folder_for, free_port, started
from kamstream.local.services import Services, local_services

#: Seconds that a part of the system may take to answer.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class System:
    """What runs, and where: the services' addresses, the dashboard's, and the folder with the logs."""

    services: Services
    dashboard: str | None
    parts: tuple[Server, ...]

    def ended(self) -> Server | None:
        """A part that ended by itself; None while all run."""
        servers = (self.services.kafka, self.services.redis, *self.parts)
        return next((server for server in servers if server is not None and server.pid is None), None)


@contextmanager
def running_services(data_dir: Path | None, environment: dict[str, str]) -> Iterator[Services]:
    """Kafka and Redis, with their addresses and ``environment`` set for this process and its children."""
    with local_services(data_dir) as services:
        known = {"KAMSTREAM_KAFKA": services.bootstrap or "", "KAMSTREAM_REDIS": services.redis_url or ""}
        before = {name: os.environ.get(name) for name in (*known, *environment)}
        os.environ.update(known | environment)
        try:
            yield services
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextmanager
def running_parts(
    services: Services, data_dir: Path | None, *, dashboard: bool, on_start: Callable[[str], None]
) -> Iterator[System]:
    """The worker, the notifier and, if asked for, the dashboard; the topics must be there.

    They end in the reverse order, each with time to finish what it does; a ``ServiceError`` says which did not start.
    """
    with ExitStack() as stack:
        parts: list[Server] = []

        def begin(name: str, arguments: list[str], address: str, ready: Callable[[], bool]) -> None:
            on_start(name)
            folder, temporary = folder_for(name, data_dir)
            command = [sys.executable, "-m", "kamstream", name, *arguments]
            server = started(lambda: Server(name, address, command, folder, ready=ready, temporary=temporary), PATIENCE)
            stack.callback(server.close)
            parts.append(server)

        begin("worker", [], "", lambda: True)
        begin("notifier", [], "", lambda: True)
        url = None
        if dashboard:
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            begin("dashboard", ["--port", str(port)], url, lambda: _listens(port))
        yield System(services, url, tuple(parts))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
