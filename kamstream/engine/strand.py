"""A strand: an entity that is a set of events, how its records are kept, and its story as far as it has been read.

Records are stored packed, one after the other in their order: the latest in the entity's own row, older ones in sealed
rows, so that a long entity is not written anew with every event. Sealed records that lie before the time from which
on events are accepted can have nothing put between them any more: they are folded into what their story knew by then.
"""

from bisect import insort
from typing import Any

from kamstream.engine.kinds import load_story, new_story
from kamstream.engine.records import Packing, read_row, unpack_records
from kamstream.entities.fact import Context, Fact, Record, Story

#: Records in a row, at the most.
LENGTH = 32
NEVER = -(2**62)

_packing = Packing()


class Sealed:
    """The sealed rows of a long entity, numbered from ``first`` on; ``dirty`` are those to be written or dropped."""

    __slots__ = ("chunks", "dirty", "ends", "first")

    def __init__(self, first: int) -> None:
        self.first: int = first
        #: Number of records and the records, packed.
        self.chunks: list[tuple[int, bytes]] = []
        self.ends: list[int] = []
        self.dirty: dict[int, bytes | None] = {}

    def append(self, count: int, packed: bytes, end: int) -> None:
        """Seal some more records; ``end`` is the time of the last."""
        self.dirty[self.first + len(self.chunks)] = count.to_bytes(2, "big") + packed
        self.chunks.append((count, packed))
        self.ends.append(end)

    def restore(self, chunk: bytes) -> None:
        """Take a chunk as it was stored."""
        count, packed = int.from_bytes(chunk[:2], "big"), chunk[2:]
        self.chunks.append((count, packed))
        self.ends.append(unpack_records(count, packed)[-1][0])

    def drop(self, chunks: int) -> None:
        """Let the first chunks go."""
        for number in range(self.first, self.first + chunks):
            self.dirty[number] = None
        self.first += chunks
        del self.chunks[:chunks], self.ends[:chunks]

    def records(self) -> list[Record]:
        """All sealed records."""
        return [record for count, packed in self.chunks for record in unpack_records(count, packed)]


class Strand:
    """An entity's records, and its story where it has been read.

    ``last`` is the time of its last record; ``facts`` are those that count and may be taken back (None: not known);
    ``due`` is the next T at which time changes its facts; ``begin`` is what its story knew before its first record.
    ``changed`` says that its row is to be written.
    """

    __slots__ = ("begin", "changed", "count", "due", "facts", "key", "last", "packed", "sealed", "story")

    def __init__(self, key: str) -> None:
        self.key: str = key
        self.packed: bytes = b""
        self.count: int = 0
        self.last: int = NEVER
        self.due: int | None = None
        self.story: Story | None = None
        self.facts: list[Fact] | None = None
        self.begin: tuple[Any, ...] | None = None
        self.sealed: Sealed | None = None
        self.changed: bool = False

    def row(self) -> bytes:
        """The entity's own row: when it falls due, last time, beginning, sealed rows, records."""
        sealed = self.sealed
        first, following = (0, 0) if sealed is None else (sealed.first, sealed.first + len(sealed.chunks))
        return _packing.row(self.due, self.last, self.begin, first, following, self.count, self.packed)

    def records(self) -> list[Record]:
        """All its records since its beginning, in their order."""
        records = unpack_records(self.count, self.packed)
        return self.sealed.records() + records if self.sealed is not None else records

    def read(self, context: Context) -> Story:
        """Its story, read anew, and the facts that stand by it."""
        story = new_story(self.key) if self.begin is None else load_story(self.key, self.begin)
        for record in self.records():
            story.read(record, context)
        story.moved = False
        self.story, self.facts = story, story.standing(context)
        return story

    def append(self, record: Record) -> None:
        """Add a record that comes after all others."""
        self.packed = _packing.with_record(self.packed, record)
        self.count += 1
        self.last = record[0]

    def insert(self, record: Record) -> None:
        """Add a record in its place; the story has to be read anew."""
        self.story = self.facts = None
        if self.sealed is not None and record[0] <= self.sealed.ends[-1]:
            records = self.records()
            insort(records, record)
            self.sealed.drop(len(self.sealed.chunks))
            self._keep(records)
            return
        records = unpack_records(self.count, self.packed)
        insort(records, record)
        last = max(self.last, record[0])
        self.packed, self.count = b"", 0
        for each in records:
            self.append(each)
        self.last = last

    def _keep(self, records: list[Record]) -> None:
        self.packed, self.count = b"", 0
        for record in records:
            if self.count == LENGTH:
                self._seal()
            self.append(record)

    def _seal(self) -> None:
        if self.sealed is None:
            self.sealed = Sealed(0)
        self.sealed.append(self.count, self.packed, self.last)
        self.packed, self.count = b"", 0

    def settle(self, border: int, context: Context) -> None:
        """Seal the records of a full row; fold sealed ones that lie before ``border``, the earliest time to come."""
        if self.count >= LENGTH:
            self._seal()
        sealed = self.sealed
        if sealed is None:
            return
        old = 0
        while old < len(sealed.ends) and sealed.ends[old] < border:
            old += 1
        if not old:
            return
        story = new_story(self.key) if self.begin is None else load_story(self.key, self.begin)
        for count, packed in sealed.chunks[:old]:
            for record in unpack_records(count, packed):
                story.read(record, context)
        self.begin = story.dump()
        sealed.drop(old)


def restored_strand(key: str, row: bytes, chunks: dict[int, bytes] | None) -> Strand:
    """A strand as its rows say: its own, and the sealed ones by number."""
    strand = Strand(key)
    strand.due, strand.last, strand.begin, first, following, strand.count, strand.packed = read_row(row)
    if following:
        strand.sealed = Sealed(first)
        for number in range(first, following):
            assert chunks is not None
            strand.sealed.restore(chunks[number])
    return strand
