"""A case: one alert as the notifier knows it, and what each address has been told of it."""

import msgspec
from msgspec.structs import replace

from kamstream.alerts.record import AlertRecord


class Told(msgspec.Struct, frozen=True):
    """When (wall clock, epoch ms) an address was first and last told that it fires, and that it is over."""

    firing: int | None = None
    last: int | None = None
    resolved: int | None = None


class Case(msgspec.Struct, frozen=True):
    """The alert's records, when they were seen, and what was told. `closed`: nothing is left to be told."""

    firing: AlertRecord
    seen: int
    resolved: AlertRecord | None = None
    resolved_seen: int = 0
    told: dict[str, Told] = {}
    closed: int | None = None

    @property
    def record(self) -> AlertRecord:
        """The newest record."""
        return self.resolved or self.firing

    @property
    def first_told(self) -> int | None:
        """When anybody was first told."""
        return min((told.firing for told in self.told.values() if told.firing is not None), default=None)


def fold(case: Case | None, record: AlertRecord, now: int) -> Case | None:
    """The case after a record; the same object when the record says nothing new (a repeat, a backfill)."""
    if record.status == "firing":
        return Case(record, now) if case is None and record.deliver else case
    if case is None or case.resolved is not None:
        return case
    # A backfill ends an alert without a word.
    return replace(case, resolved=record, resolved_seen=now, closed=None if record.deliver else now)


def tell(case: Case, key: str, now: int) -> Case:
    """The case after the address was told where it stands."""
    return _note(case, key, now, over=case.resolved is not None)


def tell_firing(case: Case, key: str, now: int) -> Case:
    """The case after the address was told that it fires, whatever has been learned since."""
    return _note(case, key, now, over=False)


def _note(case: Case, key: str, now: int, *, over: bool) -> Case:
    before = case.told.get(key, Told())
    first = now if before.firing is None else before.firing
    after = Told(first, now, now if over else before.resolved)
    return replace(case, told={**case.told, key: after})


def encode(case: Case) -> bytes:
    """The case as JSON."""
    return msgspec.json.encode(case)


def decode(row: bytes) -> Case:
    """The case that `encode` wrote; msgspec.MsgspecError when it is not one."""
    return msgspec.json.decode(row, type=Case)
