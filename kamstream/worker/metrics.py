"""What a worker counts, for Prometheus: per batch and per flush, never per event, in a registry of its own."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kamstream.worker.state import State

#: Upper ends (s): a flush takes some milliseconds, and as long as the broker is away.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Outage:
    """How long (s) somebody has found Redis away, in all; ``who`` are the partitions that find it so now."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._who: set[int] = set()
        self._since = self._ended = 0.0

    def begin(self, who: int) -> None:
        """A partition finds Redis away."""
        if not self._who:
            self._since = self._now()
        self._who.add(who)

    def end(self, who: int) -> None:
        """A partition finds it back, or has gone itself."""
        if who in self._who:
            self._who.discard(who)
            if not self._who:
                self._ended += self._now() - self._since

    def seconds(self) -> float:
        """All of it up to now."""
        return self._ended + (self._now() - self._since if self._who else 0.0)


class Metrics:
    """The counters of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help: str, *labels: str) -> Counter:
            return Counter(f"kamstream_{name}", help, labels, registry=registry)

        self.registry = registry
        events = counter("events", "Events that were let in, and repeated ones that were not.", "verdict")
        self.applied, self.duplicates = events.labels("applied"), events.labels("duplicate")
        self.dead_letters = counter("dead_letters", "Records that were refused, by code.", "code")
        self.batches = counter("batches", "Batches taken: what one fetch brought of one topic and partition.")
        self.flush_seconds = Histogram(
            "kamstream_flush_seconds",
            "Flushes, and how long each took until everything was acknowledged.",
            buckets=BUCKETS,
            registry=registry,
        )
        self.changelog_rows = counter("changelog_rows", "Rows of state written, without watermarks.")
        self.changelog_bytes = counter("changelog_bytes", "Bytes of state written, as sent.")
        self.redis_ids = counter("redis_ids", "Tables that Redis accepted, in part or whole.")
        self.redis_values = counter("redis_values", "Values sent with them.")
        self.redis_documents = counter("redis_documents", "Scorecards and goals sent to Redis.")
        self.alerts = counter("alerts", "Transitions of alerts told, by status.", "status")
        self.outage = Outage()
        registry.register(_Away(self.outage))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

    def watch(self, partitions: "Callable[[], Mapping[int, dict[str, Any]]]") -> None:
        """Show T, lag and state of each partition; ``partitions`` gives what ``kam:health`` says, by number."""
        self.registry.register(_Partitions(partitions))


class _Away(Collector):
    def __init__(self, outage: Outage) -> None:
        self._outage = outage

    def collect(self) -> Iterable[Metric]:
        """The one series."""
        text = "Seconds in which Redis was away."
        yield CounterMetricFamily("kamstream_redis_away_seconds", text, value=self._outage.seconds())


class _Partitions(Collector):
    def __init__(self, partitions: "Callable[[], Mapping[int, dict[str, Any]]]") -> None:
        self._partitions = partitions

    def collect(self) -> Iterable[Metric]:
        """Read when asked: between two scrapes nothing is done for it."""
        time = GaugeMetricFamily("kamstream_partition_time_seconds", "T, Unix time.", labels=["partition"])
        lag = GaugeMetricFamily("kamstream_partition_lag", "Records not yet applied.", labels=["partition"])
        rate = GaugeMetricFamily("kamstream_partition_events_per_second", "Just now.", labels=["partition"])
        states = GaugeMetricFamily(
            "kamstream_partition_state", "1 for the state it is in.", labels=["partition", "state"]
        )
        for number, facts in sorted(self._partitions().items()):
            name = str(number)
            if facts["T"] is not None:
                time.add_metric([name], facts["T"] / 1000)
            if facts["lag"] is not None:
                lag.add_metric([name], facts["lag"])
            rate.add_metric([name], facts["events_per_second"])
            for state in State:
                states.add_metric([name, state.value], float(facts["state"] == state))
        yield from (time, lag, rate, states)
