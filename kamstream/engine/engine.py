"""The engine: one partition's pure core. Events and time go in; rows, rollups, table changes and alerts come out.

    engine = Engine(config)
    engine.apply(event, offset)          # or advance(now), receive(key, payload, stamp)
    flush = engine.flush()

The worker, ``compute``, the back-test, ``verify`` and the tests all run this engine. It awaits nothing, reads no
clock, and knows no broker. It owns its state and mutates it; what must outlive it leaves as rows.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from kamstream.alerts import AlertRecord
from kamstream.engine.account import Account, Journal, Shared
from kamstream.engine.alarms import Alarms
from kamstream.engine.config import COMPANY_ID, Config
from kamstream.engine.ledger import Ledger, Totals
from kamstream.engine.plan import Plan
from kamstream.engine.rows import FINGERPRINT_KEY, TIME_KEY, decode, encode
from kamstream.engine.scopes import Received, Rollup, ScopeId, Scopes, scope_key
from kamstream.engine.tables import Reader, TableChange, Value, waits_of
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

    rows: list[tuple[bytes, bytes | None]]
    rollups: list[Rollup]
    changes: list[TableChange]
    steps: list[AlertRecord]
    time: int
    more: bool = False


@dataclass(slots=True)
class _Dirty:
    """Ids whose values may have changed, in the order in which they did, with the cause."""

    ids: "OrderedDict[ScopeId, str]" = field(default_factory=OrderedDict)

    def add(self, key: ScopeId, cause: str) -> None:
        self.ids[key] = cause


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
        self.time = 0
        self._until = until
        self._plan = Plan(config)
        self._scopes = Scopes(self._plan, partition)
        self._received = Received(self._plan)
        self._alarms = Alarms(config.rules)
        self._reader = Reader(self._plan)
        self._shared = Shared(self._plan, self._scopes, config.terms(), self._schedule)
        self._shared.journal = journal
        self._accounts: dict[str, Account | list[tuple[bytes, bytes]]] = {}
        self._touched: set[str] = set()
        self._dirty = _Dirty()
        self._published: dict[ScopeId, list[Value]] = {}
        #: Ids that nobody watched for a while: what ran out meanwhile counts only if their new values agree.
        self._unwatched: set[ScopeId] = set()
        self._entity_dues: list[tuple[int, str, str]] = []
        self._table_dues: list[tuple[int, ScopeId]] = []
        self._rows: dict[bytes, bytes | None] = {}
        self._stored_time = -1
        self._waited_at = 0
        self._waiting: set[ScopeId] = set()
        self._names = [field.name for field in self._plan.fields]
        self._moving = [i for i, field in enumerate(self._plan.fields) if field.kpi.name == "oldest_wait"]
        self._dirty_own_company()

    # -- in ----------------------------------------------------------------------------------------------------

    def apply(self, event: Event, offset: int = 0) -> str:
        """Let an event in: ``applied``, ``duplicate`` or ``too-late``; only the first moves anything."""
        account = self._account(event.account) or Account(event.account, self._shared)
        verdict = account.judge(event)
        if verdict != "applied":
            return verdict
        self._accounts[event.account] = account
        self._touched.add(event.account)
        if self._until is not None and event.time > self._until:
            return verdict
        if event.time > self.time:
            self.advance(event.time)
        account.take(event)
        if "account" in self.config.scopes:
            self._dirty.add(("account", event.account), f"{event.source}/{event.id}")
        return verdict

    def advance(self, now: int) -> None:
        """Move T on to ``now``; never back."""
        if now <= self.time:
            return
        self.time = self._shared.now = now
        self._shared.frame = self._plan.frame(now)
        while self._entity_dues and self._entity_dues[0][0] <= now:
            _, id, key = heappop(self._entity_dues)
            account = self._account(id)
            if account and account.fall_due(key):
                self._touched.add(id)
                self._dirty.add(("account", id), "tick")

    def receive(self, key: bytes, payload: bytes | None, stamp: tuple[int, int]) -> None:
        """Take in a row of sums that a partition sent; ``stamp`` is its (epoch, flush)."""
        if key.startswith(COMPLETE):
            for changed in self._received.complete(int(key.removeprefix(COMPLETE)), stamp[0], self._rows):
                self._dirty.add(changed, "tick")
            return
        changed_id = self._received.receive(key, payload, stamp, self._rows)
        if changed_id:
            self._dirty.add(changed_id, "tick")

    def refresh_waits(self) -> None:
        """Have the values computed anew that time alone moves, of all ids where somebody waits."""
        if self._waited_at == self.time:
            return
        self._waited_at = self.time
        for key in self._waiting:
            self._dirty.ids.setdefault(key, "tick")

    # -- out ---------------------------------------------------------------------------------------------------

    def flush(self, *, evaluate: bool = True, most: int | None = None) -> Flush:
        """Hand over all that changed; values of at most ``most`` ids. Without ``evaluate`` no alert takes a step."""
        now, frame = self.time, self._plan.frame(self.time)
        while self._table_dues and self._table_dues[0][0] <= now:
            self._dirty.ids.setdefault(heappop(self._table_dues)[1], "tick")
        if evaluate:
            for key in self._alarms.falling_due(now):
                self._dirty.ids.setdefault(key, "tick")
        rollups = self._scopes.collect(frame, self._rows)
        changes: list[TableChange] = []
        while self._dirty.ids and (most is None or len(changes) < most):
            key, cause = self._dirty.ids.popitem(last=False)
            change = self._change(key, cause, evaluate)
            if change:
                changes.append(change)
        for id in self._touched:
            account = self._account(id)
            if account:
                account.collect(self._rows)
        self._touched.clear()
        steps = self._alarms.collect(self._rows)
        if now != self._stored_time:
            self._rows[TIME_KEY] = encode(now)
            if self._stored_time < 0:
                self._rows[FINGERPRINT_KEY] = self.config.fingerprint().encode()
            self._stored_time = now
        rows, self._rows = list(self._rows.items()), {}
        return Flush(rows, rollups, changes, steps, now, bool(self._dirty.ids))

    def table(self, scope: str, id: str) -> TableChange:
        """The whole table of an id as it stands."""
        values, totals = self._values((scope, id))
        if not self._qualifies((scope, id), totals):
            return TableChange(scope, id, self.time, {}, full=True, gone=True)
        return self._whole((scope, id), values, "tick")

    def ids(self) -> Iterator[ScopeId]:
        """Every id that has a table here."""
        if "account" in self.config.scopes:
            for id in list(self._accounts):
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
        self.time = self._shared.now = restore.time
        self._stored_time = self.time if TIME_KEY in rows else -1
        self._shared.frame = self._plan.frame(self.time)
        restore.families()
        self._alarms.drop_removed(self.time)
        self.touch_all()
        return True

    def touch_all(self) -> None:
        """Have the values of every id computed and handed over whole."""
        self._published.clear()
        if "account" in self.config.scopes:
            for id in self._accounts:
                self._dirty.add(("account", id), "tick")
        for key in self._received.ids():
            self._dirty.add(key, "tick")
        self._dirty_own_company()
        self._unwatched = set(self._dirty.ids)

    # -- inside ------------------------------------------------------------------------------------------------

    def _schedule(self, due: int, account: str, key: str) -> None:
        heappush(self._entity_dues, (due, account, key))

    def _account(self, id: str) -> Account | None:
        account = self._accounts.get(id)
        if isinstance(account, list):
            account = self._accounts[id] = Account.restored(id, account, self._shared)
            while self._entity_dues and self._entity_dues[0][0] <= self.time:
                _, due_id, key = heappop(self._entity_dues)
                there = self._accounts.get(due_id)
                if isinstance(there, Account) and there.fall_due(key):
                    self._touched.add(due_id)
                    self._dirty.add(("account", due_id), "tick")
        return account

    def _owns_company(self) -> bool:
        wanted = "company" in self.config.scopes
        return wanted and murmur2(COMPANY_ID.encode()) % self.config.partitions == self.partition

    def _dirty_own_company(self) -> None:
        if self._owns_company():
            self._dirty.add(("company", COMPANY_ID), "tick")

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
        values, totals = self._values(key)
        if not self._qualifies(key, totals):
            self._waiting.discard(key)
            self._alarms.gone(*key, self.time, self._is_live(key))
            if self._published.pop(key, None) is None:
                return None
            return TableChange(*key, self.time, {}, full=True, gone=True, cause=cause)
        self._watch(key, totals)
        if evaluate:
            self._evaluate(key, values)
        before = self._published.get(key)
        self._published[key] = values
        if before is None:
            return self._whole(key, values, cause)
        names = self._names
        moved = [i for i, value in enumerate(values) if value != before[i]]
        profile = self.profile(key[1]) if key[0] == "account" else None
        if not moved and cause == "tick":
            return None
        return TableChange(
            *key, self.time, {names[i]: values[i] for i in moved}, profile=profile, cause=cause,
            old={names[i]: before[i] for i in moved},
        )  # fmt: skip

    def _whole(self, key: ScopeId, values: list[Value], cause: str) -> TableChange:
        profile = self.profile(key[1]) if key[0] == "account" else None
        return TableChange(*key, self.time, dict(zip(self._names, values, strict=True)), True, False, profile, cause)

    def _watch(self, key: ScopeId, totals: Totals | None) -> None:
        """Note when time alone next changes the id's values."""
        if totals and totals.due is not None:
            heappush(self._table_dues, (totals.due, key))
        waits = waits_of(self._ledger(key), self._plan) if self._moving else None
        if waits is None:
            self._waiting.discard(key)
            return
        self._waiting.add(key)
        for rule in self._alarms.rules_of(key[0]):
            if rule.kpi == "oldest_wait":
                crossing = waits + int(rule.fire.limit * 1000)
                for moment in (crossing, crossing + 1):
                    if moment > self.time:
                        heappush(self._table_dues, (moment, key))

    def _evaluate(self, key: ScopeId, values: list[Value]) -> None:
        if not self._alarms.rules_of(key[0]):
            return
        by_name = dict(zip(self._names, values, strict=True))
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
        return iter(self._engine._accounts)

    def __len__(self) -> int:
        return len(self._engine._accounts)


class _Restore:
    """Sorts stored rows into an engine, by the family letter of their keys."""

    def __init__(self, engine: Engine, rows: Mapping[bytes, bytes]) -> None:
        self._engine = engine
        self._rows = rows
        self.time: int = decode(rows[TIME_KEY]) if TIME_KEY in rows else 0

    def families(self) -> None:
        """Put every row where it belongs; accounts stay bytes until they are touched."""
        engine = self._engine
        accounts: dict[str, list[tuple[bytes, bytes]]] = {}
        known: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for key, value in self._rows.items():
            family = key[:1]
            if family == b"A":
                id, _, part = key[1:].partition(b"\0")
                parts = known.get(id)
                if parts is None:
                    parts = known[id] = accounts[id.decode()] = []
                parts.append((part, value))
            elif family == b"S":
                engine._scopes.put(*scope_key(key), value)
            elif family == b"R":
                engine._received.restore(key[1:], value)
            elif family == b"B":
                engine._received.restore_backfilled(*decode(key[1:]))
            elif family == b"E":
                engine._received.restore_epoch(int(key[1:]), decode(value))
            elif family == b"L":
                engine._alarms.restore(key[1:], value)
        for key in sorted((key for key in self._rows if key[:1] == b"O"), key=lambda key: int(key[1:])):
            engine._alarms.restore_outbox(int(key[1:]), self._rows[key])
        engine._accounts.update(accounts)


__all__ = ["Engine", "Flush", "TableChange", "Value"]
