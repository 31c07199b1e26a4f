"""Changes that wait to be written: merged by id, and paced so that a busy id is not written at each flush."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kamstream.engine import TableChange

#: Scope and id of a table.
TableId = tuple[str, str]


def merge(first: "TableChange", then: "TableChange") -> "TableChange":
    """One change that has the effect of two of the same id, one after the other.

    An id that went and came again is written whole: ``full`` is set only by the engine, so the later change
    must carry the whole table, which the engine does for an id that is new.
    """
    old = {**(then.old or {}), **(first.old or {})}
    if then.gone or then.full or first.gone:
        return replace(then, old=old)
    return replace(
        then,
        values={**first.values, **then.values},
        full=first.full,
        profile=then.profile or first.profile,
        old=old,
    )


def merged(changes: Iterable["TableChange"]) -> "list[TableChange]":
    """The changes with each id once, in order of first appearance."""
    by_id: dict[TableId, TableChange] = {}
    for change in changes:
        key = (change.scope, change.id)
        there = by_id.get(key)
        by_id[key] = change if there is None else merge(there, change)
    return list(by_id.values())


class Pending:
    """What is still to be written, by id; quiet ids at once, busy ones at most every ``interval_ms``.

    Time is an argument. Not for several threads at a time.
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval = interval_ms
        self._waiting: dict[TableId, TableChange] = {}
        self._written: dict[TableId, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, changes: "Iterable[TableChange]") -> None:
        """Take changes in, the later over the earlier."""
        for change in changes:
            key = (change.scope, change.id)
            there = self._waiting.get(key)
            self._waiting[key] = change if there is None else merge(there, change)

    def put_back(self, changes: "Iterable[TableChange]") -> None:
        """Take in again what could not be written: it is earlier than what waits."""
        for change in changes:
            key = (change.scope, change.id)
            there = self._waiting.get(key)
            self._waiting[key] = change if there is None else merge(change, there)
            self._written.pop(key, None)

    def take(self, now: int) -> "list[TableChange]":
        """What may be written at ``now`` (ms); it counts as written then."""
        border = now - self._interval
        self._written = {key: at for key, at in self._written.items() if at > border}
        ready = [key for key in self._waiting if key not in self._written]
        self._written.update(dict.fromkeys(ready, now))
        return [self._waiting.pop(key) for key in ready]

    def next_due(self) -> int | None:
        """When (ms) the next waiting change may be written; 0 = now, None = nothing waits."""
        if not self._waiting:
            return None
        due = (self._written[key] + self._interval if key in self._written else 0 for key in self._waiting)
        return min(due)

    def clear(self) -> None:
        """Forget everything: the whole is about to be written anew."""
        self._waiting.clear()
        self._written.clear()
