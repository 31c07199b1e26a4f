"""What the outside may ask a worker over HTTP: ``/metrics`` and ``/healthz``.

Answered in threads of their own, so that an event loop that is stuck is told and not waited for.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from kamstream.errors import UserError
from kamstream.worker.watchdog import reachable

logger = logging.getLogger(__name__)


class Paced(Protocol):
    """A partition, as far as its progress goes: when (monotonic s) it last made some, or had nothing to do."""

    number: int
    progress: float


class Health:
    """Whether the worker gets on: the loop comes round, and each partition with lag makes progress.

    ``beat`` gives when the loop last came round; both count as too long after ``seconds``. While no broker can be
    reached waiting is right, as for the watchdog: the time does not count.
    """

    def __init__(
        self,
        beat: Callable[[], float],
        partitions: Callable[[], Iterable[Paced]],
        bootstrap: str,
        seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._beat = beat
        self._partitions = partitions
        self._bootstrap = bootstrap
        self._seconds = seconds
        self._now = now
        self._since = now()

    def problem(self) -> str | None:
        """What is wrong, in one line; None when all is well."""
        now = self._now()
        if now - self._beat() > self._seconds:
            return f"the event loop has not come round for {self._seconds:g} s"
        stuck = [each.number for each in self._partitions() if now - max(each.progress, self._since) > self._seconds]
        if not stuck:
            return None
        if not reachable(self._bootstrap):
            self._since = now
            return None
        return f"no progress for {self._seconds:g} s: partition {', '.join(map(str, sorted(stuck)))}"


@contextmanager
def serving(address: str | None, registry: CollectorRegistry, health: Health) -> Iterator[None]:
    """Answer at ``address`` (host:port) until the end of the block; None = nowhere. UserError when it is taken."""
    if address is None:
        yield
        return
    server = _listen(address, _application(registry, health))
    logger.info("metrics and health at http://%s:%d", *server.server_address[:2])
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _listen(address: str, application: Callable[..., Any]) -> WSGIServer:
    host, _, port = address.rpartition(":")
    try:
        family, *_, place = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        kind = type("MetricsServer", (ThreadingWSGIServer,), {"address_family": family})
        return make_server(str(place[0]), int(port), application, kind, _Quiet)
    except OSError as error:
        raise UserError(f"metrics: cannot listen at {address}: {error}") from None


def _application(registry: CollectorRegistry, health: Health) -> Callable[..., Any]:
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        if environ["PATH_INFO"] == "/healthz":
            problem = health.problem()
            status, text = ("200 OK", "ok") if problem is None else ("503 Service Unavailable", problem)
        else:
            status, text = "404 Not Found", "ask for /metrics or /healthz"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text}\n".encode()]

    return answer


class _Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
