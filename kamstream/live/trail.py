"""What follows an accepted table, in a transaction: index, portfolios, rankings, history, updates."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kamstream import windows
from kamstream.live.layout import DOCUMENTS, Layout, number
from kamstream.live.link import Command
from kamstream.live.packing import told

if TYPE_CHECKING:
    from kamstream.engine import TableChange, Value

#: Ids whose updates are told in one script call, so that a call stays short.
UPDATES_A_CALL = 100
#: Points kept of a field's history: more than two years of days.
HISTORY_POINTS = 800


class Trail:
    """Collects the follow-up commands of a batch.

    ``placed`` says in whose portfolio each id stands now; ``moves`` is what it will say once the commands ran
    (None = removed).
    """

    def __init__(
        self,
        layout: Layout,
        partition: int,
        placed: Mapping[str, str],
        rank: tuple[str, ...],
        history: tuple[str, ...],
    ) -> None:
        self._layout = layout
        self._partition = partition
        self._placed = placed
        self._rank = rank
        self._history = history
        self.moves: dict[str, str | None] = {}
        self._sets: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._scores: dict[str, list[str]] = defaultdict(list)
        self._points: list[Command] = []
        self._updates: list[bytes] = []

    def write(self, change: "TableChange") -> None:
        """An accepted change of a table: where it stands now."""
        self._place(change)
        if change.scope == "account":
            for field in self._rank:
                if change.full or field in change.values:
                    self._rank_one(field, change.id, change.values.get(field))
        for field in self._history:
            value = change.values.get(field)
            if value is not None:
                self._point(change, field, value)

    def announce(self, change: "TableChange") -> None:
        """Tell the fields that changed to the stream of updates; a null is an empty text there."""
        said = told(change)
        if said is not None:
            self._updates.append(said)

    def remove(self, scope: str, id: str) -> None:
        """An accepted removal; the keys of the id itself went with the script."""
        tag = f"{scope}:{id}"
        self._sets["SREM", self._layout.index(scope)].append(id)
        kam = self._placed.get(tag)
        if kam:
            self._sets["SREM", self._layout.portfolio(kam)].append(id)
        if scope == "account":
            for field in self._rank:
                self._sets["ZREM", self._layout.rank(field)].append(id)
        self.moves[tag] = None

    def commands(self, sha: str, cap: int) -> list[Command]:
        """All of it as commands; ``sha`` is the updates script and ``cap`` the stream's length."""
        out: list[Command] = [(verb, key, *ids) for (verb, key), ids in self._sets.items()]
        out += [("ZADD", key, *pairs) for key, pairs in self._scores.items()]
        out += self._points
        table = self._layout.placed(self._partition)
        settled = [part for tag, kam in self.moves.items() if kam is not None for part in (tag, kam)]
        removed = [tag for tag, kam in self.moves.items() if kam is None]
        if settled:
            out.append(("HSET", table, *settled))
        if removed:
            out.append(("HDEL", table, *removed))
        out += [
            ("EVALSHA", sha, 1, self._layout.updates, cap, *self._updates[at : at + UPDATES_A_CALL])
            for at in range(0, len(self._updates), UPDATES_A_CALL)
        ]
        return out

    def move(self, placed: dict[str, str]) -> None:
        """The commands ran: change the list of what is placed as they did."""
        for tag, kam in self.moves.items():
            if kam is None:
                placed.pop(tag, None)
            else:
                placed[tag] = kam

    def _place(self, change: "TableChange") -> None:
        """Index and portfolio, where they do not hold the id yet or hold it under another KAM."""
        tag = f"{change.scope}:{change.id}"
        before = self._placed.get(tag)
        after = change.profile.kam_id if change.profile else ("" if change.full else before or "")
        if change.scope != "account":
            after = ""
        if before == after:
            return
        if before is None:
            self._sets["SADD", self._layout.index(change.scope)].append(change.id)
        if before:
            self._sets["SREM", self._layout.portfolio(before)].append(change.id)
        if after:
            self._sets["SADD", self._layout.portfolio(after)].append(change.id)
        self.moves[tag] = after

    def _rank_one(self, field: str, id: str, value: "Value | None") -> None:
        key = self._layout.rank(field)
        if value is None or value.value is None:
            self._sets["ZREM", key].append(id)
        else:
            self._scores[key] += (number(value.value), id)

    def _point(self, change: "TableChange", field: str, value: "Value") -> None:
        """The last value of the pane in which T lies replaces the pane's point; a null takes it away."""
        key = self._layout.history(change.scope, change.id, field)
        start = pane_start(field, change.as_of)
        self._points.append(("ZREMRANGEBYSCORE", key, start, start))
        if value.value is not None:
            self._points.append(("ZADD", key, start, f"{start}:{number(value.value)}"))
            self._points.append(("ZREMRANGEBYRANK", key, 0, -HISTORY_POINTS - 1))


def pane_start(field: str, as_of: int) -> int:
    """Start of the field's pane that holds ``as_of`` (ms), in epoch seconds; a gauge has day panes.

    >>> pane_start("nps:24h", 7_300_000), pane_start("open_tickets:now", 86_400_001)
    (7200, 86400)
    """
    name = field.rpartition(":")[2]
    unit = windows.UNIT_MS["d" if name == windows.NOW else windows.parse(name).unit]
    return as_of // unit * unit // 1000


def companions(layout: Layout, scope: str, id: str, history: tuple[str, ...]) -> list[str]:
    """The other keys of an id, which go when it goes."""
    keys = [layout.document(kind, scope, id) for kind in DOCUMENTS]
    return keys + [layout.history(scope, id, field) for field in history]
