"""The rows of a flush, in the order in which they are to be stored: of two with the same key the later one holds.

What the keys look like is said in ``rows``. ``_sheet`` does the same compiled: there a sheet is one piece of memory.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kamstream.engine.rows import account_prefix, pack, pane_key
from kamstream.engine.seen import Seen
from kamstream.native import COMPILED


class Sheet:
    """Rows of state; None: deleted. What is added for an account belongs to the one that ``turn_to`` named last.

    >>> sheet = Sheet()
    >>> sheet.turn_to("ACC-1")
    >>> sheet.put_entity("t7", b"opened"), sheet.put(b"T", None)
    (None, None)
    >>> list(sheet)
    [(b'AACC-1\\x00et7', b'opened'), (b'T', None)]
    """

    __slots__ = ("_prefix", "_rows")

    def __init__(self) -> None:
        self._rows: list[tuple[bytes, bytes | None]] = []
        self._prefix: bytes = account_prefix("")

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[bytes, bytes | None]]:
        return iter(self._rows)

    def clear(self) -> None:
        """Let all rows go: they take much memory, and are stored by now."""
        self._rows = []

    def put(self, key: bytes, value: bytes | None) -> None:
        """Add a row by its whole key."""
        self._rows.append((key, value))

    def turn_to(self, account: str) -> None:
        """The rows that follow are of another account."""
        self._prefix = account_prefix(account)

    def put_entity(self, entity: str, value: bytes | None) -> None:
        """Add an entity's own row."""
        self.put(self._prefix + b"e" + entity.encode(), value)

    def put_chunk(self, number: int, entity: str, value: bytes | None) -> None:
        """Add a row of an entity's sealed records."""
        self.put(b"%bx%d %b" % (self._prefix, number, entity.encode()), value)

    def put_seen(self, topic: int, number: int, value: bytes | None) -> None:
        """Add a row of pairs that were seen on a topic."""
        self.put(b"%bs%d%d" % (self._prefix, topic, number), value)

    def put_pane(self, family: bytes, unit: str, number: int, value: bytes | None) -> None:
        """Add a row of sums."""
        self.put(pane_key(self._prefix, family, unit, number), value)

    def put_head(
        self,
        born: bool,
        live: bool,
        swept: int,
        seen: Sequence[Seen | None],
        sums: bytes | None,
        unowned: bytes | None,
    ) -> None:
        """Add the account's own row."""
        tails = [None if each is None else each.tail() for each in seen]
        self.put(self._prefix + b"h", pack((born, live, swept, tails, sums, unowned)))


if COMPILED and not TYPE_CHECKING:
    from kamstream.engine._sheet import Sheet

__all__ = ["Sheet"]
