"""Latency, open loop: events at a given rate whatever the contender does, and probes among them.

A probe is one interaction of an account; it is timed from the moment at which the broker appended it (LogAppendTime)
until its value stands in Redis, and until its alert stands in ``alerts``. Quiet accounts get nothing but one probe,
busy ones are those that the background's tickets and deals belong to. Event time is the wall clock.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from kamstream.events import murmur2
from kamstream.live.layout import Layout
from kamstream.windows import to_text
from tests.benchmarks import corejob, proc
from tests.benchmarks.bed import PARTITIONS, Bed, Job, topic_for
from tests.benchmarks.contenders import Contender
from tests.benchmarks.throughput import BenchmarkError

#: Seconds before the first probe, and between two probes; background events go out this often.
WARM_UP, EVERY, STEP = 5.0, 0.025, 0.005
#: A value that is not there after so long counts as lost, and with it the run.
LOST = 30.0
#: Seconds of probes while the highest rate is looked for; values later than so many seconds are not current.
PROBED, CURRENT = 8.0, 2.0
#: The rates at which it is looked for (events/s).
RATES = (10_000, 15_000, 20_000, 30_000, 40_000, 60_000, 80_000)
FIELD = "interaction_frequency:24h"
RULES = """rules:
  - name: contacted
    kpi: interaction_frequency
    window: 24h
    scope: account
    fire: ">= 7"
    severity: info
    summary: "{name} was in contact"
"""


@dataclass(frozen=True)
class Latency:
    """Milliseconds by what was waited for and on whom: percentiles 50, 99 and the maximum; ``cpu`` as in throughput."""

    contender: str
    rate: int
    probes: int
    milliseconds: dict[str, tuple[float, float, float]]
    cpu: float
    behind: float


def measure(contender: Contender, bed: Bed, rate: int, seconds: float, accounts: int = 2_000) -> Latency:
    """Run a contender under a rate of events and time the probes."""
    job = Job(0, accounts, seed=int(time.time()))
    bed.make_topics(job.prefix)
    with tempfile.TemporaryDirectory(prefix="kamstream-bench-") as name, bed.redis() as client:
        folder = Path(name)
        client.flushall()
        start = contender.start(bed, job, uuid.uuid4().hex[:8], folder)
        child = proc.Child(start.command, dict(start.env), folder / "log", folder)
        alerts = contender.name.startswith("kamstream")
        command = [sys.executable, "-m", "tests.benchmarks.latency", bed.bootstrap, bed.redis_url, job.prefix]
        load = None
        try:
            load = proc.Child(
                [*command, str(rate), str(seconds), str(accounts), str(int(alerts))],
                dict(os.environ),
                folder / "load",
                folder,
            )
            load_ended = time.monotonic() + seconds + WARM_UP + LOST + 60
            warm, cpu = time.monotonic() + WARM_UP + 6, 0.0
            while not load.ended:
                time.sleep(0.1)
                if not cpu and time.monotonic() > warm:
                    cpu, warm = proc.cpu_seconds(child.pid), time.monotonic()
                if child.ended or time.monotonic() > load_ended:
                    raise BenchmarkError(f"{contender.name}: {child.last_words()} {load.last_words()}")
            used = (proc.cpu_seconds(child.pid) - cpu) / ((time.monotonic() - warm) * rate) * 1e6
            said = load.log.read_text().strip().splitlines()[-1]
            if not said.startswith("{"):
                raise BenchmarkError(f"{contender.name}: {load.last_words()}")
            found = json.loads(said)
        finally:
            child.close()
            if load is not None:
                load.close()
            bed.clean(job, start.group, [])
            bed.delete_starting(job.prefix)
            for prefix in start.topics:
                bed.delete_starting(prefix)
    times = {name: summary(values) for name, values in found["times"].items() if values}
    return Latency(contender.name, rate, found["probes"], times, used, found["behind"])


def highest(contender: Contender, bed: Bed, rates: Sequence[int], seconds: float = PROBED) -> int:
    """The highest of some rising rates that a contender follows, with the load made on the same machine; 0: none.

    It follows where its values stay current, and where the load could be made at that rate.
    """
    followed = 0
    for rate in rates:
        try:
            one = measure(contender, bed, rate, seconds)
        except BenchmarkError:
            break
        if one.behind > CURRENT or max(p99 for _, p99, _ in one.milliseconds.values()) > CURRENT * 1000:
            break
        followed = rate
    return followed


def summary(values: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile, maximum."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], ordered[-1]


# -- the process that makes the load


Template = tuple[tuple[str, int], bytes, bytes, bytes]


def templates(prefix: str, accounts: int, count: int) -> Iterator[Template]:
    """So many events of tickets and deals: (topic, partition), account, the text before and after the time."""
    places: dict[str, int] = {}
    lines = (each for each in corejob.events(2 * count, accounts, 1) if b'"interaction.' not in each[1])
    for account, line in islice(lines, count):
        place = places.get(account)
        if place is None:
            place = places[account] = murmur2(account.encode()) % PARTITIONS
        before, _, rest = line.partition(b'"time":"')
        yield (topic_for(line, prefix), place), account.encode(), before + b'"time":"', rest[rest.index(b'"') :]


class Load:
    """Sends the background and the probes, and looks for their values and alerts."""

    def __init__(self, bootstrap: str, url: str, prefix: str, rate: int, seconds: float, accounts: int) -> None:
        self._bootstrap, self._url, self._prefix = bootstrap, url, prefix
        self._rate, self._seconds, self._accounts = rate, seconds, accounts
        self._layout = Layout(prefix)
        self._random = random.Random(7)
        # Of each account: how many probes were sent; and what is awaited: (account, kind, value, appended at).
        self._sent: dict[str, int] = {}
        self._awaited: list[tuple[str, str, float, float]] = []
        self._alerts: dict[str, tuple[str, float]] = {}
        self.times: dict[str, list[float]] = {"redis quiet": [], "redis busy": [], "alert quiet": [], "alert busy": []}
        self.probes = 0
        self.behind = 0.0
        self._early: dict[str, float] = {}
        self._prepared = list(templates(prefix, accounts, int(rate * (seconds + WARM_UP + 5))))

    async def run(self, *, alerts: bool) -> None:
        """All of it."""
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", linger_ms=2)
        self._with_alerts = alerts
        await self._producer.start()
        client = redis.asyncio.Redis.from_url(self._url)
        tasks = [asyncio.create_task(self._watch_redis(client))]
        if alerts:
            tasks.append(asyncio.create_task(self._watch_alerts()))
        try:
            await self._await_contender(client)
            background = asyncio.create_task(self._background())
            await asyncio.sleep(WARM_UP)
            await self._probe()
            deadline = time.monotonic() + LOST
            while (self._awaited or self._alerts) and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            background.cancel()
            if self._awaited or self._alerts:
                raise SystemExit(f"{len(self._awaited)} values and {len(self._alerts)} alerts did not come")
        finally:
            for task in tasks:
                task.cancel()
            await self._producer.stop()
            await client.aclose()

    async def _await_contender(self, client: "redis.asyncio.Redis") -> None:
        """Wait until one event comes through: the contender is there."""
        await self._send_probe("first", "quiet", count=False)
        deadline = time.monotonic() + 60
        while not await client.hget(self._layout.values("account", "first"), FIELD):
            if time.monotonic() > deadline:
                raise SystemExit("the contender does not answer")
            await asyncio.sleep(0.05)

    async def _background(self) -> None:
        source = cycle(self._prepared)
        began, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * self._rate)
            stamp = now_text()
            batches: dict[tuple[str, int], BatchBuilder] = {}
            for key, account, before, after in islice(source, due - sent):
                batch = batches.get(key)
                if batch is None:
                    batch = batches[key] = self._producer.create_batch()
                batch.append(timestamp=None, key=account, value=before + stamp + after)
            for (topic, place), batch in batches.items():
                await self._producer.send_batch(batch, topic, partition=place)
            sent = due
            # How far the load itself is behind its own plan: what an open loop must not hide.
            self.behind = max(self.behind, (time.monotonic() - began) - due / self._rate)
            await asyncio.sleep(STEP)

    async def _probe(self) -> None:
        began, ends = time.monotonic(), time.monotonic() + self._seconds
        while time.monotonic() < ends:
            self.probes += 1
            await asyncio.sleep(max(0.0, began + self.probes * EVERY - time.monotonic()))
            if self.probes % 2:
                await self._send_probe(f"quiet-{self.probes}", "quiet")
            else:
                await self._send_probe(f"ACC-{self._random.randrange(self._accounts):06d}", "busy")

    async def _send_probe(self, account: str, kind: str, *, count: bool = True) -> None:
        number = self._sent[account] = self._sent.get(account, 0) + 1
        event = (
            f'{{"specversion":"1.0","id":"{account}-{number}","source":"probe","type":"interaction.logged",'
            f'"subject":"{account}","time":"{now_text().decode()}",'
            f'"data":{{"interaction_id":"{number}","direction":"inbound","channel":"chat"}}}}'
        ).encode()
        place = murmur2(account.encode()) % PARTITIONS
        topic = f"{self._prefix}.interactions"
        sent = await self._producer.send(topic, event, key=account.encode(), partition=place)
        if not count:
            return
        appended = (await sent).timestamp / 1000
        self._awaited.append((account, kind, 7.0 * number, appended))
        if self._with_alerts and number == 1:
            self._alerts[account] = (kind, appended)
            self._match_alerts()

    async def _watch_redis(self, client: "redis.asyncio.Redis") -> None:
        while True:
            awaited = list(self._awaited)
            if awaited:
                pipe = client.pipeline(transaction=False)
                for account, *_ in awaited:
                    pipe.hget(self._layout.values("account", account), FIELD)
                values = await pipe.execute()
                now = time.time()
                for each, value in zip(awaited, values, strict=True):
                    if value is not None and float(value) >= each[2]:
                        self.times[f"redis {each[1]}"].append((now - each[3]) * 1000)
                        self._awaited.remove(each)
            # A contender far behind must not be slowed down by being asked all the time.
            await asyncio.sleep(0.001 * (1 + len(awaited) // 50))

    async def _watch_alerts(self) -> None:
        consumer = AIOKafkaConsumer(
            f"{self._prefix}.alerts",
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=20,
        )
        await consumer.start()
        try:
            async for record in consumer:
                self._early[json.loads(record.value)["id"]] = time.time()
                self._match_alerts()
        finally:
            await consumer.stop()

    def _match_alerts(self) -> None:
        """An alert may be there before the producer has told when its event was appended."""
        for id in self._early.keys() & self._alerts.keys():
            kind, appended = self._alerts.pop(id)
            self.times[f"alert {kind}"].append((self._early[id] - appended) * 1000)


def now_text() -> bytes:
    """The wall clock as an event's time."""
    return to_text(int(time.time() * 1000)).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description="The load of the latency benchmark.")
    parser.add_argument("bootstrap")
    parser.add_argument("redis")
    parser.add_argument("prefix")
    parser.add_argument("rate", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("accounts", type=int)
    parser.add_argument("alerts", type=int)
    chosen = parser.parse_args()
    load = Load(chosen.bootstrap, chosen.redis, chosen.prefix, chosen.rate, chosen.seconds, chosen.accounts)
    asyncio.run(load.run(alerts=bool(chosen.alerts)))
    print(json.dumps({"probes": load.probes, "behind": load.behind, "times": load.times}))


if __name__ == "__main__":
    main()
