"""What follows an accepted table, in a transaction: index, portfolios, rankings, history."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kamstream import windows
from kamstream.live.layout import Layout, number
from kamstream.live.link import Command
from kamstream.live.pending import TableId

if TYPE_CHECKING:
    from kamstream.engine import TableChange, Value

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
        placed: Mapping[TableId, str],
        rank: tuple[str, ...],
        history: tuple[str, ...],
    ) -> None:
        self._layout = layout
        self._partition = partition
        self._placed = placed
        self._rank = rank
        self._history = history
        self.moves: dict[TableId, str | None] = {}
        self._sets: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._scores: dict[str, list[str]] = defaultdict(list)
        self._points: list[Command] = []

    def follows(self, change: "TableChange") -> bool:
        """Whether anything is to follow this change once it is accepted."""
        if change.gone:
            return True
        before = self._placed.get((change.scope, change.id))
        if before is None or before != self._kam(change, before):
            return True
        values = change.values
        if self._rank and change.scope == "account" and (change.full or any(field in values for field in self._rank)):
            return True
        return any(field in values for field in self._history)

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

    def remove(self, scope: str, id: str) -> None:
        """An accepted removal; the keys of the id itself went with the script."""
        self._sets["SREM", self._layout.index(scope)].append(id)
        kam = self._placed.get((scope, id))
        if kam:
            self._sets["SREM", self._layout.portfolio(kam)].append(id)
        if scope == "account":
            for field in self._rank:
                self._sets["ZREM", self._layout.rank(field)].append(id)
        self.moves[scope, id] = None

    def commands(self) -> list[Command]:
        """All of it as commands."""
        out: list[Command] = [(verb, key, *ids) for (verb, key), ids in self._sets.items()]
        out += [("ZADD", key, *pairs) for key, pairs in self._scores.items()]
        out += self._points
        table = self._layout.placed(self._partition)
        settled: list[str] = []
        for (scope, id), kam in self.moves.items():
            if kam is not None:
                settled += (f"{scope}:{id}", kam)
        removed = [f"{scope}:{id}" for (scope, id), kam in self.moves.items() if kam is None]
        if settled:
            out.append(("HSET", table, *settled))
        if removed:
            out.append(("HDEL", table, *removed))
        return out

    def move(self, placed: dict[TableId, str]) -> None:
        """The commands ran: change the list of what is placed as they did."""
        for key, kam in self.moves.items():
            if kam is None:
                placed.pop(key, None)
            else:
                placed[key] = kam

    def _place(self, change: "TableChange") -> None:
        """Index and portfolio, where they do not hold the id yet or hold it under another KAM."""
        key = (change.scope, change.id)
        before = self._placed.get(key)
        after = self._kam(change, before)
        if before == after:
            return
        if before is None:
            self._sets["SADD", self._layout.index(change.scope)].append(change.id)
        if before:
            self._sets["SREM", self._layout.portfolio(before)].append(change.id)
        if after:
            self._sets["SADD", self._layout.portfolio(after)].append(change.id)
        self.moves[key] = after

    @staticmethod
    def _kam(change: "TableChange", before: str | None) -> str:
        """In whose portfolio the id is from here on; empty: in none."""
        if change.scope != "account":
            return ""
        if change.profile is not None:
            return change.profile.kam_id
        return "" if change.full else before or ""

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
