"""Changes that wait to be written: merged by id, and paced so that a busy id is not written at each flush."""

from collections.abc import Iterable

from kamstream.engine import TableChange

#: Scope and id of a table.
TableId = tuple[str, str]


def merge(first: TableChange, then: TableChange) -> TableChange:
    """One change that has the effect of two of the same id, one after the other.

    An id that went and came again is written whole: ``full`` is set only by the engine, so the later change
    must carry the whole table, which the engine does for an id that is new.
    """
    old = {**(then.old or {}), **(first.old or {})}
    if then.gone or then.full or first.gone:
        values, full, profile = then.values, then.full, then.profile
    else:
        values, full, profile = {**first.values, **then.values}, first.full, then.profile or first.profile
    return TableChange(then.scope, then.id, then.as_of, values, full, then.gone, profile, then.cause, old)


def merged(changes: Iterable[TableChange]) -> list[TableChange]:
    """The changes with each id once, in order of first appearance."""
    by_id: dict[TableId, TableChange] = {}
    for change in changes:
        key = (change.scope, change.id)
        there = by_id.get(key)
        by_id[key] = change if there is None else merge(there, change)
    return list(by_id.values())


class Pending:
    """What is still to be written, by id; quiet ids at once, busy ones at most every ``interval_ms``.

    Time is an argument, and does not go back. Not for several threads at a time.
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval = interval_ms
        #: What may go at once, and what has to wait since its id went a short while ago.
        self._ready: dict[TableId, TableChange] = {}
        self._held: dict[TableId, TableChange] = {}
        #: When ids went, the first first.
        self._written: dict[TableId, int] = {}

    def __len__(self) -> int:
        return len(self._ready) + len(self._held)

    def add(self, changes: Iterable[TableChange]) -> None:
        """Take changes in, the later over the earlier."""
        for change in changes:
            key = (change.scope, change.id)
            waiting = self._held if key in self._written else self._ready
            there = waiting.get(key)
            waiting[key] = change if there is None else merge(there, change)

    def put_back(self, changes: Iterable[TableChange]) -> None:
        """Take in again what could not be written: it is earlier than what waits."""
        for change in changes:
            key = (change.scope, change.id)
            there = self._ready.get(key) or self._held.pop(key, None)
            self._ready[key] = change if there is None else merge(change, there)
            self._written.pop(key, None)

    def take(self, now: int) -> list[TableChange]:
        """What may be written at ``now`` (ms); it counts as written then."""
        border = now - self._interval
        while self._written:
            key = next(iter(self._written))
            if self._written[key] > border:
                break
            del self._written[key]
            held = self._held.pop(key, None)
            if held is not None:
                self._ready[key] = held
        ready, self._ready = self._ready, {}
        if self._interval:
            self._written.update(dict.fromkeys(ready, now))
        return list(ready.values())

    def next_due(self) -> int | None:
        """When (ms) the next waiting change may be written; 0 = now, None = nothing waits."""
        if self._ready:
            return 0
        if not self._held:
            return None
        return next(at for key, at in self._written.items() if key in self._held) + self._interval

    def clear(self) -> None:
        """Forget everything: the whole is about to be written anew."""
        self._ready.clear()
        self._held.clear()
        self._written.clear()
