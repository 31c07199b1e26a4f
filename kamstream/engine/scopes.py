"""Sums by KAM and company over the accounts of one partition, and what other partitions are told of them.

Every changed pane is a row: it is stored with the partition's state and sent to the partition that owns the KAM or
the company, keyed by scope, id, source partition, unit and pane. The receiver replaces per key and adds up.
"""

from collections.abc import Iterator

from kamstream.engine.ledger import Ledger
from kamstream.engine.plan import Frame, Plan
from kamstream.engine.rows import decode, encode, pane_key
from kamstream.events import murmur2

#: A row for another partition: its number, the key, and the pane as bytes (None: gone).
Rollup = tuple[int, bytes, bytes | None]
ScopeId = tuple[str, str]
#: What a payload begins with: a live event caused it, a backfill event did, an owner who takes over sends it again.
LIVE, BACKFILL, AGAIN = b"+", b"-", b"="
#: Then the layout: sums kept under other settings do not fit together and are passed over; their owner sends them anew
#: as soon as it runs under the same ones.
LAYOUT = 12


def layout_of(plan: Plan) -> bytes:
    """What tells the sums of these settings from those of others."""
    return plan.config.fingerprint()[:LAYOUT].encode()


def rollup_key(scope: str, id: str, source: int, unit: str, number: int) -> bytes:
    """The key under which a partition's sums of one pane are sent."""
    return encode((scope, id, source, unit, number))


def scope_prefix(scope: str, id: str) -> bytes:
    """What the keys of a KAM's or the company's rows begin with."""
    return b"S" + scope[0].encode() + id.encode() + b"\0"


def scope_key(key: bytes) -> tuple[str, str, str, int]:
    """Scope, id, unit and pane of a row's key, as ``scope_prefix`` and the collecting made it."""
    id, _, pane = key[2:].rpartition(b"\0")
    return "kam" if key[1:2] == b"k" else "company", id.decode(), pane[:1].decode(), int(pane[1:])


class Scopes:
    """The ledgers of KAMs and the company, over the accounts of this partition."""

    def __init__(self, plan: Plan, partition: int) -> None:
        self._plan = plan
        self._partition = partition
        self._wanted = frozenset(plan.config.scopes)
        self._ledgers: dict[ScopeId, Ledger] = {}
        self._changed: dict[ScopeId, bool] = {}
        self._layout = layout_of(plan)

    def ledger_of(self, scope: str, id: str, live: bool) -> Ledger | None:
        """An id's sums, about to change; ``live`` says whether a live event does it. None where nobody wants them."""
        return self._ledger((scope, id), live) if scope in self._wanted else None

    def move(self, scope: str, id: str, sums: Ledger, sign: int, frame: Frame, live: bool) -> None:
        """Add a whole ledger to an id's sums, or take it back."""
        if scope in self._wanted:
            self._ledger((scope, id), live).move(sums, sign, frame)

    def put(self, scope: str, id: str, unit: str, number: int, value: bytes) -> None:
        """Set a pane as it was stored."""
        ledger = self._ledgers.setdefault((scope, id), Ledger(self._plan))
        ledger.put(self._plan.unit_of(unit), number, value)

    def collect(self, frame: Frame, rows: dict[bytes, bytes | None]) -> list[Rollup]:
        """Add the changed panes to ``rows`` and return them as rows for the partitions that own the ids."""
        rollups: list[Rollup] = []
        for (scope, id), live in self._changed.items():
            ledger = self._ledgers[scope, id]
            ledger.prune(frame)
            prefix, target = scope_prefix(scope, id), self._owner(id)
            for unit, number, value, _ in ledger.collect():
                code = self._plan.units[unit].code
                rows[pane_key(prefix, b"", code, number)] = value
                payload = None if live else BACKFILL
                if value is not None:
                    payload = (LIVE if live else BACKFILL) + self._layout + value
                rollups.append((target, rollup_key(scope, id, self._partition, code, number), payload))
            if ledger.is_empty:
                del self._ledgers[scope, id]
        self._changed.clear()
        return rollups

    def all(self) -> Iterator[Rollup]:
        """Every row, for an owner that takes over and sends all of them again."""
        for (scope, id), ledger in self._ledgers.items():
            for unit, number, pane in ledger.panes():
                key = rollup_key(scope, id, self._partition, self._plan.units[unit].code, number)
                yield self._owner(id), key, AGAIN + self._layout + pane

    def _owner(self, id: str) -> int:
        return murmur2(id.encode()) % self._plan.config.partitions

    def _ledger(self, key: ScopeId, live: bool) -> Ledger:
        self._changed[key] = live
        ledger = self._ledgers.get(key)
        if ledger is None:
            ledger = self._ledgers[key] = Ledger(self._plan)
        return ledger


class Received:
    """The sums that all partitions sent for the ids that this partition owns, added up.

    A row replaces the one before under its key. Rows of an epoch older than the newest of their partition are
    refused, and so is an older flush of a row; the marker that ends a takeover drops what was not sent again.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rows: dict[bytes, tuple[tuple[int, int], bytes]] = {}
        self._epochs: dict[int, int] = {}
        self._ledgers: dict[ScopeId, Ledger] = {}
        self._backfilled: set[ScopeId] = set()
        self._layout = layout_of(plan)

    def is_live(self, key: ScopeId) -> bool:
        """Whether a live event changed the id's sums last, rather than a backfill."""
        return key not in self._backfilled

    def ledger(self, scope: str, id: str) -> Ledger | None:
        """The sums of an id over all partitions; None where there are none."""
        return self._ledgers.get((scope, id))

    def ids(self) -> list[ScopeId]:
        """The ids with sums here."""
        return list(self._ledgers)

    def receive(
        self, key: bytes, payload: bytes | None, stamp: tuple[int, int], rows: dict[bytes, bytes | None]
    ) -> ScopeId | None:
        """Take in a row; the id whose sums changed, None where the row is stale or changes nothing."""
        source = _parts(key)[2]
        if stamp[0] < self._epochs.get(source, 0):
            return None
        if stamp[0] > self._epochs.get(source, 0):
            self._epochs[source] = stamp[0]
            rows[b"E%d" % source] = encode(stamp[0])
        known = self._rows.get(key)
        if known and stamp < known[0]:
            return None
        said = payload or LIVE
        mark, layout, pane = said[:1], said[1 : 1 + LAYOUT], said[1 + LAYOUT :] or None
        if (pane is None and known is None) or (pane is not None and layout != self._layout):
            return None
        changed = self._replace(key, pane, stamp, rows)
        if changed and mark != AGAIN:
            self._note_live(changed, mark != BACKFILL, rows)
        return changed

    def complete(self, source: int, epoch: int, rows: dict[bytes, bytes | None]) -> list[ScopeId]:
        """A partition has sent all it has in an epoch: what it sent before and not again is gone."""
        if epoch < self._epochs.get(source, 0):
            return []
        stale = [key for key, (stamp, _) in self._rows.items() if stamp[0] < epoch and _parts(key)[2] == source]
        return [changed for key in stale if (changed := self._replace(key, None, (epoch, 0), rows))]

    def restore(self, key: bytes, value: bytes) -> None:
        """Set a row as it was stored."""
        epoch, flush, pane = value.split(b" ", 2)
        stamp = (int(epoch), int(flush))
        self._rows[key] = (stamp, pane)
        self._merge(key, pane, 1)

    def restore_backfilled(self, scope: str, id: str) -> None:
        """Note, as it was stored, that a backfill changed the id last."""
        self._backfilled.add((scope, id))

    def _note_live(self, key: ScopeId, live: bool, rows: dict[bytes, bytes | None]) -> None:
        if live == (key in self._backfilled):
            rows[b"B" + encode(key)] = None if live else b"1"
            self._backfilled ^= {key}

    def restore_epoch(self, source: int, epoch: int) -> None:
        """Set the newest epoch of a partition as it was stored."""
        self._epochs[source] = epoch

    def _replace(
        self, key: bytes, pane: bytes | None, stamp: tuple[int, int], rows: dict[bytes, bytes | None]
    ) -> ScopeId | None:
        known = self._rows.pop(key, None)
        if pane is None:
            rows[b"R" + key] = None
        else:
            self._rows[key] = (stamp, pane)
            rows[b"R" + key] = b"%d %d %b" % (*stamp, pane)
        if known and known[1] == pane:
            return None
        if known:
            self._merge(key, known[1], -1)
        if pane is not None:
            self._merge(key, pane, 1)
        scope, id, *_ = _parts(key)
        return scope, id

    def _merge(self, key: bytes, pane: bytes, sign: int) -> None:
        scope, id, _, code, number = _parts(key)
        ledger = self._ledgers.get((scope, id))
        if ledger is None:
            ledger = self._ledgers[scope, id] = Ledger(self._plan, tracked=False)
        ledger.merge(self._plan.unit_of(code), number, pane, sign)
        if ledger.is_empty:
            del self._ledgers[scope, id]


def _parts(key: bytes) -> tuple[str, str, int, str, int]:
    scope, id, source, code, number = decode(key)
    return scope, id, source, code, number
