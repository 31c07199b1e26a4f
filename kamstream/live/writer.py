"""The writer of one partition's live tables, fenced against older owners and against a Redis that forgot.

One batch is two pipelines on one connection. The first watches the partition's sentinel, reads it, and calls
one script per id, which compares versions and writes the three keys of that id. The second is a transaction:
index, portfolios, rankings, history, updates, and the sentinel's new value. A newer owner, or a Redis emptied
in between, changes the sentinel, and the transaction does not run. Partitions that share a link share the two
pipelines, each with its own sentinel and versions.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kamstream import windows
from kamstream.live.errors import RedisAway, RedisLost
from kamstream.live.fence import Fence, commit_together, enter_together
from kamstream.live.layout import Layout
from kamstream.live.link import Command, Link
from kamstream.live.packing import NONE, gone_command, table_command
from kamstream.live.pending import TableId, merged
from kamstream.live.trail import Trail, companions

if TYPE_CHECKING:
    from kamstream.alerts import AlertRecord
    from kamstream.engine import TableChange
    from kamstream.entities.fact import Profile

#: Ids in one batch: large enough to fill the wire, small enough not to hold Redis up for other clients.
BATCH = 256
#: Whole tables asked for at once: each time the event loop has to answer in between.
ASK = 1024


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes: a partition, the epoch of this ownership (grows with each), and the worker's name."""

    partition: int
    epoch: int
    worker: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a writer asks back; both are called in the writer's thread.

    ``tables`` gives the whole tables of some ids (``full=True``, or ``gone=True``), one call a batch;
    ``owns`` says whether a scope and id belong to this partition.
    """

    tables: "Callable[[Sequence[TableId]], Sequence[TableChange]]"
    owns: Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Options:
    """What is kept beside the tables: fields with a ranking or a history, and the lengths of the streams."""

    rank_fields: tuple[str, ...] = ()
    history_fields: tuple[str, ...] = ()
    updates_cap: int = 100_000
    alert_log_cap: int = 10_000


class Written(NamedTuple):
    """How many ids were written, and which were refused because something newer stands in Redis."""

    accepted: int
    refused: tuple[TableId, ...]


class Document(NamedTuple):
    """A JSON text beside a table, kind ``scorecard`` or ``goals``; None = remove it."""

    kind: str
    scope: str
    id: str
    text: str | None


class LiveWriter:
    """Writes for one owner of one partition; for one thread at a time.

    Every method may raise ``RedisAway`` (nothing counts as written: keep the ids), ``RedisLost`` (call
    ``project_all``; until it returns, only ``health`` and ``project_early`` work) or ``Superseded`` (stop). A
    new writer starts as lost: an owner first writes all its ids.
    """

    def __init__(
        self,
        link: Link,
        layout: Layout,
        owner: Owner,
        source: Source,
        options: Options | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._layout = layout
        self._owner = owner
        self._source = source
        self._options = options or Options()
        self._now = now
        self._fence = Fence(link, layout, owner.partition, owner.epoch)
        # What Redis' own list of placed ids says; None = not known, to be read.
        self._placed: dict[str, str] | None = None
        self._last: dict[TableId, str] = {}
        self._profiles: dict[TableId, Profile | None] = {}

    # -- tables

    def write(self, changes: "Iterable[TableChange]") -> Written:
        """Write changes, and tell them to the stream of updates."""
        (written,) = self.write_together([(self, list(changes))])
        if isinstance(written, Exception):
            raise written
        return written

    @staticmethod
    def write_together(batches: "Sequence[tuple[LiveWriter, Sequence[TableChange]]]") -> "list[Written | Exception]":
        """Write changes for several owners over the link that they share; what each would give or raise alone."""
        rests = [_Rest(writer, changes) for writer, changes in batches]
        try:
            while going := [rest for rest in rests if rest.left]:
                quota = max(1, BATCH // len(going))
                shares = [Share(rest.writer, rest.take(quota), announce=True) for rest in going]
                write_shares(shares)
                for rest, share in zip(going, shares, strict=True):
                    rest.note(share)
        except RedisAway as error:
            return [error if rest.left or rest in going else rest.result() for rest in rests]
        return [rest.result() for rest in rests]

    def project(self, ids: Iterable[TableId]) -> Written:
        """Write the whole tables of some ids anew: what became dirty while Redis was away."""
        self._need_whole()
        return self._project(ids)

    def project_all(self, ids: Iterable[TableId], alerts: "Iterable[AlertRecord] | None" = None) -> Written:
        """Write everything anew: at takeover, and after ``RedisLost``.

        ``ids`` are all the ids of the partition: what else Redis holds of it is removed. ``alerts`` are all
        that fire there (None leaves the alerts alone). Documents have to be put again by the caller.
        """
        self._claim()
        wanted = list(dict.fromkeys(ids))
        written = self._project(wanted)
        known = {f"{scope}:{id}" for scope, id in wanted}
        left = [tag.partition(":") for tag in self._read_placed() if tag not in known]
        removed = self._remove([(scope, id) for scope, _, id in left])
        if alerts is not None:
            self._project_alerts(list(alerts))
        self._drop_old_health()
        self._fence.whole = True
        return Written(written.accepted, written.refused + removed)

    def project_early(self, ids: Iterable[TableId]) -> Written:
        """Write the whole tables of some ids before all are written: of those to which something happens meanwhile."""
        if not self._fence.claimed:
            self._claim()
        return self._project(ids)

    def _claim(self) -> None:
        self._last.clear()
        self._profiles.clear()
        self._placed = None
        self._fence.claim()

    def put_json(self, documents: Iterable[Document]) -> tuple[TableId, ...]:
        """Write scorecards and goals; those refused because their table is newer are returned."""
        self._need_whole()
        rows = list(documents)
        if not rows:
            return ()
        sha, version, layout = self._sha("document"), self._fence.next_version(), self._layout
        replies = self._fence.enter(
            [
                (
                    *("EVALSHA", sha, 3, layout.document(row.kind, row.scope, row.id)),
                    *(layout.meta(row.scope, row.id), layout.tombstone(row.scope, row.id)),
                    *(version, row.text or ""),
                )
                for row in rows
            ]
        )
        self._fence.commit([], version)
        return tuple((row.scope, row.id) for row, reply in zip(rows, replies, strict=True) if reply != 1)

    # -- alerts and health

    def alert(self, records: "Iterable[AlertRecord]") -> None:
        """Note transitions of alerts, in their order."""
        self._need_whole()
        layout, cap = self._layout, self._options.alert_log_cap
        commands: list[Command] = []
        for record in records:
            text = record.to_json()
            if record.status == "firing":
                commands.append(("HSET", layout.alerts, record.alert_id, text))
            else:
                commands.append(("HDEL", layout.alerts, record.alert_id))
            commands.append(("XADD", layout.alert_log, "MAXLEN", "~", cap, "*", "alert", text))
        if commands:
            self._fence.run(commands, self._fence.next_version())

    def health(self, facts: Mapping[str, Any]) -> None:
        """Note how the partition does: T, lag, events_per_second, last_flush, state; also sees a lost Redis.

        ``T`` and ``last_flush`` are epoch ms or None; the wall clock of this writing is added as ``at``.
        """
        row = {**facts, "at": self._stamp()}
        for name in ("T", "last_flush"):
            if isinstance(row.get(name), int):
                row[name] = windows.to_text(row[name])
        text = msgspec.json.encode(row)
        self._fence.run([("HSET", self._layout.health, self._health_field(), text)], None)

    def check(self) -> None:
        """Look only whether Redis still is what this writer left."""
        self._need_whole()
        self._fence.enter()

    def release(self) -> None:
        """Take this worker's health away and close; the tables stay, for the next owner."""
        self._link.ask([("HDEL", self._layout.health, self._health_field())])
        self._link.close()

    # -- how a batch goes

    def _project(self, ids: Iterable[TableId]) -> Written:
        rest = iter(ids)
        accepted, refused = 0, list[TableId]()
        while chunk := list(islice(rest, ASK)):
            written = self._put(self._source.tables(chunk), announce=False)
            accepted += written.accepted
            refused += written.refused
        return Written(accepted, tuple(refused))

    def _put(self, changes: "Sequence[TableChange]", *, announce: bool) -> Written:
        refused: list[TableId] = []
        for at in range(0, len(changes), BATCH):
            share = Share(self, changes[at : at + BATCH], announce=announce)
            write_shares([share])
            if share.wrong is not None:
                raise share.wrong
            refused += share.refused
        return Written(len(changes) - len(refused), tuple(refused))

    def _write_whole(
        self, trail: Trail, in_part: "Mapping[TableId, TableChange]", version: str, *, announce: bool
    ) -> list[TableId]:
        """Write the whole tables of ids whose change in part did not meet the last version."""
        tables = self._source.tables(list(in_part))
        replies = self._link.ask(self._commands(tables, version))
        refused: list[TableId] = []
        for table, reply in zip(tables, replies, strict=True):
            if reply != 1:
                refused.append((table.scope, table.id))
                continue
            self._accepted(trail, table, version, announce=False)
            if announce and not table.gone:
                trail.announce(in_part[table.scope, table.id])
        return refused

    def _remove(self, ids: Sequence[TableId]) -> tuple[TableId, ...]:
        """Remove ids that Redis holds and the engine does not know; returns the refused."""
        refused: list[TableId] = []
        for at in range(0, len(ids), BATCH):
            chunk = ids[at : at + BATCH]
            version, trail = self._fence.next_version(), self._trail()
            replies = self._fence.enter([self._gone(scope, id, version) for scope, id in chunk])
            for (scope, id), reply in zip(chunk, replies, strict=True):
                if reply == 1:
                    trail.remove(scope, id)
                else:
                    refused.append((scope, id))
            self._settle(trail, version)
        return tuple(refused)

    def _commands(self, changes: "Iterable[TableChange]", version: str) -> Iterator[Command]:
        sha, stamp = self._sha("table"), self._stamp()
        for change in changes:
            key = (change.scope, change.id)
            if change.gone:
                yield self._gone(*key, version)
                continue
            # An unchanged profile is not sent again.
            known = not change.full and key in self._profiles and self._profiles[key] == change.profile
            yield table_command(
                self._layout,
                sha,
                change,
                profile=None if known else change.profile,
                last=self._last.get(key, NONE),
                version=version,
                stamp=stamp,
            )

    def _gone(self, scope: str, id: str, version: str) -> Command:
        others = companions(self._layout, scope, id, self._options.history_fields)
        return gone_command(self._layout, self._sha("table"), scope, id, version=version, others=others)

    def _accepted(self, trail: Trail, change: "TableChange", version: str, *, announce: bool) -> None:
        key = (change.scope, change.id)
        if change.gone:
            self._last.pop(key, None)
            self._profiles.pop(key, None)
            trail.remove(*key)
            return
        self._last[key] = version
        if change.full or change.profile is not None:
            self._profiles[key] = change.profile
        trail.write(change)
        if announce:
            trail.announce(change)

    def _trail(self) -> Trail:
        rank, history = self._options.rank_fields, self._options.history_fields
        return Trail(self._layout, self._owner.partition, self._read_placed(), rank, history)

    def _settle(self, trail: Trail, version: str) -> None:
        """Run the follow-ups; without an answer nobody knows whether they ran, and the list is read again."""
        placed, self._placed = self._read_placed(), None
        self._fence.commit(self._follow_ups(trail), version)
        trail.move(placed)
        self._placed = placed

    def _follow_ups(self, trail: Trail) -> list[Command]:
        return trail.commands(self._sha("updates"), self._options.updates_cap)

    def _read_placed(self) -> dict[str, str]:
        if self._placed is None:
            flat = self._link.ask([("HGETALL", self._layout.placed(self._owner.partition))])[0]
            self._placed = dict(zip(flat[::2], flat[1::2], strict=True))
        return self._placed

    def _project_alerts(self, active: "Sequence[AlertRecord]") -> None:
        """Make the active alerts of this partition exactly these."""
        layout = self._layout
        flat = self._link.ask([("HGETALL", layout.alerts)])[0]
        keep = {record.alert_id for record in active}
        stale = [
            alert_id
            for alert_id, text in zip(flat[::2], flat[1::2], strict=True)
            if alert_id not in keep and self._source.owns(*_subject(text))
        ]
        commands: list[Command] = [("HSET", layout.alerts, row.alert_id, row.to_json()) for row in active]
        if stale:
            commands.append(("HDEL", layout.alerts, *stale))
        self._fence.run(commands, self._fence.next_version())

    def _drop_old_health(self) -> None:
        """Take away what earlier owners of the partition, dead by now, said of it."""
        fields = self._link.ask([("HKEYS", self._layout.health)])[0]
        mine, partition = self._health_field(), str(self._owner.partition)
        ended = [field for field in fields if field != mine and field.rpartition(":")[2] == partition]
        if ended:
            self._fence.run([("HDEL", self._layout.health, *ended)], None)

    def _need_whole(self) -> None:
        if not self._fence.whole:
            raise RedisLost(f"partition {self._owner.partition}: not everything is written yet")

    def _sha(self, name: str) -> str:
        self._link.open()
        return self._link.sha[name]

    def _health_field(self) -> str:
        return f"{self._owner.worker}:{self._owner.partition}"

    def _stamp(self) -> str:
        return windows.to_text(int(self._now() * 1000))


class _Rest:
    """What is left of an owner's part of a round, and what came of it so far."""

    def __init__(self, writer: LiveWriter, changes: "Iterable[TableChange]") -> None:
        self.writer = writer
        self.left = merged(changes)
        self._accepted = 0
        self._refused: list[TableId] = []
        self._wrong: Exception | None = None
        try:
            writer._need_whole()
        except RedisLost as error:
            self._wrong, self.left = error, []

    def take(self, count: int) -> "list[TableChange]":
        """The next changes to be written."""
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def note(self, share: "Share") -> None:
        """A share of it was written, or was not."""
        self._refused += share.refused
        self._accepted += len(share.changes) - len(share.refused)
        if share.wrong is not None:
            self._wrong, self.left = share.wrong, []

    def result(self) -> "Written | Exception":
        """What all of it gives."""
        return self._wrong or Written(self._accepted, tuple(self._refused))


class Share:
    """The changes that an owner has in one trip, and what came of them."""

    def __init__(self, writer: LiveWriter, changes: "Sequence[TableChange]", *, announce: bool) -> None:
        self.writer = writer
        self.changes = changes
        self.announce = announce
        self.version = writer._fence.next_version()
        self.trail = writer._trail()
        self.refused: list[TableId] = []
        self.wrong: Exception | None = None

    def commands(self) -> Iterator[Command]:
        """What writes the tables."""
        return self.writer._commands(self.changes, self.version)

    def judge(self, replies: Sequence[Any]) -> None:
        """See what was accepted; what has to be written whole is written whole."""
        in_part: dict[TableId, TableChange] = {}
        for change, reply in zip(self.changes, replies, strict=True):
            if reply == 1:
                self.writer._accepted(self.trail, change, self.version, announce=self.announce)
            elif reply == 2:
                in_part[change.scope, change.id] = change
            else:
                self.refused.append((change.scope, change.id))
        if in_part:
            self.refused += self.writer._write_whole(self.trail, in_part, self.version, announce=self.announce)


def write_shares(shares: Sequence[Share]) -> None:
    """Write the tables of all shares in one go, then all that follows in one transaction.

    ``RedisAway``: nobody's counts as written. What concerns one owner alone is noted in his share.
    """
    fences = [share.writer._fence for share in shares]
    wrong, replies = enter_together(fences, chain.from_iterable(share.commands() for share in shares))
    at = 0
    for share, error in zip(shares, wrong, strict=True):
        end = at + len(share.changes)
        share.wrong = error
        if error is None:
            share.judge(replies[at:end])
        at = end
    standing = [share for share in shares if share.wrong is None]
    if not standing:
        return
    # Without an answer nobody knows whether the follow-ups ran: the lists of what is placed are read again then.
    places = [share.writer._read_placed() for share in standing]
    commands: list[Command] = []
    for share in standing:
        commands += share.writer._follow_ups(share.trail)
        share.writer._placed = None
    wrong = commit_together([(share.writer._fence, share.version) for share in standing], commands)
    for share, placed, error in zip(standing, places, wrong, strict=True):
        share.wrong = error
        if error is None:
            share.trail.move(placed)
            share.writer._placed = placed


def note_recovering(link: Link, layout: Layout, worker: str, partition: int, now: float) -> None:
    """Say in the health of a partition that its state is being read back.

    There is no epoch yet and none is needed: the field is the worker's own. May raise ``RedisAway``.
    """
    row = {"T": None, "lag": None, "events_per_second": 0.0, "last_flush": None, "state": "recovering"}
    text = msgspec.json.encode({**row, "at": windows.to_text(int(now * 1000))})
    link.ask([("HSET", layout.health, f"{worker}:{partition}", text)])


def _subject(text: str) -> TableId:
    """Scope and id of an alert's JSON."""
    record = msgspec.json.decode(text)
    return record["scope"], record["id"]
