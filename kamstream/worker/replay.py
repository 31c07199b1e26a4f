"""Reading a changelog partition back: which rows count, which were damaged, and who reigned last. Pure.

Records go in as they are read; rows count once a watermark vouches for them. A partition that was compacted has long
stretches without any watermark, so the reader first looks for the newest one near the end and gives it as a hint:
then rows before it need not wait. A hint that turns out to be of a deposed owner raises ``BetterHintError``.
"""

from collections.abc import Sequence
from typing import Protocol

from kamstream.worker.watermark import KEY, PREFIX, Mark, Span, decode, epoch_bytes, epoch_of


class Record(Protocol):
    """The part of a consumer record that matters here."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class BetterHintError(Exception):
    """The partition has to be read again, beginning with the watermark ``mark``."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(f"watermark of epoch {mark.said.epoch} at {mark.offset}")
        self.mark = mark


class Replay:
    """The state of one partition while its changelog is read.

    ``rows``: the rows that count, without the epoch before them. ``mark``: the newest watermark of the newest reign.
    ``top_epoch``: the highest epoch seen on any watermark.
    """

    def __init__(self, hint: Mark | None = None) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.mark = hint
        self.top_epoch = hint.said.epoch if hint else 0
        self.read = 0
        self._pending: list[Record] = []
        self._damaged: set[bytes] = set()
        # Spans of the reign before, while the newest one has no flush of its own yet.
        self._before: tuple[Span, ...] = ()

    def feed(self, records: Sequence[Record]) -> None:
        """Take the next records of the log, in order."""
        rows, damaged, pending = self.rows, self._damaged, self._pending
        safe, first, border, own = self._borders()
        for record in records:
            offset, key, value = record.offset, record.key, record.value
            if key == KEY:
                if value is not None:
                    self._watermark(offset, value)
                    safe, first, border, own = self._borders()
            # Two short ways for nearly all rows: old enough to be beyond doubt, or of the newest reign.
            elif value is not None and (offset <= safe or (first <= offset < border and value.startswith(own))):
                rows[key] = value[PREFIX:]  # type: ignore[index]  # a changelog row has a key
                if damaged:
                    damaged.discard(key)
            elif offset < border:
                self._judge(record)
            else:
                pending.append(record)
        self.read += len(records)

    def damaged(self) -> dict[bytes, bytes | None]:
        """Keys on which bad rows lie, with what they should say: the next owner writes them anew.

        Includes what waits for a watermark, which will not come any more once a fence is written.
        """
        keys = self._damaged | {record.key for record in self._pending if record.key is not None}
        return {key: self.rows.get(key) for key in keys}

    def spans(self) -> tuple[Span, ...]:
        """What a fence at the end of what was read has to vouch for."""
        if self.mark is None:
            return ()
        if not self.damaged():
            return (Span(0, self.mark.offset, -1),)
        return tuple(dict.fromkeys((*self.mark.good, *self._before)))

    def _borders(self) -> tuple[int, int, int, bytes]:
        """Last offset beyond doubt, first offset and end of the newest reign, its epoch as rows carry it."""
        if self.mark is None:
            return -1, 0, -1, b""
        mark = self.mark
        return mark.safe, mark.fence + 1, mark.offset, epoch_bytes(mark.said.epoch)

    def _apply(self, record: Record) -> None:
        assert record.key is not None
        if record.value is not None:
            self.rows[record.key] = record.value[PREFIX:]
        else:
            self.rows.pop(record.key, None)
        self._damaged.discard(record.key)

    def _judge(self, record: Record) -> None:
        assert self.mark is not None
        assert record.key is not None
        if self.mark.believes(record.offset, epoch_of(record.value, record.headers)):
            self._apply(record)
        else:
            self._damaged.add(record.key)

    def _watermark(self, offset: int, value: bytes) -> None:
        new = Mark.at(offset, decode(value))
        self.top_epoch = max(self.top_epoch, new.said.epoch)
        mark = self.mark
        if mark is None:
            self._settle(new)
        elif new.said.epoch < mark.said.epoch:
            pass  # a deposed owner; its rows are judged as they come
        elif offset < mark.offset:
            self._doubt(mark, new)
        elif new.said.epoch > mark.said.epoch:
            if new.fence <= mark.offset:
                raise BetterHintError(new)  # mark was written by a deposed owner after the fence of new
            self._before = mark.good if new.said.fence is None else ()
            self._settle(new)
        elif new.succeeds(mark) and offset > mark.offset:
            self._before = ()
            self._settle(new)

    def _doubt(self, mark: Mark, new: Mark) -> None:
        """A watermark before the hint: the hint must be of the newest reign, and of its rightful owner."""
        if new.said.epoch > mark.said.epoch or not new.succeeds(mark):
            raise BetterHintError(new)

    def _settle(self, new: Mark) -> None:
        """Let what waited count or not, as the new watermark says."""
        self.mark = new
        for record in self._pending:
            self._judge(record)
        self._pending.clear()
