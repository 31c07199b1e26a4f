"""Owners that share a link write together: one trip where only tables change, two where something follows them.

*One trip.* A change in part of an id that stays where it is, of fields without ranking or history, needs nothing but
its script call, which guards itself by its versions. Behind all those calls goes one that seals: it sets the sentinel
of each such owner from what he left there to the new version, if that still stands. It comes last, so that

- it sees a newer owner who claimed before it, and does not set the sentinel. What the older one wrote before the claim
  was his right; after the claim he may still have written ids that the newer one has not come to yet, and the newer one
  writes them all anew, under versions that refuse the older one's;
- it sees a FLUSHALL at any moment before it: the sentinel is gone. One after it is seen by the next round;
- a Redis that loses the end of its data loses the seal before, or with, the tables under it, and shows a sentinel older
  than the one that the owner knows to be set. A sentinel set before the tables could outlive them;
- a worker that dies on the way leaves tables under an older seal, which nobody misses: the next owner writes all;
- a pipeline that a sleeping Redis runs after its owner gave it up finds ids and sentinel that went on, or leaves a
  sentinel that the owner counts as attempted.

Updates are told once the tables are known to stand; nobody waits for the answer to that.

*Two trips.* What concerns index, portfolios, rankings and history follows acceptance, and must not follow when a newer
owner came or Redis was emptied in between: the first trip watches the sentinel, the second is a transaction that ends
with the sentinel's new value and does not run when it was touched.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from kamstream.live.errors import RedisLost
from kamstream.live.fence import commit_together, enter_together
from kamstream.live.link import Command
from kamstream.live.packing import told
from kamstream.live.pending import TableId, merged
from kamstream.live.standing import Standing

if TYPE_CHECKING:
    from kamstream.engine import TableChange

#: Ids whose updates are told in one script call, so that a call stays short.
UPDATES_A_CALL = 100


class Written(NamedTuple):
    """How many ids were written, and which were refused because something newer stands in Redis."""

    accepted: int
    refused: tuple[TableId, ...]


class Rest:
    """What is left of an owner's part of a round, and what came of it so far."""

    def __init__(self, standing: Standing, changes: "Iterable[TableChange]") -> None:
        self.standing = standing
        self.left = merged(changes)
        self._accepted = 0
        self._refused: list[TableId] = []
        self._wrong: Exception | None = None
        try:
            standing.fence.need_whole()
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
    """The changes that an owner has in one trip, and what came of them.

    ``told`` are the changes to be told of (by id; None: of nothing).
    """

    def __init__(
        self,
        standing: Standing,
        changes: "Sequence[TableChange]",
        told: "dict[TableId, TableChange] | None" = None,
    ) -> None:
        self.standing = standing
        self.changes = changes
        self.version = standing.fence.next_version()
        self.trail = standing.trail()
        #: Whether nothing follows the tables.
        self.alone = not any(map(self.trail.follows, changes))
        #: Changes in part that did not meet the last version: their tables have to be written whole.
        self.in_part: dict[TableId, TableChange] = {}
        self.refused: list[TableId] = []
        self.wrong: Exception | None = None
        self._told = told if standing.options.updates_cap else None
        self.news: list[TableChange] = []

    def commands(self) -> Iterable[Command]:
        """What writes the tables."""
        return self.standing.commands(self.changes, self.version)

    def judge(self, replies: Sequence[Any]) -> None:
        """See what was accepted."""
        for change, reply in zip(self.changes, replies, strict=True):
            if reply == 1:
                self._accept(change)
            elif reply == 2:
                self.in_part[change.scope, change.id] = change
            else:
                self.refused.append((change.scope, change.id))

    def _accept(self, change: "TableChange") -> None:
        self.standing.accepted(change, self.version)
        if change.gone:
            self.trail.remove(change.scope, change.id)
            return
        if not self.alone:
            self.trail.write(change)
        if self._told is not None:
            self.news.append(self._told[change.scope, change.id])

    def again(self) -> "Share":
        """The whole tables of what did not meet the last version."""
        tables = self.standing.source.tables(list(self.in_part))
        return Share(self.standing, tables, None if self._told is None else self.in_part)


def share_of(standing: Standing, changes: "Sequence[TableChange]") -> Share:
    """A share of changes that are told."""
    return Share(standing, changes, {(change.scope, change.id): change for change in changes})


def write_shares(shares: Sequence[Share]) -> None:
    """Write all shares; what has to be written whole instead goes with a second round.

    ``RedisAway``: nobody's counts as written. What concerns one owner alone is noted in his share.
    """
    _write_once(shares)
    behind = [share for share in shares if share.wrong is None and share.in_part]
    if not behind:
        return
    wholes = [share.again() for share in behind]
    _write_once(wholes)
    for share, whole in zip(behind, wholes, strict=True):
        share.refused += whole.refused
        share.wrong = whole.wrong


def _write_once(shares: Sequence[Share]) -> None:
    """The tables of all shares, then what follows them in one transaction, then what is told."""
    # Those whose sentinels are watched go first, as enter_together has it.
    ordered = sorted(shares, key=lambda share: share.alone)
    alone = [(share.standing.fence, share.version) for share in ordered if share.alone]
    followed = [share for share in ordered if not share.alone]
    wrong, replies = enter_together(
        [share.standing.fence for share in followed], chain.from_iterable(share.commands() for share in ordered), alone
    )
    at = 0
    for share, error in zip(ordered, wrong, strict=True):
        end = at + len(share.changes)
        share.wrong = error
        if error is None:
            share.judge(replies[at:end])
        at = end
    _follow([share for share in followed if share.wrong is None])
    _tell([share for share in ordered if share.wrong is None])


def _follow(shares: Sequence[Share]) -> None:
    if not shares:
        return
    commands: list[Command] = []
    for share in shares:
        commands += share.trail.commands()
    places = [share.standing.moving() for share in shares]
    wrong = commit_together([(share.standing.fence, share.version) for share in shares], commands)
    for share, placed, error in zip(shares, places, wrong, strict=True):
        share.wrong = error
        if error is None:
            share.standing.moved(placed, share.trail)


def _tell(shares: Sequence[Share]) -> None:
    said = [text for share in shares for text in map(told, share.news) if text is not None]
    if not said:
        return
    first = shares[0].standing
    sha, key, cap = first.sha("updates"), first.layout.updates, first.options.updates_cap
    first.link.tell(
        [("EVALSHA", sha, 1, key, cap, *said[at : at + UPDATES_A_CALL]) for at in range(0, len(said), UPDATES_A_CALL)]
    )
