"""What the live tests write from: a table per id as an engine would hold it, and a writer for its owner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from kamstream.alerts import AlertRecord
from kamstream.engine import TableChange, Value
from kamstream.entities.fact import Profile
from kamstream.live import SCRIPTS, Layout, Link, LiveWriter, Options, Owner, Source, TableId

T0 = 1_795_530_000_000  # 2026-11-24T14:20:00Z
OPTIONS = Options(rank_fields=("revenue:90d",), history_fields=("revenue:90d", "open_tickets:now"))


def change(
    id: str = "ACC-1",
    scope: str = "account",
    *,
    full: bool = False,
    kam: str | None = "kam-7",
    old: dict[str, Value] | None = None,
    as_of: int = T0,
    cause: str = "crm/evt-1",
    **values: Value,
) -> TableChange:
    """A change; ``revenue__90d=Value(5, 1)`` is the field ``revenue:90d``."""
    return TableChange(
        scope=scope,
        id=id,
        as_of=as_of,
        values={name.replace("__", ":"): value for name, value in values.items()},
        full=full,
        gone=False,
        profile=Profile(name=f"Name of {id}", kam_id=kam, tier="gold") if scope == "account" and kam else None,
        cause=cause,
        old=old or {},
    )


def gone(id: str = "ACC-1", scope: str = "account") -> TableChange:
    return TableChange(scope, id, T0, {}, False, True, None, "tick", {})


@dataclass
class Desk:
    """The tables of one partition, and which of them were asked for in whole."""

    tables: dict[TableId, TableChange] = field(default_factory=dict)
    asked: list[TableId] = field(default_factory=list)

    def put(self, *changes: TableChange) -> list[TableChange]:
        """Take changes into the tables, as the engine does, and give them back to be written."""
        for one in changes:
            key = (one.scope, one.id)
            if one.gone:
                self.tables.pop(key, None)
                continue
            before = self.tables[key].values if key in self.tables and not one.full else {}
            profile = one.profile or (self.tables[key].profile if key in self.tables else None)
            self.tables[key] = replace(one, values={**before, **one.values}, full=True, profile=profile)
        return list(changes)

    def whole(self, ids: Sequence[TableId]) -> list[TableChange]:
        self.asked += ids
        return [self.tables[key] for key in ids]

    def writer(
        self,
        url: str,
        prefix: str,
        *,
        epoch: int = 1,
        partition: int = 0,
        worker: str = "w1",
        owns: Callable[[str, str], bool] = lambda scope, id: True,
        options: Options = OPTIONS,
        timeout: float = 5.0,
        link: Link | None = None,
        now: Callable[[], float] = lambda: T0 / 1000,
    ) -> LiveWriter:
        link = link or Link(url, SCRIPTS, timeout=timeout)
        owner = Owner(partition, epoch, worker)
        source = Source(self.whole, owns)
        return LiveWriter(link, Layout(prefix), owner, source, options, now=now)


def alert(alert_id: str, status: str = "firing", id: str = "ACC-1") -> AlertRecord:
    return AlertRecord(
        alert_id=alert_id,
        rule="slow",
        scope="account",
        id=id,
        status=status,  # type: ignore[arg-type]
        value=20_000.5,
        n=7,
        threshold=14_400,
        kpi="first_response_time.p90",
        window="7d",
        since=T0,
        at=T0,
        severity="warning",
        summary="slow",
        reason="held",
    )
