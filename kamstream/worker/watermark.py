"""The last row of every flush: up to where the state is complete, and which older rows may be believed.

A changelog partition is a sequence of *reigns*. An owner opens its reign with a fence, a watermark without rows that
carries an epoch one higher than any before it, and closes each flush with a watermark. Which rows are good follows
from the newest watermark alone: those in its ``good`` spans, and those of its own epoch after its fence and before
itself. All other rows are bad: the tail of a flush that was never finished, or the writes of an owner that did not
know yet that it was none any more.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

#: Key of the watermark row. Rows of the engine never begin with a zero byte.
KEY = b"\x00watermark"
#: Header that carries the epoch of a deletion, which has no value to carry it.
HEADER = "e"
ANY = -1

_EPOCH = struct.Struct(">I")
PREFIX = _EPOCH.size


def epoch_bytes(epoch: int) -> bytes:
    """What stands before each row's bytes: which owner wrote it."""
    return _EPOCH.pack(epoch)


def epoch_of(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> int:
    """The epoch of a row as read; ``ANY`` + nothing fits rows that carry none, so they are never believed."""
    raw = value if value is not None else next((v for name, v in headers if name == HEADER), None)
    return _EPOCH.unpack_from(raw)[0] if raw is not None and len(raw) >= PREFIX else -2


class Span(NamedTuple):
    """Offsets ``first``..``last`` (both included) whose rows of ``epoch`` (``ANY`` = of every one) are good."""

    first: int
    last: int
    epoch: int


class Watermark(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """What an owner says at the end of a flush, or at its fence.

    ``offsets``: topic to the offset to be read next. ``fence``: where this reign's fence lies, None in the fence
    itself.
    """

    epoch: int
    owner: str
    flush: int
    time: int
    rows: int
    offsets: dict[str, int]
    good: tuple[Span, ...]
    fence: int | None = None

    def encode(self) -> bytes:
        """The row's value."""
        return epoch_bytes(self.epoch) + msgspec.json.encode(self)


_DECODER = msgspec.json.Decoder(Watermark)


def decode(value: bytes) -> Watermark:
    """Read a watermark's value; ValueError when it is none."""
    return _DECODER.decode(value[PREFIX:])


@dataclass(frozen=True)
class Mark:
    """A watermark and where it lies in the log; ``good`` are all spans that it vouches for."""

    offset: int
    said: Watermark
    good: tuple[Span, ...]

    @classmethod
    def at(cls, offset: int, said: Watermark) -> "Mark":
        """A watermark as read at ``offset``."""
        own = Span(said.fence + 1, offset, said.epoch) if said.fence is not None else None
        return cls(offset, said, said.good if own is None else (*said.good, own))

    @property
    def fence(self) -> int:
        """Where the fence of this reign lies."""
        return self.offset if self.said.fence is None else self.said.fence

    @property
    def safe(self) -> int:
        """The last offset up to which every row is good, whoever wrote it; -1 = none."""
        first = self.good[0] if self.good else None
        return first.last if first is not None and first.first == 0 and first.epoch == ANY else -1

    def believes(self, offset: int, epoch: int) -> bool:
        """Whether a row at ``offset`` of ``epoch`` is good."""
        return any(s.first <= offset <= s.last and s.epoch in (ANY, epoch) for s in self.good)

    def succeeds(self, other: "Mark") -> bool:
        """Whether both are of the same reign."""
        return self.said.epoch == other.said.epoch and self.said.owner == other.said.owner


def next_offsets(said: Watermark | None) -> Mapping[str, int]:
    """Topic to the offset to be read next; a topic that is missing begins at its start."""
    return {} if said is None else said.offsets
