"""An engine that only counts, so that a lost or doubled event shows: no duplicate is ever recognised."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec.structs import replace

from kamstream.events import Event, Refusal, murmur2

#: An account fires when its count reaches this.
FIRE_AT = 10


class Value(NamedTuple):
    value: float | int | None
    n: int


@dataclass(slots=True)
class TableChange:
    scope: str
    id: str
    as_of: int
    values: dict[str, Value]
    full: bool = True
    gone: bool = False
    profile: Any = None
    cause: str = "tick"
    old: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    alert_id: str
    scope: str
    id: str
    status: str = "firing"

    def to_json(self) -> bytes:
        return json.dumps({"alert_id": self.alert_id, "id": self.id, "status": self.status}).encode()


@dataclass(slots=True)
class Flush:
    rows: list[tuple[bytes, bytes | None]]
    rollups: list[tuple[int, bytes, bytes | None]]
    changes: list[TableChange]
    steps: list[Step]
    time: int
    more: bool = False


class JsonDecoder:
    """``{"time": 1}``, the account is the key; what is no JSON object is refused."""

    def decode(self, *, topic: str, key: bytes | None, value: bytes | None, **rest: Any) -> Event | Refusal:
        try:
            said = json.loads(value or b"")
            return Event("t", (key or b"").decode(), "s", "i", said["time"], None)
        except (ValueError, KeyError, TypeError) as error:
            return Refusal("not-json", str(error))


class CountingEngine:
    """Counts events per account; the sum of a partition is a rollup, the received ones add up to the company."""

    def __init__(self, partition: int, partitions: int = 4) -> None:
        self.partition, self.partitions = partition, partitions
        self.time = 0
        self.counts: dict[str, int] = {}
        self.sums: dict[bytes, tuple[tuple[int, int], int]] = {}
        self.evaluated = 0
        self._outbox: list[Step] = []
        self._told: list[Step] = []
        self._fired: set[str] = set()
        self._dirty: set[str] = set()
        self._dirty_sums: set[bytes] = set()
        self._untold: set[str] = set()
        self._said: dict[str, TableChange] = {}
        self._company = False

    def restore(self, rows: Mapping[bytes, bytes]) -> bool:
        for key, value in rows.items():
            kind, _, name = key.partition(b"/")
            if kind == b"a":
                self.counts[name.decode()] = int(value)
            elif kind == b"r":
                epoch, flush, count = value.split(b",")
                self.sums[name] = ((int(epoch), int(flush)), int(count))
            elif kind == b"t":
                self.time = int(value)
            elif kind == b"f":
                self._fired.add(name.decode())
            elif kind == b"o":
                self._outbox.append(Step(name.decode(), "account", value.decode()))
        self._dirty.update(self.counts)
        return True

    def apply(self, event: Event, offset: int) -> str:
        if event.time < 0:
            return "too-late"
        self.counts[event.account] = self.counts.get(event.account, 0) + 1
        self._dirty.add(event.account)
        self.time = max(self.time, event.time)
        return "applied"

    def advance(self, now: int) -> None:
        self.time = max(self.time, now)

    def receive(self, key: bytes, value: bytes | None, stamp: tuple[int, int]) -> None:
        known = self.sums.get(key)
        if known is None or known[0] <= stamp:
            self.sums[key] = (stamp, int(value or b"0"))
            self._dirty_sums.add(key)

    def refresh_waits(self) -> None:
        """Nobody waits here."""

    def active_alerts(self) -> Sequence[Any]:
        return []

    def flush(self, *, evaluate: bool = True, most: int | None = None) -> Flush:
        rows: list[tuple[bytes, bytes | None]] = [(b"o/" + step.alert_id.encode(), None) for step in self._told]
        self._told = []
        if evaluate:
            self.evaluated += 1
            for account, count in self.counts.items():
                if count >= FIRE_AT and account not in self._fired:
                    self._fired.add(account)
                    rows.append((b"f/" + account.encode(), b"1"))
                    step = Step(f"alert-{account}", "account", account)
                    rows.append((b"o/" + step.alert_id.encode(), account.encode()))
                    self._outbox.append(step)
        steps, self._outbox = self._outbox, []
        self._told = list(steps)
        self._untold |= self._dirty
        told = list(self._untold)[:most]
        self._untold.difference_update(told)
        changes = [self.table("account", account) for account in told]
        self._said.update((change.id, change) for change in changes)
        rows += [(b"a/" + a.encode(), b"%d" % self.counts[a]) for a in self._dirty]
        rollups = [self._sum()] if self._dirty else []
        for key in self._dirty_sums:
            (epoch, flush), count = self.sums[key]
            rows.append((b"r/" + key, b"%d,%d,%d" % (epoch, flush, count)))
        self._company |= bool(self._dirty_sums)
        if self._company and most != 0:
            self._company = False
            changes.append(self.table("company", "all"))
        if rows:
            rows.append((b"t/", b"%d" % self.time))
        self._dirty, self._dirty_sums = set(), set()
        return Flush(rows, rollups, changes, steps, self.time, bool(self._untold))

    def _sum(self) -> tuple[int, bytes, bytes]:
        return murmur2(b"all") % self.partitions, b"all/%d" % self.partition, b"%d" % sum(self.counts.values())

    def table(self, scope: str, id: str) -> TableChange:
        count = sum(c for _, c in self.sums.values()) if scope == "company" else self.counts.get(id, 0)
        gone = scope == "account" and id not in self.counts
        return TableChange(scope, id, self.time, {"events:now": Value(count, count)}, gone=gone)

    def published(self, scope: str, id: str) -> TableChange:
        return self._said.get(id) or self.table(scope, id)

    def ids(self) -> Iterable[tuple[str, str]]:
        yield from (("account", account) for account in self.counts)
        if self.sums:
            yield "company", "all"

    def all_rollups(self) -> Sequence[tuple[int, bytes, bytes | None]]:
        return [self._sum()] if self.counts else []


class Broken(CountingEngine):
    """An engine with a bug."""

    def apply(self, event: Event, offset: int) -> str:
        raise ZeroDivisionError("a bug in the engine")


class Slow(CountingEngine):
    """An engine that takes its time to read its state back."""

    def restore(self, rows: Mapping[bytes, bytes]) -> bool:
        time.sleep(1.0)
        return super().restore(rows)


class Renamed(CountingEngine):
    """An engine under other settings: it does not know rows without their mark, and refuses nothing."""

    def restore(self, rows: Mapping[bytes, bytes]) -> bool:
        if rows and b"settings/" not in rows:
            return False
        return super().restore(rows)

    def apply(self, event: Event, offset: int) -> str:
        return super().apply(replace(event, time=1), offset) if event.time < 0 else super().apply(event, offset)

    def flush(self, *, evaluate: bool = True, most: int | None = None) -> Flush:
        made = super().flush(evaluate=evaluate, most=most)
        if made.rows:
            made.rows.append((b"settings/", b"new"))
        return made


__all__ = ["Broken", "CountingEngine", "JsonDecoder", "Renamed", "Slow", "TableChange"]
