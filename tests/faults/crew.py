"""The worker processes of a run."""

import multiprocessing
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import Signals

from tests.faults.entry import born

ROOT = Path(__file__).parents[2]
#: Workers are forked off a process that has loaded everything and done nothing: a second of work for each is saved.
NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(["tests.faults.entry", "kamstream.cli.worker", "kamstream.worker.entry"])


class Worker:
    """One worker process; what it says goes to ``log``."""

    def __init__(self, number: int, log: Path, settings: Path, environment: dict[str, str]) -> None:
        self.number = number
        self.log = log
        #: Its name in the group, empty for one without; who takes its place has it too.
        self.name = environment.get("KAMSTREAM_INSTANCE_ID", "")
        #: Whether its end is to be expected: it was killed, asked to stop, or given a crash point.
        self.fragile = self.doomed = "KAMSTREAM_CRASH" in environment
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KAMSTREAM_")}
        arguments = ["worker", "--verbose", "--settings", str(settings)]
        log.touch()
        self._process = NURSERY.Process(target=born, args=(arguments, inherited | environment, log), daemon=True)
        self._process.start()

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.exitcode

    def signal(self, number: Signals) -> None:
        """Send a signal, if it still runs."""
        if number in (Signals.SIGKILL, Signals.SIGTERM):
            self.doomed = True
        if self.code is None and self._process.pid is not None:
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(self._process.pid, number)

    def wake(self) -> None:
        """Let it go on where it was stopped."""
        self.signal(Signals.SIGCONT)

    def await_end(self, timeout: float) -> int:
        """Its exit code; TimeoutError when it does not end."""
        self._process.join(timeout)
        if self.code is None:
            raise TimeoutError(f"worker {self.number} did not end within {timeout:g} s")
        return self.code

    def says(self, words: str) -> bool:
        """Whether its log holds these words."""
        return words.encode() in self.log.read_bytes()

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "no output"


class Crew:
    """The workers of a run. ``tell`` takes the lines of the run's log."""

    def __init__(self, folder: Path, settings: Path, environment: dict[str, str], tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._settings = settings
        self._environment = environment
        self._tell = tell
        self._started = 0
        self._ended: list[Worker] = []
        self.workers: list[Worker] = []
        #: How many ended although nobody asked for it, and how each ended.
        self.fail_stops: list[str] = []

    @property
    def started(self) -> int:
        """How many were started in all."""
        return self._started

    def start(self, **more: str) -> Worker:
        """Start one more; ``more`` are variables of its own."""
        self._started += 1
        number = self._started
        worker = Worker(number, self._folder / f"worker-{number}.log", self._settings, {**self._environment, **more})
        self.workers.append(worker)
        self._tell(f"worker {number} starts" + "".join(f" {name}={value}" for name, value in more.items()))
        return worker

    def replace(self, worker: Worker) -> Worker:
        """Start one in the place of one that is gone or going: under the same name, if it had one."""
        return self.start(**({"KAMSTREAM_INSTANCE_ID": worker.name} if worker.name else {}))

    def kill(self, worker: Worker) -> None:
        """SIGKILL."""
        self._tell(f"worker {worker.number}: kill -9")
        worker.signal(Signals.SIGKILL)
        worker.await_end(10)
        self._remove(worker)

    def stop(self, worker: Worker, timeout: float = 40.0) -> None:
        """SIGTERM; a worker that does not end in time is a fault of its own."""
        self._tell(f"worker {worker.number}: SIGTERM")
        worker.wake()
        worker.signal(Signals.SIGTERM)
        try:
            code = worker.await_end(timeout)
        except TimeoutError:
            self.fail_stops.append(f"worker {worker.number} did not stop within {timeout:g} s of SIGTERM")
            self.kill(worker)
            return
        unborn = code == -Signals.SIGTERM and not worker.log.stat().st_size
        if code != 0 and not worker.fragile and not unborn:
            self.fail_stops.append(f"worker {worker.number} ended with {code} after SIGTERM: {worker.last_words()}")
        self._remove(worker)

    def tend(self) -> None:
        """Start anew what has ended, as a supervisor does."""
        for worker in list(self.workers):
            if worker.code is not None:
                how = f"worker {worker.number} ended with {worker.code}: {worker.last_words()}"
                self._tell(how)
                if not worker.doomed:
                    self.fail_stops.append(how)
                self._remove(worker)
                self.replace(worker)

    def close(self) -> None:
        """Kill all that is left."""
        for worker in list(self.workers):
            worker.signal(Signals.SIGKILL)
            worker.await_end(10)
            self._remove(worker)

    def _remove(self, worker: Worker) -> None:
        if worker in self.workers:
            self.workers.remove(worker)
            self._ended.append(worker)
