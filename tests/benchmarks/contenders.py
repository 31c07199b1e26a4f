"""Who takes part: how each contender is started on a job."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kamstream.events.topics import app_id, topic_names
from kamstream.settings import Settings
from tests.benchmarks import corejob
from tests.benchmarks.bed import Bed, Job

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).with_name("apps")
#: All that a worker can publish, as it does without other settings.
OUTPUTS: tuple[str, ...] = Settings.model_fields["outputs"].default


@dataclass(frozen=True)
class Start:
    """What to run, the consumer group that shows its progress, and the names its own topics begin with."""

    command: list[str]
    group: str
    env: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
    changelog: str | None = None


class Contender(Protocol):
    """One way of doing the core job; ``results`` says whether it gives any."""

    name: str
    results: bool

    def start(self, bed: Bed, job: Job, run: str, folder: Path) -> Start: ...


def surroundings(bed: Bed, job: Job, group: str) -> dict[str, str]:
    """What the small apps read from their environment."""
    return {
        "BENCH_BOOTSTRAP": bed.bootstrap,
        "BENCH_REDIS": bed.redis_url,
        "BENCH_PREFIX": job.prefix,
        "BENCH_TOPICS": ",".join(job.topics()),
        "BENCH_GROUP": group,
        "PYTHONPATH": str(ROOT),
    }


class Kamstream:
    """One worker process with the core job's settings, and how often it flushes and writes to Redis.

    ``outputs``: what it publishes beside its tables and alerts. The core job has none of that, no contender writes it.
    """

    results = True

    def __init__(
        self, flush: str = "1s", redis: str = "1s", rules: str = "rules: []\n", outputs: Sequence[str] = ()
    ) -> None:
        self.name = "kamstream-all" if outputs else "kamstream"
        self._flush, self._redis, self._outputs = flush, redis, outputs
        self._rules = rules

    def start(self, bed: Bed, job: Job, run: str, folder: Path) -> Start:
        """A fresh installation on the job's inputs."""
        bed.reset_kamstream(job.prefix)
        return self.again(bed, job, folder)

    def again(self, bed: Bed, job: Job, folder: Path) -> Start:
        """A worker on what is there."""
        (folder / "alerts.yaml").write_text(self._rules)
        settings = folder / "kamstream.toml"
        settings.write_text(
            f'prefix = "{job.prefix}"\n'
            f"kpis = {list(corejob.KPIS)}\nwindows = {list(corejob.WINDOWS)}\nscopes = {list(corejob.SCOPES)}\n"
            f"outputs = {list(self._outputs)}\n"
            f'clock = "event"\nflush_interval = "{self._flush}"\nredis_interval = "{self._redis}"\n'
            f'alerts_file = "{folder / "alerts.yaml"}"\nrank_fields = []\nhistory_fields = []\n'
            f'[kafka]\nbootstrap = "{bed.bootstrap}"\n[redis]\nurl = "{bed.redis_url}"\n'
        )
        command = [sys.executable, "-m", "kamstream", "worker", "--verbose", "--settings", str(settings)]
        changelog = topic_names(job.prefix).changelog
        return Start(command, app_id(job.prefix), {"PYTHONPATH": str(ROOT)}, (), changelog)


class PythonApp:
    """A script of ``apps`` that reads its surroundings."""

    def __init__(self, name: str, script: str, *, python: Path | None = None, results: bool = True) -> None:
        self.name, self.results = name, results
        self._script = script
        self._python = python

    def start(self, bed: Bed, job: Job, run: str, folder: Path) -> Start:
        """The script under a group of its own."""
        group = f"bench-{self._script}-{run}"
        command = [str(self._python or sys.executable), str(APPS / f"{self._script}.py")]
        return Start(command, group, surroundings(bed, job, group), (group, f"changelog__{group}"))
