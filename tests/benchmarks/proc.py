"""What processes cost: CPU seconds and peak memory of a process with all its threads and descendants, from /proc."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and its descendants that are alive."""
    found, waiting = [], [pid]
    while waiting:
        here = waiting.pop()
        found.append(here)
        for task in Path(f"/proc/{here}/task").glob("*/children"):
            try:
                waiting += map(int, task.read_text().split())
            except OSError:  # it ended meanwhile
                continue
    return found


def cpu_seconds(pid: int) -> float:
    """CPU seconds, user and system, that a process and its descendants have used, ended ones included."""
    total = 0
    for each in family(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # utime, stime, and those of children that have been waited for
        total += sum(map(int, fields[11:15]))
    return total / _TICK


def peak_bytes(pid: int) -> int:
    """Peak resident memory of a process and its living descendants, added up."""
    return sum(_status(each, "VmHWM") for each in family(pid))


def resident_bytes(pid: int) -> int:
    """Resident memory now."""
    return sum(_status(each, "VmRSS") for each in family(pid))


def _status(pid: int, name: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


class Child:
    """A process started here; it and what it started are ended by ``close``."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path, folder: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, env={**os.environ, **env}, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=folder
            )
        self.pid = self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to it and its descendants: no chance to tidy up."""
        for pid in family(self.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()

    def close(self, patience: float = 15.0) -> None:
        """SIGTERM, and SIGKILL for what is left after ``patience`` seconds."""
        if self.ended:
            return
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-1500:].decode(errors="replace")


def touch_memory() -> None:
    """Have half of the machine's free memory used once, by a process of its own."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    subprocess.run([sys.executable, "-c", f"b'.' * {free // 2}"], check=True)


def machine() -> dict[str, str | int | float]:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.machine())
    return {
        "cpu": model,
        "cores": os.cpu_count() or 0,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }
