"""One run on stage: its topics, its load, its workers, and the log that says what was done to them."""

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from redis.exceptions import RedisError

from kamstream.events.topics import topic_names
from kamstream.live import LiveReader
from kamstream.publish import topics
from kamstream.publish.connection import admin_client
from kamstream.settings import Settings
from kamstream.windows import to_text
from tests.faults.crew import Crew
from tests.faults.load import SHAPES, Load, make, settings_file
from tests.faults.watcher import Watcher
from tests.faults.world import World
from tests.reference.long_histories import START

#: Session timeout of the workers in seconds: the broker's default would leave a run time for one fault only.
SESSION = 3.0


@dataclass(frozen=True)
class Plan:
    """What a run is made of; everything follows from it."""

    kind: str
    seed: int
    events: int = 2_000
    seconds: float = 8.0
    planted: str = ""
    #: Seconds that an outage of the broker lasts.
    outage: float = 15.0
    #: Whether the product's own session timeout holds.
    full: bool = False


class Scene:
    """What the scripts of faults act on. ``dice`` decides everything; ``tell`` writes the run's log."""

    def __init__(self, world: World, plan: Plan, tell: Callable[[str], None]) -> None:
        self.world, self.plan = world, plan
        self.dice = Random(f"{plan.kind} {plan.seed}")
        self.prefix = f"f{uuid.uuid4().hex[:8]}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"kamstream-fault-{plan.kind}-{plan.seed}-"))
        self.settings_path = self.folder / "kamstream.toml"
        self.shape = SHAPES[self.dice.choice(list(SHAPES))]
        self._begun = time.monotonic()
        self._tell = tell
        flush = self.dice.choice(("50ms", "200ms", "1s"))
        clock = "wall" if plan.kind == "clock" else "event"
        settings_file(self.settings_path, self.shape, self.prefix, flush_interval=flush, clock=clock)
        # The addresses go by the environment: the harness goes straight, the workers through the proxies.
        self._direct = {"KAMSTREAM_KAFKA": world.kafka.address, "KAMSTREAM_REDIS": world.redis.address}
        self.session = 10.0 if plan.full else SESSION
        environment = {
            "KAMSTREAM_KAFKA": world.kafka_through_proxy,
            "KAMSTREAM_REDIS": world.redis_through_proxy,
            "FAULTS_PLANTED": plan.planted,
        }
        #: What the workers' wall clock shows, in runs that go by it.
        self.clock = self.folder / "clock"
        #: T at the end (ms) where the clock decides it.
        self.until_time: int | None = None
        if clock == "wall":
            self.set_clock(START)
            environment["FAULTS_CLOCK"] = str(self.clock)
        if not plan.full:
            environment["FAULTS_SESSION"] = str(SESSION)
        self.crew = Crew(self.folder, self.settings_path, environment, self.tell)
        self.environment = environment
        sendings = make(self.shape, plan.seed, plan.events, self.prefix, 0.1 if plan.kind == "poison" else 0.01)
        self.load = Load(world.kafka.address, sendings, plan.seconds)
        self.watcher = Watcher(world.redis_client(), self.prefix, plan.seed, one_time=clock == "wall")
        self.tell(f"{plan}, flush {flush}, {self.shape}, {len(sendings)} records, prefix {self.prefix}")

    @property
    def settings(self) -> Settings:
        """The settings with the straight addresses."""
        os.environ.update(self._direct)
        try:
            return Settings.load(self.settings_path)
        finally:
            for name in self._direct:
                del os.environ[name]

    def tell(self, line: str) -> None:
        """Write a line to the run's log, with the seconds since its beginning."""
        self._tell(f"{time.monotonic() - self._begun:7.2f} {line}")

    def set_clock(self, ms: int) -> None:
        """Stop the workers' wall clock at a time (epoch ms)."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(f"={ms / 1000}")
        fresh.replace(self.clock)
        self.tell(f"the clock shows {to_text(ms)}")

    def open(self, workers: int) -> None:
        """Make the topics, and start workers, load and watcher."""
        topics.create(self.settings)
        for number in range(1, workers + 1):
            self.crew.start(**({"KAMSTREAM_INSTANCE_ID": f"w{number}"} if self.plan.kind == "named" else {}))
        self.watcher.start()
        if self.dice.random() < 0.7:  # else there is a backlog when they are up
            self.until(lambda: any(worker.says("Worker ready") for worker in self.crew.workers), 30)
        self.load.start()

    def make_odd_topics(self) -> str:
        """Make the topics, one of the co-partitioned ones with another partition count; returns its name."""
        specs = topics.topic_specs(self.settings)
        names = topic_names(self.prefix)
        odd = self.dice.choice((*names.inputs, names.rollups, names.time, names.changelog))
        count = self.dice.choice((1, 2, 3, 5, 8))
        self.tell(f"{odd} has {count} partitions, the others {self.settings.partitions}")
        with admin_client(self.world.kafka.address) as admin:
            topics.make(admin, [replace(spec, partitions=count) if spec.name == odd else spec for spec in specs])
        return odd

    @property
    def publishing(self) -> bool:
        """Whether the load still comes in."""
        return self.load.is_alive()

    def wait(self, seconds: float) -> None:
        """Let time pass; workers that end meanwhile are started anew."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(0.1, left))
            self.crew.tend()

    def some_time(self, least: float, most: float) -> None:
        """Wait for a random time."""
        self.wait(self.dice.uniform(least, most))

    def until(self, holds: Callable[[], Any], timeout: float) -> bool:
        """Wait until something holds; False when it does not in time."""
        end = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > end:
                return False
            self.wait(0.1)
        return True

    def ready(self, timeout: float = 30.0) -> bool:
        """Wait until some worker has written a table: then there is something to lose. Most records come only then."""

        def written() -> bool:
            try:
                return bool(self._client().exists(f"{self.prefix}:index:account"))
            except (RedisError, OSError):
                return False

        self.load.hold()
        try:
            return self.until(written, timeout)
        finally:
            self.load.go_on()

    def all_live(self) -> bool:
        """Whether every partition has a worker that says it is live."""
        now = time.time() * 1000
        rows = LiveReader(self._client(), self.prefix).health()
        live = {row.partition for row in rows if row.state == "live" and now - row.at < 3_000}
        return len(live) == self.settings.partitions

    def _client(self) -> Any:
        return self.world.redis_client()

    def close(self) -> None:
        """End everything of this run and remove its topics."""
        if self.watcher.is_alive():
            self.watcher.finish()
        self.crew.close()
        names = [spec.name for spec in topics.topic_specs(self.settings)]
        with admin_client(self.world.kafka.address) as admin:
            admin.delete_topics(names)
        client = self._client()
        client.flushall()
        client.close()
