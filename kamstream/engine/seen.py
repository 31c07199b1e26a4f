"""Duplicates and lateness of one account on one topic.

The pair (source, id) is remembered until its event would be too late, which is when it is older than one horizon
before the newest event accepted on that topic. Remembered pairs are stored in chunks, so that a flush writes the
last few of them only.
"""

from kamstream.engine.rows import decode, encode

CHUNK = 48
NEVER = -(2**62)


class Seen:
    """The pairs seen on one topic, and the newest time accepted there."""

    __slots__ = ("_dirty", "_first", "_next", "_sealed", "_tail", "_times", "newest")

    def __init__(self) -> None:
        self.newest = NEVER
        self._times: dict[str, int] = {}
        self._tail: list[tuple[str, int]] = []
        self._first = 0
        self._next = 0
        self._sealed: list[tuple[int, bytes | None]] = []
        self._dirty = False

    def judge(self, key: str, time: int, horizon: int) -> str:
        """``too-late``, ``duplicate`` or ``applied``; the last remembers the pair and moves the newest time."""
        border = self.newest - horizon
        if time < border:
            return "too-late"
        known = self._times.get(key)
        if known is not None and known >= border:
            return "duplicate"
        if known is not None:
            del self._times[key]
        self._times[key] = time
        self.newest = max(self.newest, time)
        self._tail.append((key, time))
        self._dirty = True
        if len(self._tail) >= CHUNK:
            self._seal(horizon)
        return "applied"

    def collect(self) -> list[tuple[int, bytes | None]]:
        """The chunks that changed since the last call, as (number, bytes or None for a dropped one)."""
        if not self._dirty:
            return []
        chunks, self._sealed, self._dirty = self._sealed, [], False
        if self._tail:
            chunks.append((self._next, encode(self._tail)))
        return chunks

    def head(self) -> tuple[int, int, int]:
        """Newest time, first and next chunk: what the account's row keeps."""
        return self.newest, self._first, self._next

    @classmethod
    def restored(cls, head: tuple[int, int, int], chunks: dict[int, bytes]) -> "Seen":
        """As it was, from its head and chunks."""
        seen = cls()
        seen.newest, seen._first, seen._next = head
        for number in sorted(chunks):
            pairs = [(key, time) for key, time in decode(chunks[number])]
            seen._times.update(pairs)
            if number == seen._next:
                seen._tail = pairs
        return seen

    def _seal(self, horizon: int) -> None:
        self._sealed.append((self._next, encode(self._tail)))
        self._next += 1
        self._tail = []
        remembered = (self._next - self._first) * CHUNK
        if remembered >= 4 * CHUNK and remembered > 2 * self._standing(horizon):
            self._rewrite(horizon)

    def _standing(self, horizon: int) -> int:
        """How many pairs would still be duplicates."""
        if next(iter(self._times.values())) >= self.newest - horizon:
            return len(self._times)
        border = self.newest - horizon
        return sum(1 for time in self._times.values() if time >= border)

    def _rewrite(self, horizon: int) -> None:
        """Forget what would be too late, and store the rest anew."""
        border = self.newest - horizon
        self._times = {key: time for key, time in self._times.items() if time >= border}
        pairs = list(self._times.items())
        dropped: list[tuple[int, bytes | None]] = [(number, None) for number in range(self._first, self._next)]
        self._first = self._next
        written: list[tuple[int, bytes | None]] = []
        while len(pairs) >= CHUNK:
            written.append((self._next, encode(pairs[:CHUNK])))
            pairs = pairs[CHUNK:]
            self._next += 1
        self._tail = pairs
        self._sealed = dropped + written
