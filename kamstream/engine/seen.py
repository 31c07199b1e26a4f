"""Duplicates and lateness of one account on one topic.

The pair (source, id) is remembered until its event would be too late, which is when it is older than one horizon
before the newest event accepted on that topic. Pairs are kept as text, found by exact search: the latest in a short
tail, older ones in buckets of a few dozen each. A full tail is stored once, as a chunk; the account's row keeps the
rest. A chunk whose newest pair would be too late is dropped whole.

>>> seen = Seen()
>>> [seen.judge("1", suffix_of("crm"), time, 100) for time in (5, 5, 200, 5)]
['applied', 'duplicate', 'duplicate', 'duplicate']
>>> [seen.judge(id, suffix_of("crm"), 200, 100) for id in ("2", "2")], seen.judge("3", suffix_of("crm"), 99, 100)
(['applied', 'duplicate'], 'too-late')
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kamstream.native import COMPILED

#: Pairs in a chunk.
CHUNK = 24
NEVER = -(2**62)
#: What closes an id, a source and a time; ids with such characters in them are written otherwise.
_ID, _SOURCE, _END, _ESCAPED = "\x1f", "\x1e", "\n", "\x1c"

APPLIED, DUPLICATE, TOO_LATE = "applied", "duplicate", "too-late"


def suffix_of(source: str) -> str:
    """What follows an id in the text of a pair."""
    return f"{_ID}{_plain(source)}{_SOURCE}"


def _plain(text: str) -> str:
    """The text itself, or where it holds characters that cannot be printed, another that stands for it alone."""
    return text if text.isprintable() else _ESCAPED + text.encode("unicode_escape").decode()


class Seen:
    """The pairs seen on one topic, and the newest time accepted there."""

    __slots__ = ("_ages", "_buckets", "_dirty", "_first", "_next", "_old", "_tail", "_tail_count", "newest")

    def __init__(self) -> None:
        self.newest: int = NEVER
        self._tail: str = _END
        self._tail_count: int = 0
        self._buckets: list[str] | None = None
        #: Pairs in the buckets, and the newest time of every chunk in store, numbered from ``_first`` on.
        self._old: int = 0
        self._ages: list[int] | None = None
        self._first: int = 0
        self._next: int = 0
        self._dirty: dict[int, bytes | None] | None = None

    def judge(self, id: str, suffix: str, time: int, horizon: int) -> str:
        """``too-late``, ``duplicate`` or ``applied``; the last remembers the pair and moves the newest time."""
        border = self.newest - horizon
        if time < border:
            return TOO_LATE
        pair = f"{_END}{id if id.isprintable() else _plain(id)}{suffix}"
        tail = self._tail
        if pair in tail:
            if _time_after(tail, pair) >= border:
                return DUPLICATE
            tail = _without(tail, pair)
            self._tail_count -= 1
        elif self._buckets is not None and self._is_known(pair, border):
            return DUPLICATE
        self._tail = f"{tail}{pair[1:]}{time}{_END}"
        self.newest = max(self.newest, time)
        self._tail_count += 1
        if self._tail_count >= CHUNK:
            self._seal(horizon)
        return APPLIED

    def tail(self) -> tuple[int, int, int, str]:
        """Newest time, first and next chunk, and the pairs in no chunk: what the account's row keeps."""
        return self.newest, self._first, self._next, self._tail[1:]

    def collect(self) -> dict[int, bytes | None] | None:
        """The chunks that changed since the last call, None for a dropped one."""
        chunks, self._dirty = self._dirty, None
        return chunks

    @classmethod
    def restored(cls, row: Sequence[Any], chunks: dict[int, bytes]) -> "Seen":
        """As it was, from the account's row and the chunks by number."""
        seen = cls()
        seen.newest, seen._first, seen._next = row[0], row[1], row[2]
        seen._tail = _END + row[3]
        seen._tail_count = seen._tail.count(_END) - 1
        if seen._next > seen._first:
            pairs: list[str] = []
            seen._ages = []
            for number in range(seen._first, seen._next):
                chunk = chunks[number].decode().split(_END)[:-1]
                seen._ages.append(max(_time_of(pair) for pair in chunk))
                pairs += chunk
            seen._fill(pairs)
        return seen

    def _is_known(self, pair: str, border: int) -> bool:
        """Whether an older pair is a duplicate; one that would be too late by now is forgotten."""
        buckets = self._buckets
        assert buckets is not None
        place = hash(pair) & (len(buckets) - 1)
        while pair in buckets[place]:
            if _time_after(buckets[place], pair) >= border:
                return True
            buckets[place] = _without(buckets[place], pair)
        return False

    def _seal(self, horizon: int) -> None:
        """Store the tail as a chunk, and put its pairs into the buckets."""
        pairs = self._tail[1:-1].split(_END)
        if self._dirty is None:
            self._dirty = {}
        if self._ages is None:
            self._ages = []
        self._dirty[self._next] = self._tail[1:].encode()
        self._ages.append(max(_time_of(pair) for pair in pairs))
        self._next += 1
        self._tail, self._tail_count = _END, 0
        border = self.newest - horizon
        while self._ages and self._ages[0] < border:
            del self._ages[0]
            self._dirty[self._first] = None
            self._first += 1
        buckets = self._buckets
        if buckets is None or self._old + len(pairs) > 2 * CHUNK * len(buckets):
            kept = [] if buckets is None else [pair for bucket in buckets for pair in bucket[1:].split(_END)[:-1]]
            self._fill([pair for pair in kept if _time_of(pair) >= border] + pairs)
            return
        self._old += len(pairs)
        for pair in pairs:
            place = _place(pair, len(buckets))
            buckets[place] = f"{buckets[place]}{pair}{_END}"

    def _fill(self, pairs: list[str]) -> None:
        """Spread pairs over as many buckets as leave room for as many again."""
        size = 1
        while size * CHUNK < len(pairs):
            size *= 2
        sorted_in: list[list[str]] = [[] for _ in range(size)]
        for pair in pairs:
            sorted_in[_place(pair, size)].append(pair)
        self._buckets = [_END + "".join(pair + _END for pair in bucket) for bucket in sorted_in]
        self._old = len(pairs)


def _place(pair: str, size: int) -> int:
    return hash(_END + pair[: pair.index(_SOURCE) + 1]) & (size - 1)


def _time_of(pair: str) -> int:
    return int(pair[pair.index(_SOURCE) + 1 :])


def _time_after(text: str, pair: str) -> int:
    """The time of a pair in a text."""
    begins = text.index(pair) + len(pair)
    return int(text[begins : text.index(_END, begins)])


def _without(text: str, pair: str) -> str:
    begins = text.index(pair)
    return text[:begins] + text[text.index(_END, begins + 1) :]


if COMPILED and not TYPE_CHECKING:
    from kamstream.engine._seen import Seen
