"""What the owner of a partition knows of what stands in Redis, and how it writes there."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamstream.live.dumps import PROBE, Kind
from kamstream.live.fence import Fence
from kamstream.live.layout import Layout
from kamstream.live.link import Command, Link
from kamstream.live.packing import DUMPS, Form, Known, table_commands, time_text
from kamstream.live.pending import TableId
from kamstream.live.trail import Trail

if TYPE_CHECKING:
    from kamstream.engine import TableChange


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
    """What is kept beside the tables: fields with a ranking or a history, and the lengths of the streams.

    ``updates_cap`` 0: no updates are told.
    """

    rank_fields: tuple[str, ...] = ()
    history_fields: tuple[str, ...] = ()
    updates_cap: int = 100_000
    alert_log_cap: int = 10_000


class Standing:
    """One owner's: its fence, its tables' versions and profiles, and which ids are placed in index and portfolios."""

    def __init__(
        self,
        link: Link,
        layout: Layout,
        owner: Owner,
        source: Source,
        options: Options,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.link = link
        self.layout = layout
        self.owner = owner
        self.source = source
        self.options = options
        self.fence = Fence(link, layout, owner.partition, owner.epoch)
        self._now = now
        self._known: dict[TableId, Known] = {}
        # What Redis' own list of placed ids says; None = not known, to be read.
        self._placed: dict[TableId, str] | None = None

    def claim(self) -> None:
        """Become the owner, who knows nothing of what stands there."""
        self._known.clear()
        self._placed = None
        self.fence.claim()

    def sha(self, name: str) -> str:
        """What a script is called by on this connection."""
        self.link.open()
        return self.link.sha[name]

    def stamp(self) -> str:
        """The wall clock, for ``updated_at``."""
        return time_text(int(self._now() * 1000))

    def commands(self, changes: "Sequence[TableChange]", version: str) -> Iterable[Command]:
        """What writes these changes; each answers 1, 0 or 2 as the script says."""
        form = Form(self.layout, self.sha("table"), self._dumps(), self.options.history_fields)
        return table_commands(form, changes, self._known, version, self.stamp())

    def accepted(self, change: "TableChange", version: str) -> None:
        """A change stands in Redis now."""
        key = (change.scope, change.id)
        if change.gone:
            self._known.pop(key, None)
            return
        if change.full or change.profile is not None:
            self._known[key] = version, change.profile
        else:
            before = self._known.get(key)
            self._known[key] = version, None if before is None else before[1]

    def trail(self) -> Trail:
        """For what follows a batch of tables."""
        options = self.options
        return Trail(self.layout, self.owner.partition, self.placed(), options.rank_fields, options.history_fields)

    def placed(self) -> dict[TableId, str]:
        """The ids that Redis has in its index, with the KAM in whose portfolio they are (empty: in none)."""
        if self._placed is None:
            flat = self.link.ask([("HGETALL", self.layout.placed(self.owner.partition))])[0]
            tags = (tag.partition(":") for tag in flat[::2])
            self._placed = {(scope, id): kam for (scope, _, id), kam in zip(tags, flat[1::2], strict=True)}
        return self._placed

    def moving(self) -> dict[TableId, str]:
        """What is placed is about to change: without an answer nobody knows whether it did, and it is read again."""
        placed, self._placed = self.placed(), None
        return placed

    def moved(self, placed: dict[TableId, str], trail: Trail) -> None:
        """It did change."""
        trail.move(placed)
        self._placed = placed

    def _dumps(self) -> Kind | None:
        """In which form this server takes whole hashes; asked once a connection."""
        if not DUMPS:
            return None
        if self.link.dumps is None:
            key, sha = self.layout.probe, self.sha("probe")
            replies = self.link.ask([("EVALSHA", sha, 1, key, dump) for dump in PROBE.values()])
            self.link.dumps = [kind for kind, reply in zip(PROBE, replies, strict=True) if reply == 1]
        return self.link.dumps[0] if self.link.dumps else None
