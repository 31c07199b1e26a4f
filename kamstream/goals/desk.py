"""Which documents have to be written again after changes of tables: the live tables' side of scorecards and goals."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from kamstream.entities.fact import Profile
from kamstream.goals.documents import Board
from kamstream.kpis.base import Number


class Change(Protocol):
    """The part of a table change that matters here; with ``full`` its values are the whole table."""

    @property
    def scope(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def as_of(self) -> int: ...
    @property
    def values(self) -> Mapping[str, tuple[Number, int]]: ...
    @property
    def full(self) -> bool: ...
    @property
    def gone(self) -> bool: ...
    @property
    def profile(self) -> Profile | None: ...


class Written(NamedTuple):
    """A document as it is to be written: kind ``scorecard`` or ``goals``; no text = there is none."""

    kind: str
    scope: str
    id: str
    text: str | None


class Desk:
    """Knows which goals of accounts were written last, so that a profile that names others is noticed."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._agreed: dict[str, tuple[tuple[str, str, float], ...]] = {}

    def due(self, changes: Iterable[Change]) -> list[tuple[str, str]]:
        """The ids whose documents may have changed with these changes, each once."""
        return list(dict.fromkeys((one.scope, one.id) for one in changes if not one.gone and self._is_due(one)))

    def documents(self, tables: Iterable[Change]) -> list[Written]:
        """The documents of these whole tables, ready to be written; those of ids that are gone are left out."""
        written = []
        for table in tables:
            if table.scope == "account":
                self._note(table)
            if table.gone:
                continue
            made = self._board.documents(table.scope, table.id, table.values, table.profile, table.as_of)
            written += [Written(kind, table.scope, table.id, text) for kind, text in made]
        return written

    def _is_due(self, change: Change) -> bool:
        if change.full or self._board.concerns(change.scope, change.id, change.profile, change.values.keys()):
            return True
        return change.scope == "account" and self._agreed.get(change.id, ()) != _targets(change)

    def _note(self, table: Change) -> None:
        targets = _targets(table)
        if targets:
            self._agreed[table.id] = targets
        else:
            self._agreed.pop(table.id, None)


def _targets(change: Change) -> tuple[tuple[str, str, float], ...]:
    return change.profile.targets if change.profile else ()
