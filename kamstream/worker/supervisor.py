"""`kamstream worker --restart`: start the worker again when it crashed, with back-off."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

from kamstream.worker.failstop import CRASHED

#: Seconds before the first restart; doubled with each crash, back to it after a worker that ran for ``STEADY``.
FIRST, MOST, STEADY = 1.0, 30.0, 60.0


class Supervisor:
    """Runs a command until it ends by itself; SIGTERM and SIGINT are handed on to it."""

    def __init__(
        self, command: Sequence[str], clock: Callable[[], float] = time.monotonic, first: float = FIRST
    ) -> None:
        self._command = list(command)
        self._clock = clock
        self._first = first
        self._asked = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """The exit code of the last worker: 0 when it stopped as asked, 1 or 2 where a restart would not help."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hand_on)
        pause = self._first
        while True:
            began = self._clock()
            self._child = subprocess.Popen(self._command)
            if self._asked.is_set():
                self._child.terminate()
            code = self._child.wait()
            if self._asked.is_set() or not crashed(code):
                return max(code, 0)
            if self._clock() - began >= STEADY:
                pause = self._first
            print(f"kamstream worker ended with {code}; starting again in {pause:g} s", file=sys.stderr, flush=True)
            if self._asked.wait(pause):
                return 0
            pause = min(pause * 2, MOST)

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        self._asked.set()
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)


def crashed(code: int) -> bool:
    """Whether a worker's end is one that a restart may help: it stopped itself, or a signal killed it."""
    return code == CRASHED or code < 0
