"""Runs one server and never outlives the process that asked for it.

Started by file name with ``python -I -S``, so it must import nothing but the standard library:

    launcher.py PARENT_PID PID_FILE REMOVE|KEEP DIR GRACE COMMAND...

The server gets SIGTERM when the launcher is told to stop or when the parent is gone (however it died: the
kernel reports that, no cleanup code of the parent is needed), SIGKILL if it has not ended GRACE seconds
later, and SIGKILL from the kernel should the launcher itself be killed. The exit status is the server's.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1


def die_with_launcher() -> None:
    """Between fork and exec: ask the kernel to kill the server when the launcher dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(parent: int, pid_file: str, remove: str | None, grace: float, command: list[str]) -> int:
    """Run ``command`` until it ends, a signal comes or ``parent`` is gone, and ``remove`` is too then."""
    # What the parent blocks must reach this process and the server all the same.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # A signal writes its number into the pipe; the loop below is the only place that acts on it.
    signal.set_wakeup_fd(writer)

    def noted(_signal: int, _frame: FrameType | None) -> None:
        """The wake-up pipe has it."""

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, noted)
    # This process has one thread, so running code between fork and exec is safe.
    server = subprocess.Popen(command, preexec_fn=die_with_launcher, stdin=subprocess.DEVNULL)  # noqa: PLW1509
    with open(pid_file + ".new", "w") as file:
        file.write(str(server.pid))
    os.replace(pid_file + ".new", pid_file)
    orphaned = wait(server, parent, reader)
    end(server, grace)
    if orphaned and remove is not None:
        shutil.rmtree(remove, ignore_errors=True)
    return server.returncode


def wait(server: "subprocess.Popen[bytes]", parent: int, signals: int) -> bool:
    """Until the server ended, a signal came, or the parent is gone (then True)."""
    pidfd = os.pidfd_open(parent) if hasattr(os, "pidfd_open") and os.getppid() == parent else None
    watched = [signals] if pidfd is None else [signals, pidfd]
    while server.poll() is None:
        # Looked at after pidfd_open, so that a parent which died before it is noticed too.
        if os.getppid() != parent:
            return True
        # Without pidfd_open (not Linux) the parent is looked at once a second.
        ready, _, _ = select.select(watched, [], [], None if pidfd is not None else 1.0)
        if pidfd in ready:
            return True
        if signals in ready and any(number != signal.SIGCHLD for number in os.read(signals, 64)):
            return False
    return False


def end(server: "subprocess.Popen[bytes]", grace: float) -> None:
    """SIGTERM, then SIGKILL after ``grace`` seconds.

    A paused server is woken first, else it could not obey.
    """
    if server.poll() is None:
        server.send_signal(signal.SIGCONT)
        server.terminate()
        try:
            server.wait(grace)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


if __name__ == "__main__":
    _, parent_pid, pid_path, removal, folder, patience, *arguments = sys.argv
    status = main(int(parent_pid), pid_path, folder if removal == "REMOVE" else None, float(patience), arguments)
    sys.exit(status if status >= 0 else 128 - status)
