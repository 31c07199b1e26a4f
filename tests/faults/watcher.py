"""A reader that polls Redis during a run: what a dashboard would see."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from kamstream.live.layout import Layout

SCOPES = ("account", "kam", "company")
#: Ids read in one transaction, and how many versions of an id are remembered.
FEW, KEPT = 6, 40


class Watcher(threading.Thread):
    """Reads tables in transactions; ``faults`` holds what no reader should ever see."""

    def __init__(self, client: "Redis", prefix: str, seed: int, *, one_time: bool = False) -> None:
        super().__init__(name="watcher", daemon=True)
        self._client: Any = client
        self._layout = Layout(prefix)
        self._dice = Random(f"watcher {seed}")
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._ids: list[tuple[str, str]] = []
        # Of each id: the newest version seen, and what stood there at the last versions.
        self._newest: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], dict[int, str]] = {}
        # T by worker and partition, or by partition alone: then it must not go back over a restart either.
        self._times: dict[str, str] = {}
        self._one_time = one_time
        self.faults: list[str] = []
        self.reads = 0

    def run(self) -> None:
        """Poll until ``finish``."""
        rounds = 0
        while not self._ending.wait(0.002):
            try:
                with self._lock:
                    if rounds % 50 == 0:
                        self._look_round()
                    self._look()
                rounds += 1
            except (RedisError, OSError):
                self._ending.wait(0.1)

    def forget(self) -> None:
        """Redis may have come back with older data: what was seen before counts no more."""
        with self._lock:
            self._newest.clear()
            self._seen.clear()

    @contextmanager
    def looking_away(self) -> Iterator[None]:
        """Not to look during the block, and to begin anew after it: Redis may hold older data then."""
        with self._lock:
            yield
            self._newest.clear()
            self._seen.clear()
            self._times.clear()

    def finish(self) -> None:
        """Stop."""
        self._ending.set()
        self.join(10)

    def _look_round(self) -> None:
        self._ids = [(scope, id) for scope in SCOPES for id in self._client.smembers(self._layout.index(scope))]
        rows = {field: msgspec.json.decode(text) for field, text in self._client.hgetall(self._layout.health).items()}
        if self._one_time:
            # Of two words on a partition the older one is of a worker that is gone.
            newest = sorted(rows.items(), key=lambda item: item[1].get("at") or "")
            rows = {field.rpartition(":")[2]: row for field, row in newest}
        for field, row in rows.items():
            now = row.get("T") or ""
            if not now:
                continue  # a new owner does not know it yet
            if now < self._times.get(field, ""):
                self._fault(f"T of {field} went back from {self._times[field]} to {now}")
            self._times[field] = now

    def _look(self) -> None:
        few = self._dice.sample(self._ids, min(FEW, len(self._ids)))
        if not few:
            return
        pipe = self._client.pipeline(transaction=True)
        for key in few:
            pipe.hgetall(self._layout.values(*key))
            pipe.hgetall(self._layout.counts(*key))
            pipe.hgetall(self._layout.meta(*key))
        replies = pipe.execute()
        self.reads += len(few)
        for at, key in enumerate(few):
            self._judge(key, *replies[3 * at : 3 * at + 3])

    def _judge(
        self, key: tuple[str, str], values: dict[str, str], counts: dict[str, str], meta: dict[str, str]
    ) -> None:
        name = f"{key[0]} {key[1]}"
        if not (values or counts or meta):
            return
        if not meta.get("version") or not counts or not values.keys() <= counts.keys():
            self._fault(f"{name}: half a table ({len(values)} values, {len(counts)} n, meta {sorted(meta)})")
            return
        version = int(meta["version"])
        if version < self._newest.get(key, 0):
            self._fault(f"{name}: version went back from {self._newest[key]} to {version}")
        self._newest[key] = max(version, self._newest.get(key, 0))
        told = hashlib.blake2b(repr((sorted(values.items()), sorted(counts.items()), sorted(meta.items()))).encode())
        seen = self._seen.setdefault(key, {})
        if seen.setdefault(version, told.hexdigest()) != told.hexdigest():
            self._fault(f"{name}: version {version} was seen with two contents: half of an update")
        while len(seen) > KEPT:
            del seen[min(seen)]

    def _fault(self, what: str) -> None:
        if len(self.faults) < 20:
            self.faults.append(what)
