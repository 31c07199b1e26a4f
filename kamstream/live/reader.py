"""Reading the live tables: what dashboards, the command line and the notifier see."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from redis.exceptions import RedisError

from kamstream import windows
from kamstream.alerts import AlertRecord
from kamstream.engine import Value
from kamstream.live.errors import RedisAway
from kamstream.live.layout import Layout, parse_number
from kamstream.live.link import exchange

if TYPE_CHECKING:
    from redis import Redis

#: A feed is stale when its worker has not noted its health for so long; it does so about every second.
STALE_MS = 15_000
#: Ids read in one go.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Meta:
    """What stands beside a table: T and wall clock of its last write (ms), version, words of the profile."""

    as_of: int
    updated_at: int
    version: int
    name: str | None = None
    kam_id: str | None = None
    segment: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class LiveTable:
    """One id's values at one version: field → value and n, nulls included."""

    scope: str
    id: str
    values: dict[str, Value]
    meta: Meta


class Update(NamedTuple):
    """One changed field; ``position`` is where to read on, ``old`` None where it was null or not known."""

    position: str
    scope: str
    id: str
    field: str
    old: float | int | None
    new: float | int | None
    n: int
    as_of: int
    cause: str


@dataclass(frozen=True, slots=True)
class Health:
    """How a worker does with a partition; times are epoch ms, ``at`` is when it said so by its own clock."""

    worker: str
    partition: int
    time: int | None
    lag: int
    events_per_second: float
    last_flush: int | None
    state: str
    at: int

    def stale(self, now: int) -> bool:
        """Whether its word is too old to be believed at ``now`` (ms)."""
        return now - self.at > STALE_MS


class LiveReader:
    """Reads under one prefix; methods raise ``RedisAway`` when Redis does not answer."""

    def __init__(self, client: "Redis", prefix: str = "kam") -> None:
        self._client: Any = client
        self._layout = Layout(prefix)

    def ids(self, scope: str) -> list[str]:
        """The ids that have a table, sorted."""
        with _away():
            return sorted(self._client.smembers(self._layout.index(scope)))

    def tables(self, scope: str, ids: Sequence[str]) -> list[LiveTable]:
        """The tables of these ids, each of one version; ids without one are left out."""
        found: list[LiveTable] = []
        for at in range(0, len(ids), BATCH):
            chunk = ids[at : at + BATCH]
            for id, reply in zip(chunk, self._transactions(scope, chunk), strict=True):
                table = _table(scope, id, *(_pairs(flat) for flat in reply))
                if table is not None:
                    found.append(table)
        return found

    def portfolio(self, kam_id: str) -> list[str]:
        """The account ids of a KAM, sorted."""
        with _away():
            return sorted(self._client.smembers(self._layout.portfolio(kam_id)))

    def rank(self, field: str, n: int = 10, *, desc: bool = True) -> list[tuple[str, float | int]]:
        """The first ``n`` accounts by a field, with their values; only fields that the settings rank."""
        with _away():
            rows = self._client.zrange(self._layout.rank(field), 0, n - 1, desc=desc, withscores=True)
        return [(id, parse_number(repr(score))) for id, score in rows]

    def history(self, scope: str, id: str, field: str) -> list[tuple[int, float | int]]:
        """The points of a field, oldest first: start of the pane in epoch seconds, and its last value."""
        with _away():
            members = self._client.zrange(self._layout.history(scope, id, field), 0, -1)
        points = (member.partition(":") for member in members)
        return [(int(start), parse_number(value)) for start, _, value in points]

    def active_alerts(self) -> list[AlertRecord]:
        """The alerts that fire, the newest first."""
        with _away():
            texts = self._client.hvals(self._layout.alerts)
        return sorted(map(AlertRecord.from_json, texts), key=lambda row: (-row.since, row.alert_id))

    def alert_log(self, count: int = 100) -> list[AlertRecord]:
        """The last transitions, the newest first."""
        with _away():
            entries = self._client.xrevrange(self._layout.alert_log, count=count)
        return [AlertRecord.from_json(fields["alert"]) for _, fields in entries]

    def updates(self, last_id: str = "$", block_ms: int = 1000, count: int = 1000) -> list[Update]:
        """Changed fields after the position ``last_id`` (``$`` = from now, ``0`` = all that is kept).

        Waits up to ``block_ms`` (0 = not at all, at most 4 s: the socket's own limit is 5) for the first.
        """
        block = min(block_ms, 4000) or None
        with _away():
            replies = self._client.xread({self._layout.updates: last_id}, count=count, block=block)
        return [_update(position, fields) for _, entries in replies or [] for position, fields in entries]

    def last_update(self) -> str:
        """The position of the newest update, to read on from; ``0`` before any."""
        with _away():
            entries = self._client.xrevrange(self._layout.updates, count=1)
        return str(entries[0][0]) if entries else "0"

    def health(self) -> list[Health]:
        """What every worker says of its partitions, by partition."""
        with _away():
            rows = self._client.hgetall(self._layout.health)
        found = [_health(field, msgspec.json.decode(text)) for field, text in rows.items()]
        return sorted(found, key=lambda row: (row.partition, row.worker))

    def goals(self, scope: str, id: str) -> list[dict[str, Any]]:
        """Targets of an id with value and attainment; empty when there are none."""
        return self._document("goals", scope, id) or []

    def scorecard(self, scope: str, id: str) -> dict[str, Any] | None:
        """The balanced scorecard of an id."""
        card: dict[str, Any] | None = self._document("scorecard", scope, id)
        return card

    def _document(self, kind: str, scope: str, id: str) -> Any:
        with _away():
            text = self._client.get(self._layout.document(kind, scope, id))
        return None if text is None else msgspec.json.decode(text)

    def _transactions(self, scope: str, ids: Sequence[str]) -> list[list[Any]]:
        """The three hashes of each id, read in a transaction of its own, all transactions in one pipeline."""
        layout = self._layout
        commands = [
            command
            for id in ids
            for command in (
                ("MULTI",),
                ("HGETALL", layout.values(scope, id)),
                ("HGETALL", layout.counts(scope, id)),
                ("HGETALL", layout.meta(scope, id)),
                ("EXEC",),
            )
        ]
        with _away():
            pool = self._client.connection_pool
            connection = pool.get_connection()
            try:
                return exchange(connection, commands)[4::5]
            except BaseException:
                # Replies may be unread: the connection is of no more use.
                connection.disconnect()
                raise
            finally:
                pool.release(connection)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise RedisAway(f"Redis is away: {error}") from error


def _pairs(flat: Any) -> dict[str, str]:
    return flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))


def _table(
    scope: str, id: str, values: dict[str, str], counts: dict[str, str], meta: dict[str, str]
) -> LiveTable | None:
    if not meta:
        return None
    read = {
        field: Value(parse_number(values[field]) if field in values else None, int(n)) for field, n in counts.items()
    }
    words = [meta.get(name) or None for name in ("name", "kam_id", "segment", "tier")]
    times = windows.to_ms(meta["as_of"]), windows.to_ms(meta["updated_at"])
    return LiveTable(scope, id, read, Meta(*times, int(meta["version"]), *words))


def _update(position: str, fields: dict[str, str]) -> Update:
    old, new = (parse_number(fields[name]) if fields[name] else None for name in ("old", "new"))
    subject = fields["scope"], fields["id"], fields["field"]
    return Update(position, *subject, old, new, int(fields["n"]), windows.to_ms(fields["as_of"]), fields["cause"])


def _health(field: str, said: dict[str, Any]) -> Health:
    worker, _, partition = field.rpartition(":")

    def moment(name: str) -> int | None:
        text = said.get(name)
        return windows.to_ms(text) if isinstance(text, str) else None

    return Health(
        worker=worker,
        partition=int(partition),
        time=moment("T"),
        lag=int(said.get("lag") or 0),
        events_per_second=float(said.get("events_per_second") or 0),
        last_flush=moment("last_flush"),
        state=str(said.get("state") or "unknown"),
        at=moment("at") or 0,
    )
