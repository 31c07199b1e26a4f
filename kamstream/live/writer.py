"""The writer of one partition's live tables, fenced against older owners and against a Redis that forgot.

Each id's three keys are written by one script call, which compares versions. ``sharing`` says how a batch of such
calls is fenced, and what follows them; ``standing`` what the owner knows of what stands in Redis.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kamstream import windows
from kamstream.engine import TableChange
from kamstream.live.errors import RedisAway
from kamstream.live.layout import Layout
from kamstream.live.link import Command, Link
from kamstream.live.pending import TableId
from kamstream.live.sharing import Rest, Share, Written, share_of, write_shares
from kamstream.live.standing import Options, Owner, Source, Standing

if TYPE_CHECKING:
    from kamstream.alerts import AlertRecord

#: Ids in one batch of changes: large enough to fill the wire, small enough not to hold up what comes after it.
BATCH = 256
#: Whole tables in one batch, and asked for at once. Redis reads the calls in pieces of 16 kilobytes and serves others
#: in between; only what follows them is one transaction, of a millisecond.
WHOLES = 512


class Document(NamedTuple):
    """A JSON text beside a table, kind ``scorecard`` or ``goals``; None = remove it."""

    kind: str
    scope: str
    id: str
    text: str | None


class LiveWriter:
    """Writes for one owner of one partition; for one thread at a time.

    Every method may raise ``RedisAway`` (nothing counts as written: keep the ids), ``RedisLost`` (project everything;
    until that is through, only ``health``, ``project_some`` and ``project_end`` work) or ``Superseded`` (stop). A
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
        self._standing = Standing(link, layout, owner, source, self._options, now)
        self._fence = self._standing.fence

    # -- tables

    def write(self, changes: "Iterable[TableChange]") -> Written:
        """Write changes, and tell them to the stream of updates."""
        (written,) = self.write_together([(self, list(changes))])
        if isinstance(written, Exception):
            raise written
        self._link.settle()
        return written

    @staticmethod
    def write_together(batches: "Sequence[tuple[LiveWriter, Sequence[TableChange]]]") -> "list[Written | Exception]":
        """Write changes for several owners over the link that they share; what each would give or raise alone.

        Nobody waits for the stream of updates.
        """
        rests = [Rest(writer._standing, changes) for writer, changes in batches]
        try:
            while going := [rest for rest in rests if rest.left]:
                quota = max(1, BATCH // len(going))
                shares = [share_of(rest.standing, rest.take(quota)) for rest in going]
                write_shares(shares)
                for rest, share in zip(going, shares, strict=True):
                    rest.note(share)
        except RedisAway as error:
            return [error if rest.left or rest in going else rest.result() for rest in rests]
        return [rest.result() for rest in rests]

    def project(self, ids: Iterable[TableId]) -> Written:
        """Write the whole tables of some ids anew: what became dirty while Redis was away."""
        self._fence.need_whole()
        return self._project(ids)

    def project_all(self, ids: Iterable[TableId], alerts: "Iterable[AlertRecord] | None" = None) -> Written:
        """Write everything anew in one go, for ids and alerts as in ``project_end``."""
        self._standing.claim()
        wanted = list(dict.fromkeys(ids))
        written, removed = self._project(wanted), self.project_end(wanted, alerts)
        return Written(written.accepted, written.refused + removed.refused)

    def project_some(self, tables: "Sequence[TableChange]") -> Written:
        """Write some whole tables of everything, which is written anew piece by piece: at takeover, and after a loss.

        The first call makes this the owner. ``project_end`` closes it.
        """
        if not self._fence.claimed:
            self._standing.claim()
        return self._put(tables)

    def project_end(self, ids: Iterable[TableId], alerts: "Iterable[AlertRecord] | None" = None) -> Written:
        """All tables are written: remove what else there is.

        ``ids`` are all the ids of the partition: what else Redis holds of it is removed. ``alerts`` are all that fire
        there (None leaves the alerts alone). Documents have to be put again by the caller.
        """
        if not self._fence.claimed:
            self._standing.claim()
        self._fence.enter()
        known = set(ids)
        left = [key for key in self._standing.placed() if key not in known]
        removed = self._put([TableChange(scope, id, 0, {}, gone=True) for scope, id in left])
        if alerts is not None:
            self._project_alerts(list(alerts))
        self._drop_old_health()
        self._fence.whole = True
        return Written(0, removed.refused)

    def put_json(self, documents: Iterable[Document]) -> tuple[TableId, ...]:
        """Write scorecards and goals; those refused because their table is newer are returned."""
        self._fence.need_whole()
        rows = list(documents)
        if not rows:
            return ()
        sha, version, layout = self._standing.sha("document"), self._fence.next_version(), self._layout
        replies = self._fence.sealed(
            [
                (
                    *("EVALSHA", sha, 3, layout.document(row.kind, row.scope, row.id)),
                    *(layout.meta(row.scope, row.id), layout.tombstone(row.scope, row.id)),
                    *(version, row.text or ""),
                )
                for row in rows
            ],
            version,
        )
        return tuple((row.scope, row.id) for row, reply in zip(rows, replies, strict=True) if reply != 1)

    # -- alerts and health

    def alert(self, records: "Iterable[AlertRecord]") -> None:
        """Note transitions of alerts, in their order."""
        self._fence.need_whole()
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

        ``T`` and ``last_flush`` are epoch ms or None; the wall clock of this writing is added as ``at``. The first call
        makes this the owner: one before it that does not know yet must not tell an older T over this one's.
        """
        if not self._fence.claimed:
            self._standing.claim()
        row = {**facts, "at": self._standing.stamp()}
        for name in ("T", "last_flush"):
            if isinstance(row.get(name), int):
                row[name] = windows.to_text(row[name])
        self._fence.note(self._layout.health, self._health_field(), msgspec.json.encode(row).decode())

    def check(self) -> None:
        """Look only whether Redis still is what this writer left."""
        self._fence.need_whole()
        self._fence.enter()

    def release(self) -> None:
        """Take this worker's health away and close; the tables stay, for the next owner."""
        self._link.ask([("HDEL", self._layout.health, self._health_field())])
        self._link.close()

    # -- how a batch goes

    def _project(self, ids: Iterable[TableId]) -> Written:
        rest = iter(ids)
        accepted, refused = 0, list[TableId]()
        while chunk := list(islice(rest, WHOLES)):
            written = self._put(self._source.tables(chunk))
            accepted += written.accepted
            refused += written.refused
        return Written(accepted, tuple(refused))

    def _put(self, changes: "Sequence[TableChange]") -> Written:
        """Write whole tables or removals, which are not told."""
        refused: list[TableId] = []
        for at in range(0, len(changes), WHOLES):
            share = Share(self._standing, changes[at : at + WHOLES])
            write_shares([share])
            if share.wrong is not None:
                raise share.wrong
            refused += share.refused
        return Written(len(changes) - len(refused), tuple(refused))

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

    def _health_field(self) -> str:
        return f"{self._owner.worker}:{self._owner.partition}"


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
