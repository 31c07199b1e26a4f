"""One server process on this machine: start, stop, kill, pause."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

from kamstream.errors import UserError

LAUNCHER = Path(__file__).with_name("launcher.py")
# Seconds from SIGTERM to SIGKILL.
GRACE = 10.0


class ServiceError(UserError):
    """A local server could not be started or is not usable; the text says where its log is."""


class Server:
    """A real server under a launcher that ends it when this process ends, whatever way that is.

    ``command`` runs in ``folder``, its output goes to ``<folder>/<name>.log``; ``ready`` says whether it
    answers at its ``address`` and is asked until it does. The same object can be started again after a stop
    or a kill: same address, same data. ``temporary`` folders are removed by ``close`` or, after a crash, by
    the launcher.
    """

    def __init__(
        self,
        name: str,
        address: str,
        command: list[str],
        folder: Path,
        *,
        ready: Callable[[], bool],
        temporary: bool,
        grace: float = GRACE,
    ) -> None:
        self.name = name
        self.address = address
        self.folder = folder
        self.log = folder / f"{name}.log"
        self._command = command
        self._ready = ready
        self._temporary = temporary
        self._grace = grace
        self._pid_file = folder / f"{name}.pid"
        # Where in the log the last start begins; what stands before it is of earlier runs.
        self._log_begin = 0
        self._launcher: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's own process id, None while it does not run."""
        if self._launcher is None or self._launcher.poll() is not None or not self._pid_file.exists():
            return None
        return int(self._pid_file.read_text())

    def start(self, timeout: float = 60.0) -> None:
        """Start and wait until it answers.

        ServiceError after ``timeout`` seconds or when it ends by itself.
        """
        if self.pid is not None:
            return
        self._pid_file.unlink(missing_ok=True)
        removal = "REMOVE" if self._temporary else "KEEP"
        arguments = [str(os.getpid()), str(self._pid_file), removal, str(self.folder), str(self._grace)]
        with self.log.open("ab") as log:
            self._log_begin = log.tell()
            self._launcher = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), *arguments, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                # Ctrl-C on the terminal must reach the worker first and the broker only after it.
                start_new_session=True,
            )
        try:
            self._await_answer(timeout)
        except BaseException:
            # Ctrl-C too must not leave one behind that no one knows of.
            self.stop()
            raise

    def _await_answer(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not (self._pid_file.exists() and self._ready()):
            if self._ended_within(0.02):
                raise ServiceError(f"{self.name} did not start: {self.last_words()} (log: {self.log})")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} did not answer within {timeout:g} s (log: {self.log})")

    def stop(self) -> None:
        """End it in order (SIGTERM; SIGKILL after ``grace`` seconds) and wait for the end.

        No effect on one that is not running.
        """
        if self._launcher is not None:
            if self._launcher.poll() is None:
                self._launcher.terminate()
            self._launcher.wait()
            self._launcher = None

    def kill(self) -> None:
        """SIGKILL: the server has no chance to tidy up; returns when the process is gone."""
        self._signal(signal.SIGKILL)
        if self._launcher is not None:
            self._launcher.wait()
            self._launcher = None

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers, as in a long garbage collection."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it and remove its folder if that is a temporary one."""
        self.stop()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def discard(self) -> Path:
        """`close` it, but keep the log of a temporary server; returns where the log is."""
        kept = self.log
        if self._temporary and self.log.exists():
            kept = self.folder.with_suffix(".log")
            shutil.move(self.log, kept)
        self.close()
        return kept

    def port_was_taken(self) -> bool:
        """Whether its log says that another program had its port."""
        return "in use" in self._output()

    def last_words(self) -> str:
        """The last line of its log that says something, of this run."""
        lines = self._output().split("\n")
        # Lines of a Java stack trace say where, not what.
        telling = [line.strip() for line in lines if line.strip() and not line.startswith(("\t", "Caused by"))]
        return telling[-1][:200] if telling else "no output"

    def _output(self) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(self._log_begin)
            return log.read().decode(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self.pid) is None:
            raise ServiceError(f"{self.name} is not running")
        os.kill(pid, number)

    def _ended_within(self, seconds: float) -> bool:
        assert self._launcher is not None
        try:
            self._launcher.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def started(make: Callable[[], Server], timeout: float) -> Server:
    """A server made by ``make`` and started; made anew, on other ports, when one was taken meanwhile.

    ServiceError when it does not start; the log of a temporary server is then kept and named.
    """
    attempts = 3
    for attempt in range(1, attempts + 1):
        server = make()
        try:
            server.start(timeout)
        except BaseException as error:
            if isinstance(error, ServiceError) and server.port_was_taken() and attempt < attempts:
                server.log.unlink()
                continue
            kept = server.discard()
            if isinstance(error, ServiceError):
                raise ServiceError(str(error).replace(str(server.log), str(kept))) from None
            raise
        return server
    raise AssertionError("the last attempt returns or raises")


def folder_for(name: str, data_dir: Path | None) -> tuple[Path, bool]:
    """The folder of a server and whether it is a temporary one.

    Below ``data_dir``, else a new one in /tmp.
    """
    if data_dir is None:
        return Path(tempfile.mkdtemp(prefix=f"kamstream-{name}-")), True
    folder = data_dir.resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder, False


def free_port() -> int:
    """A free port on 127.0.0.1 below the range from which the kernel serves outgoing connections.

    A port inside that range can be lost while its server is down: a client that keeps connecting to it may
    be given that very port as its own source and, on the loopback interface, end up connected to itself.
    """
    for port in SystemRandom().sample(range(15_000, 32_000), 200):
        with socket.socket() as probe:
            # As the servers do it: a port in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServiceError("no free port on 127.0.0.1 between 15000 and 32000")
