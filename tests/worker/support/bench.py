"""Topics, events and worker processes of one test, and what came of them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka import KafkaAdminClient

from kamstream.events.topics import topic_names
from kamstream.worker.reading import open_reader
from kamstream.worker.replay import Replay
from kamstream.worker.topics import every


class Worker:
    """A worker process; its words go to a file that ``words`` reads."""

    def __init__(self, said: dict[str, Any], crash: str = "") -> None:
        self.log = Path(tempfile.mkstemp(prefix="kam-worker-", suffix=".log")[1])
        command = [sys.executable, "-m", "tests.worker.support.run", json.dumps(said)]
        environment = {**os.environ, "KAMSTREAM_CRASH": crash}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)

    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def ended(self, timeout: float = 30) -> int:
        return self.process.wait(timeout)


class Bench:
    """Everything a test of the worker needs, under one prefix."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int = 4) -> None:
        self.bootstrap, self.prefix, self.partitions = bootstrap, prefix, partitions
        self.names = topic_names(prefix)
        self.sent: Counter[str] = Counter()
        self.workers: list[Worker] = []

    def create_topics(self, **counts: int) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.create_topics(
                {name: {"num_partitions": counts.get(name, self.partitions)} for name in every(self.names)}
            )
        finally:
            admin.close()

    def worker(self, crash: str = "", **said: Any) -> Worker:
        said = {"bootstrap": self.bootstrap, "prefix": self.prefix, "flush_interval": 0.1, "clock": "event", **said}
        worker = Worker(said, crash)
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.log.unlink(missing_ok=True)

    def publish(self, count: int, *, accounts: int = 50, start: int = 0, topic: int | None = None) -> None:
        """Send events round the accounts and the input topics."""

        def records() -> Iterable[tuple[str, bytes, bytes]]:
            for i in range(start, start + count):
                account = f"ACC-{i % accounts}"
                self.sent[account] += 1
                where = self.names.inputs[i % 4 if topic is None else topic]
                yield where, account.encode(), b'{"time": %d}' % (1_700_000_000_000 + i)

        asyncio.run(self._send(records()))

    def publish_raw(self, records: Iterable[tuple[str, bytes | None, bytes | None]], **more: Any) -> None:
        asyncio.run(self._send(records, **more))

    async def _send(self, records: Iterable[tuple[str, bytes | None, bytes | None]], **more: Any) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, linger_ms=5, max_request_size=4 << 20, max_batch_size=1 << 20
        ) as out:
            sent = [await out.send(topic, value, key=key, **more) for topic, key, value in records]
            await asyncio.gather(*sent)

    # -- what came of it

    def state(self) -> dict[bytes, bytes]:
        """All rows of all partitions, as an owner would recover them."""
        merged: dict[bytes, bytes] = {}
        for replay in asyncio.run(self._replays()):
            merged |= {key: value for key, value in replay.rows.items() if key != b"t/"}
        return merged

    def damaged(self) -> set[bytes]:
        """Keys on which rows lie that do not count."""
        return {key for replay in asyncio.run(self._replays()) for key in replay.damaged()}

    async def _replays(self) -> list[Replay]:
        async with open_reader(self.bootstrap) as reader:
            return [(await reader.replay(self.names.changelog, p))[0] for p in range(self.partitions)]

    def counts(self) -> Counter[str]:
        """Events per account, as the durable state has them."""
        return Counter({k[2:].decode(): int(v) for k, v in self.state().items() if k.startswith(b"a/")})

    def company(self) -> int:
        """Events of the company: what the owner of ``all`` received from all partitions."""
        return sum(int(v.rsplit(b",", 1)[1]) for k, v in self.state().items() if k.startswith(b"r/"))

    def settled(self, timeout: float = 40) -> None:
        """Wait until the durable state counts every event sent, by account and in all; fail if it differs."""
        wanted = sum(self.sent.values())
        wait_until(lambda: sum(self.counts().values()) >= wanted and self.company() >= wanted, timeout, self.told)
        assert self.counts() == self.sent
        assert self.company() == wanted

    def told(self) -> str:
        state = self.counts()
        logs = "\n".join(f"--- worker {w.process.pid} ({w.process.poll()})\n{w.words()[-3000:]}" for w in self.workers)
        return f"{sum(state.values())} of {sum(self.sent.values())} counted, company {self.company()}\n{logs}"

    def records(self, topic: str) -> list[Any]:
        """Everything in a topic."""
        return [record for _, record in self.placed(topic)]

    def placed(self, topic: str) -> list[tuple[int, Any]]:
        """Everything in a topic, with its partition."""
        return asyncio.run(self._placed(topic))

    async def _placed(self, topic: str) -> list[tuple[int, Any]]:
        found = []
        async with open_reader(self.bootstrap) as reader:
            bounds = await reader.bounds([(topic, p) for p in range(self.partitions)])
            for (name, partition), (first, end) in bounds.items():
                async for batch in reader.records(name, partition, first, end):
                    found += [(partition, record) for record in batch]
        return found

    def committed(self) -> dict[tuple[str, int], int | None]:
        """What Kafka keeps as the group's offsets of the inputs."""
        return asyncio.run(self._committed())

    async def _committed(self) -> dict[tuple[str, int], int | None]:
        group = f"{self.prefix}-worker"
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False) as one:
            tps = [TopicPartition(t, p) for t in self.names.inputs for p in range(self.partitions)]
            return {(tp.topic, tp.partition): await one.committed(tp) for tp in tps}

    def ends(self) -> dict[tuple[str, int], int]:
        """Where the inputs end."""

        async def ask() -> dict[tuple[str, int], int]:
            async with open_reader(self.bootstrap) as reader:
                tps = [(t, p) for t in self.names.inputs for p in range(self.partitions)]
                return {tp: end for tp, (_, end) in (await reader.bounds(tps)).items()}

        return asyncio.run(ask())


def wait_until(holds: Callable[[], bool], timeout: float = 30, told: Callable[[], str] = str) -> None:
    """Ask again and again until ``holds``; an AssertionError with ``told()`` after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    pause = 0.05
    while not holds():
        assert time.monotonic() < end, f"not so within {timeout} s: {told()}"
        signal.sigtimedwait([], pause)
        pause = min(pause * 1.5, 0.5)
