"""The engine: one partition's pure core. Events and time go in; rows, rollups, table changes and alerts come out.

    engine = Engine(config)
    engine.apply(event, offset)          # or advance(now), receive(key, payload, stamp)
    flush = engine.flush()

The worker, ``compute``, the back-test, ``verify`` and the tests all run this engine. It awaits nothing, reads no
clock, and knows no broker. It owns its state and mutates it; what must outlive it leaves as rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import islice

from kamstream.alerts import AlertRecord
from kamstream.engine.account import Account, Journal
from kamstream.engine.alarms import Alarms
from kamstream.engine.config import COMPANY_ID, Config
from kamstream.engine.intake import Intake
from kamstream.engine.ledger import Ledger, Totals
from kamstream.engine.plan import Plan
from kamstream.engine.restoring import sort_rows
from kamstream.engine.rows import FINGERPRINT_KEY, TIME_KEY, decode, encode
from kamstream.engine.scopes import Received, Rollup, ScopeId, Scopes, scope_key
from kamstream.engine.sheet import Sheet
from kamstream.engine.store import collect
from kamstream.engine.tables import Reader, Table, TableChange, Value, waits_of
from kamstream.entities.fact import Profile
from kamstream.events import Event, murmur2

#: The key of the row that ends a takeover: all of a partition's sums have been sent.
COMPLETE = b"complete "


@dataclass(slots=True)
class Flush:
    """What changed since the last flush.

    ``rows`` are state (None: deleted); ``rollups`` go to other partitions; ``changes`` to the live tables; ``steps``
    are alert records, durable in ``rows``. ``time`` is T. ``more`` says that ids are left for the next flush.
    """

    rows: Sheet
    rollups: list[Rollup]
    changes: list[TableChange]
    steps: list[AlertRecord]
    time: int
    more: bool = False


class Engine:
    """One partition's pure core.

    ``until`` is for asking the past: accepted events later than that have no effect. ``journal`` is told of every
    fact that is posted or taken back, for ``why``.
    """

    def __init__(
        self, config: Config, *, partition: int = 0, until: int | None = None, journal: Journal | None = None
    ) -> None:
        self.config = config
        self.partition = partition
        self._plan = Plan(config)
        self._scopes = Scopes(self._plan, partition)
        self._received = Received(self._plan)
        self._alarms = Alarms(config.rules)
        self._reader = Reader(self._plan)
        terms = replace(config.terms(), wants=self._plan.wants if journal is None else None)
        self._intake = Intake(self._plan, self._scopes, terms, journal, until)
        self._shared = self._intake.shared
        #: Ids whose values may have changed, in the order in which they did, with the cause.
        self._dirty: dict[ScopeId, str] = {}
        #: Ids that were not handed over since a takeover, the next one last; those that anything happens to go first.
        self._owed: list[ScopeId] = []
        self._tables: dict[ScopeId, Table] = {}
        #: Ids that nobody watched for a while: what ran out meanwhile counts only if their new values agree.
        self._unwatched: set[ScopeId] = set()
        self._table_dues: list[tuple[int, ScopeId]] = []
        self._rows: dict[bytes, bytes | None] = {}
        self._stored_time = -1
        self._waited_at = 0
        self._waiting: set[ScopeId] = set()
        self._names = [field.name for field in self._plan.fields]
        #: The fields that some alert rule watches, by their places.
        self._watched = [(i, name) for i, name in enumerate(self._names) if name in self._alarms.watched]
        self._moving = any(field.kpi.name == "oldest_wait" for field in self._plan.fields)
        self._has_accounts = "account" in config.scopes
        self._dirty_own_company()

    # -- in ----------------------------------------------------------------------------------------------------

    @property
    def time(self) -> int:
        """T, epoch milliseconds; 0 before the first event."""
        return self._shared.now

    def apply(self, event: Event, offset: int = 0) -> str:
        """Let an event in: ``applied``, ``duplicate`` or ``too-late``; only the first moves anything."""
        return self._intake.apply(event)

    def advance(self, now: int) -> None:
        """Move T on to ``now``; never back."""
        self._intake.advance(now)

    def receive(self, key: bytes, payload: bytes | None, stamp: tuple[int, int]) -> None:
        """Take in a row of sums that a partition sent; ``stamp`` is its (epoch, flush)."""
        if key.startswith(COMPLETE):
            for changed in self._received.complete(int(key.removeprefix(COMPLETE)), stamp[0], self._rows):
                self._dirty[changed] = "tick"
            return
        changed_id = self._received.receive(key, payload, stamp, self._rows)
        if changed_id:
            self._dirty[changed_id] = "tick"

    def refresh_waits(self) -> None:
        """Have the values computed anew that time alone moves, of all ids where somebody waits."""
        if self._waited_at == self.time:
            return
        self._waited_at = self.time
        for key in self._waiting:
            self._dirty.setdefault(key, "tick")

    # -- out ---------------------------------------------------------------------------------------------------

    def flush(self, *, evaluate: bool = True, most: int | None = None) -> Flush:
        """Hand over all that changed; values of at most ``most`` ids. Without ``evaluate`` no alert takes a step."""
        now, frame = self.time, self._shared.frame
        sheet = self._collect_accounts()
        while self._table_dues and self._table_dues[0][0] <= now:
            due, key = heappop(self._table_dues)
            table = self._tables.get(key)
            if table is not None and table.watched == due:
                table.watched = 0
            self._dirty.setdefault(key, "tick")
        if evaluate:
            for key in self._alarms.falling_due(now):
                self._dirty.setdefault(key, "tick")
        rollups = self._scopes.collect(frame, self._rows)
        # Before the first event and the first tick there is no T that values could be of.
        changes = self._changes(evaluate, most) if now else []
        steps = self._alarms.collect(self._rows)
        if now != self._stored_time:
            self._rows[TIME_KEY] = encode(now)
            if self._stored_time < 0:
                self._rows[FINGERPRINT_KEY] = self.config.fingerprint().encode()
            self._stored_time = now
        for row, value in self._rows.items():
            sheet.put(row, value)
        self._rows = {}
        return Flush(sheet, rollups, changes, steps, now, bool(now and (self._dirty or self._owed)))

    def _collect_accounts(self) -> Sheet:
        """The rows of all accounts that something happened to, whose values may have changed: each is met once."""
        sheet = Sheet()
        for account in self._intake.touched:
            if self._has_accounts:
                source = account.by_source
                self._dirty["account", account.id] = "tick" if source is None else f"{source}/{account.by_id}"
            collect(account, sheet)
            account.touched, account.by_source, account.by_id = False, None, None
        self._intake.collected()
        return sheet

    def _changes(self, evaluate: bool, most: int | None) -> list[TableChange]:
        """The changes of dirty ids, of at most so many, the longest dirty first, then those that are owed."""
        changes: list[TableChange] = []
        while most is None or len(changes) < most:
            room = None if most is None else most - len(changes)
            ids = list(islice(self._dirty.items(), room))
            for key, _ in ids:
                del self._dirty[key]
            ids = ids or self._next_owed(room)
            if not ids:
                break
            for key, cause in ids:
                change = self._change(key, cause, evaluate)
                if change:
                    changes.append(change)
        return changes

    def _next_owed(self, room: int | None) -> list[tuple[ScopeId, str]]:
        """Some ids that are owed and were not handed over on another occasion."""
        ids: list[tuple[ScopeId, str]] = []
        while self._owed and (room is None or len(ids) < room):
            key = self._owed.pop()
            if key not in self._tables:
                ids.append((key, "tick"))
        return ids

    def table(self, scope: str, id: str) -> TableChange:
        """The whole table of an id as it stands."""
        values, totals = self._values((scope, id))
        if not self._qualifies((scope, id), totals):
            return TableChange(scope, id, self.time, {}, full=True, gone=True)
        return self._whole((scope, id), dict(zip(self._names, values, strict=True)), "tick")

    def published(self, scope: str, id: str) -> TableChange:
        """The whole table of an id as flushes handed it over; as it stands where none did yet."""
        known = self._tables.get((scope, id))
        if known is None or not known.is_read:
            return self.table(scope, id)
        whole = self._whole((scope, id), self._reader.snapshot(known), "tick")
        whole.as_of = known.time
        return whole

    def ids(self) -> Iterator[ScopeId]:
        """Every id that has a table here."""
        if self._has_accounts:
            for id in list(self._intake.accounts):
                account = self._account(id)
                if account and account.born:
                    yield "account", id
        yield from [key for key in self._received.ids() if key[0] != "company"]
        if self._owns_company():
            yield "company", COMPANY_ID

    def all_rollups(self) -> list[Rollup]:
        """Everything an owner that takes over sends again, and the markers that say so to every partition."""
        marker = COMPLETE + b"%d" % self.partition
        return [*self._scopes.all(), *((target, marker, None) for target in range(self.config.partitions))]

    def active_alerts(self) -> list[AlertRecord]:
        """The alerts of this partition's ids that are firing."""
        return self._alarms.active(_Profiles(self))

    def profile(self, account: str) -> Profile | None:
        """The standing profile of an account."""
        there = self._account(account)
        return there.profile if there else None

    def restore(self, rows: Mapping[bytes, bytes]) -> bool:
        """Take over stored state, before anything else; False where it was kept under other settings."""
        if rows.get(FINGERPRINT_KEY, self.config.fingerprint().encode()) != self.config.fingerprint().encode():
            return False
        restore = _Restore(self, rows)
        restore.families()
        self._stored_time = self.time if TIME_KEY in rows else -1
        self._alarms.drop_removed(self.time)
        self.touch_all()
        return True

    def touch_all(self) -> None:
        """Have the values of every id computed and handed over whole."""
        self._tables.clear()
        self._table_dues.clear()
        self._dirty_own_company()
        self._owed = self._received.ids()
        if self._has_accounts:
            self._owed += [("account", id) for id in self._intake.accounts]
        self._unwatched = {*self._owed, *self._dirty}

    # -- inside ------------------------------------------------------------------------------------------------

    def _account(self, id: str) -> Account | None:
        return self._intake.account(id)

    def _owns_company(self) -> bool:
        wanted = "company" in self.config.scopes
        return wanted and murmur2(COMPANY_ID.encode()) % self.config.partitions == self.partition

    def _dirty_own_company(self) -> None:
        if self._owns_company():
            self._dirty["company", COMPANY_ID] = "tick"

    def _ledger(self, key: ScopeId) -> Ledger | None:
        if key[0] != "account":
            return self._received.ledger(*key)
        account = self._account(key[1])
        return account.ledger if account else None

    def _values(self, key: ScopeId) -> tuple[list[Value], Totals | None]:
        return self._reader.values(self._ledger(key), self._plan.frame(self.time), self.time)

    def _qualifies(self, key: ScopeId, totals: Totals | None) -> bool:
        if key[0] == "company":
            return True
        if key[0] == "kam":
            return bool(totals and totals.held)
        account = self._account(key[1])
        return bool(account and account.born)

    def _change(self, key: ScopeId, cause: str, evaluate: bool) -> TableChange | None:
        """What an id's table changed by since it was last handed over; None where nothing did."""
        known = self._tables.get(key)
        table = Table() if known is None else known
        first, ledger = not table.is_read, self._ledger(key)
        totals = self._reader.refresh(table, ledger, self._shared.frame, self.time, key[0] == "kam")
        if not self._qualifies(key, totals):
            return self._gone(key, cause)
        if known is None:
            self._tables[key] = table
        self._watch(key, table, ledger)
        if evaluate:
            self._evaluate(key, table)
        if first:
            return self._whole(key, self._reader.snapshot(table), cause)
        moved = table.moved
        if not moved and cause == "tick":
            return None
        names = self._names
        profile = self.profile(key[1]) if key[0] == "account" else None
        return TableChange(
            *key, self.time, {names[i]: table.value(i) for i, _ in moved}, profile=profile, cause=cause,
            old={names[i]: old for i, old in moved},
        )  # fmt: skip

    def _gone(self, key: ScopeId, cause: str) -> TableChange | None:
        self._waiting.discard(key)
        self._alarms.gone(*key, self.time, self._is_live(key))
        if self._tables.pop(key, None) is None:
            return None
        return TableChange(*key, self.time, {}, full=True, gone=True, cause=cause)

    def _whole(self, key: ScopeId, values: Mapping[str, Value], cause: str) -> TableChange:
        profile = self.profile(key[1]) if key[0] == "account" else None
        return TableChange(key[0], key[1], self.time, values, True, False, profile, cause)

    def _watch(self, key: ScopeId, table: Table, ledger: Ledger | None) -> None:
        """Note when time alone next changes the id's values."""
        due = table.due
        if due is not None and (table.watched == 0 or due < table.watched):
            heappush(self._table_dues, (due, key))
            table.watched = due
        waits = waits_of(ledger) if self._moving else None
        if waits is None:
            table.waits = None
            self._waiting.discard(key)
            return
        self._waiting.add(key)
        if table.waits == waits:
            return
        table.waits = waits
        for rule in self._alarms.rules_of(key[0]):
            if rule.kpi == "oldest_wait":
                crossing = waits + int(rule.fire.limit * 1000)
                for moment in (crossing, crossing + 1):
                    if moment > self.time:
                        heappush(self._table_dues, (moment, key))

    def _evaluate(self, key: ScopeId, table: Table) -> None:
        if not self._alarms.rules_of(key[0]):
            return
        by_name = {name: table.value(index) for index, name in self._watched}
        profile = self.profile(key[1]) if key[0] == "account" else None
        gap = key in self._unwatched
        self._unwatched.discard(key)
        self._alarms.evaluate(*key, by_name, self.time, profile=profile, live=self._is_live(key), gap=gap)

    def _is_live(self, key: ScopeId) -> bool:
        if key[0] != "account":
            return self._received.is_live(key)
        account = self._account(key[1])
        return account.live if account else True


class _Profiles(Mapping[str, Profile | None]):
    """The profiles of an engine's accounts, looked up when asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getitem__(self, account: str) -> Profile | None:
        return self._engine.profile(account)

    def __iter__(self) -> Iterator[str]:
        return iter(self._engine._intake.accounts)

    def __len__(self) -> int:
        return len(self._engine._intake.accounts)


class _Restore:
    """Sorts stored rows into an engine, by the family letter of their keys."""

    def __init__(self, engine: Engine, rows: Mapping[bytes, bytes]) -> None:
        self._engine = engine
        self._rows = rows
        self.time: int = decode(rows[TIME_KEY]) if TIME_KEY in rows else 0

    def families(self) -> None:
        """Put every row where it belongs; accounts stay bytes until they are touched."""
        engine = self._engine
        accounts, dues, rest = sort_rows(self._rows)
        engine._intake.restore(self.time, accounts, dues)
        for key, value in rest:
            self._other(chr(key[0]), key, value)
        for number, value in sorted((int(key[1:]), value) for key, value in rest if key[:1] == b"O"):
            engine._alarms.restore_outbox(number, value)

    def _other(self, family: str, key: bytes, value: bytes) -> None:
        engine = self._engine
        if family == "S":
            engine._scopes.put(*scope_key(key), value)
        elif family == "R":
            engine._received.restore(key[1:], value)
        elif family == "B":
            engine._received.restore_backfilled(*decode(key[1:]))
        elif family == "E":
            engine._received.restore_epoch(int(key[1:]), decode(value))
        elif family == "L":
            engine._alarms.restore(key[1:], value)


__all__ = ["Engine", "Flush", "TableChange", "Value"]
