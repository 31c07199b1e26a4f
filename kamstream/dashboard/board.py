"""The live tables as one copy in memory, and what changed in it: pure, fed by ``feed``.

All visitors share one board. It answers per id; nothing here walks over all accounts except to build a first view.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from kamstream.alerts.record import AlertRecord
from kamstream.dashboard.alarms import Alarms, field_of
from kamstream.engine import Value
from kamstream.live import LiveTable, Meta

COMPANY_ID = "all"
#: In the order in which they are read: few before many.
SCOPES = ("company", "kam", "account")


@dataclass(slots=True)
class Entry:
    """One id's table: its values by ``kpi:window``, and what stands beside them."""

    values: dict[str, Value]
    meta: Meta


class Place(NamedTuple):
    """Where a value stands."""

    scope: str
    id: str
    field: str


@dataclass(slots=True)
class Changes:
    """What became different since the last look.

    ``cells`` and whole ``rows`` (scope, id) are to be shown anew, ``gone`` rows taken away; ``alarms`` and
    ``health`` say whether those moved; ``reset`` means that everything may be different.
    """

    cells: set[Place] = field(default_factory=set)
    rows: set[tuple[str, str]] = field(default_factory=set)
    gone: set[tuple[str, str]] = field(default_factory=set)
    alarms: bool = False
    health: bool = False
    reset: bool = False

    def __bool__(self) -> bool:
        return bool(self.cells or self.rows or self.gone or self.alarms or self.health or self.reset)


class Board:
    """The tables of all scopes with the alerts that fire; every change is noted until ``take`` collects it."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Entry]] = {scope: {} for scope in SCOPES}
        self.alarms = Alarms()
        self.fields: set[str] = set()
        self.sequence = 0
        self._portfolios: dict[str, set[str]] = {}
        self._changes = Changes()

    def entry(self, scope: str, id_: str) -> Entry | None:
        """One id's table, None where there is none."""
        return self.entries[scope].get(id_)

    def cell(self, place: Place) -> Value | None:
        """One value, None where the table has no such field."""
        entry = self.entries[place.scope].get(place.id)
        return entry.values.get(place.field) if entry else None

    def name(self, scope: str, id_: str) -> str:
        """What to call an id: its profile's name, else the id itself."""
        if scope == "company":
            return "Company"
        entry = self.entries[scope].get(id_)
        return (entry.meta.name if entry else None) or id_

    def portfolio(self, kam_id: str) -> frozenset[str]:
        """The accounts whose profile names this KAM."""
        return frozenset(self._portfolios.get(kam_id, ()))

    def put(self, table: LiveTable) -> None:
        """Take over an id's whole table as it stands in Redis; only what differs counts as a change."""
        scope, id_ = table.scope, table.id
        entry = self.entries[scope].get(id_)
        old_kam, old_name = (entry.meta.kam_id, entry.meta.name) if entry else (None, None)
        if entry is None:
            self._changes.rows.add((scope, id_))
            self._changes.gone.discard((scope, id_))
        else:
            different = {name for name, value in table.values.items() if entry.values.get(name) != value}
            different.update(entry.values.keys() - table.values.keys())
            self._changes.cells.update(Place(scope, id_, name) for name in different)
            if _profile(entry.meta) != _profile(table.meta):
                self._changes.rows.add((scope, id_))
        # Every table arrives with field names of its own; shared ones take a fraction of the memory.
        values = {sys.intern(name): value for name, value in table.values.items()}
        self.entries[scope][id_] = Entry(values, table.meta)
        if scope == "account":
            self._move(id_, old_kam, table.meta.kam_id)
        elif scope == "kam" and table.meta.name != old_name:
            # The accounts' rows say their manager's name.
            self._changes.rows.update(("account", account) for account in self._portfolios.get(id_, ()))
        self._know(table.values)

    def set(self, place: Place, value: Value) -> bool:
        """Take over one value of an update; False where the id is not known yet and its table must be read."""
        entry = self.entries[place.scope].get(place.id)
        if entry is None:
            return False
        if entry.values.get(place.field) != value:
            entry.values[place.field] = value
            self._know((place.field,))
            self._changes.cells.add(place)
        return True

    def keep(self, scope: str, ids: Iterable[str]) -> list[str]:
        """Drop what is not among ``ids``, all that exist; returns those whose tables have to be read."""
        wanted = set(ids)
        for id_ in self.entries[scope].keys() - wanted:
            entry = self.entries[scope].pop(id_)
            if scope == "account":
                self._move(id_, entry.meta.kam_id, None)
            self._changes.gone.add((scope, id_))
            self._changes.rows.discard((scope, id_))
        return sorted(wanted - self.entries[scope].keys())

    def ring(self, active: Iterable[AlertRecord], resolved: Iterable[AlertRecord]) -> None:
        """Take over the alerts that fire and those that lately stopped."""
        touched = self.alarms.replace(active, resolved)
        if touched is None:
            return
        self._changes.alarms = True
        for alarm in touched:
            self._changes.cells.add(Place(alarm.scope, alarm.id, field_of(alarm)))
            self._changes.rows.add((alarm.scope, alarm.id))
            entry = self.entry("account", alarm.id) if alarm.scope == "account" else None
            if entry and entry.meta.kam_id:
                self._changes.rows.add(("kam", entry.meta.kam_id))

    def note(self, *, health: bool = False, reset: bool = False) -> None:
        """Say that the health moved, or that everything has to be shown anew."""
        self._changes.health |= health
        self._changes.reset |= reset

    def take(self) -> Changes:
        """The changes since the last call; the board's sequence number grows when there are any."""
        changes, self._changes = self._changes, Changes()
        if changes:
            self.sequence += 1
        return changes

    def _know(self, fields: Iterable[str]) -> None:
        """Note fields seen; a new one may be a new column, so everything is shown anew."""
        new = set(fields) - self.fields
        if new:
            self.fields |= new
            self._changes.reset = True

    def _move(self, account: str, old: str | None, new: str | None) -> None:
        if old == new and (not new or account in self._portfolios.get(new, ())):
            return
        for kam, present in ((old, False), (new, True)):
            if not kam:
                continue
            members = self._portfolios.setdefault(kam, set())
            (members.add if present else members.discard)(account)
            self._changes.rows.add(("kam", kam))


def _profile(meta: Meta) -> tuple[str | None, ...]:
    return meta.name, meta.kam_id, meta.segment, meta.tier
