"""A thread that ends the process when it stands still: lag, and nothing becomes durable."""

import socket
import threading
import time
from collections.abc import Callable
from typing import NoReturn, Protocol

from kamstream.worker.failstop import stuck


class Pulse(Protocol):
    """Two monotonic times: the last round of the loop, and the last time something became durable or nothing had to."""

    beat: float
    progress: float


class Watchdog:
    """Looks once a second; while no broker can be reached, waiting is right and the time does not count."""

    def __init__(
        self,
        pulse: Pulse,
        bootstrap: str,
        seconds: float,
        bark: Callable[[str], NoReturn] = stuck,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pulse = pulse
        self._bootstrap = bootstrap
        self._seconds = seconds
        self._bark = bark
        self._now = now
        self._stop = threading.Event()
        self._since = now()

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._stop.set()

    def look(self) -> None:
        """Bark if the worker has stood still for too long."""
        now = self._now()
        if now - max(self._pulse.beat, self._since) > self._seconds:
            self._bark(f"the event loop has not come round for {self._seconds:.0f} s")
        if now - max(self._pulse.progress, self._since) > self._seconds:
            if reachable(self._bootstrap):
                self._bark(f"there is lag and nothing became durable for {self._seconds:.0f} s")
            self._since = now

    def _watch(self) -> None:
        while not self._stop.wait(1.0):
            self.look()


def reachable(bootstrap: str) -> bool:
    """Whether any of the brokers takes a connection."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError:
            continue
        return True
    return False
