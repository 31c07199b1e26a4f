"""Which rows of a changelog count: stories of logs, record by record."""

from typing import NamedTuple

import pytest

from kamstream.worker.replay import BetterHintError, Replay
from kamstream.worker.watermark import ANY, HEADER, KEY, Mark, Span, Watermark, decode, epoch_bytes


class Rec(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Log:
    """Writes a changelog as owners do."""

    def __init__(self) -> None:
        self.records: list[Rec] = []

    @property
    def end(self) -> int:
        return self.records[-1].offset + 1 if self.records else 0

    def row(self, epoch: int, key: str, value: str | None) -> None:
        data = None if value is None else epoch_bytes(epoch) + value.encode()
        headers = ((HEADER, epoch_bytes(epoch)),) if value is None else ()
        self.records.append(Rec(self.end, key.encode(), data, headers))

    def mark(self, epoch: int, owner: str, *, fence: int | None, good: tuple[Span, ...] = (), at: int = 0) -> int:
        said = Watermark(epoch, owner, 1, 5, 1, {"t": at}, good, fence)
        self.records.append(Rec(self.end, KEY, said.encode()))
        return self.end - 1

    def fence(self, epoch: int, owner: str, good: tuple[Span, ...] = ()) -> int:
        return self.mark(epoch, owner, fence=None, good=good)

    def flush(self, epoch: int, owner: str, fence: int, at: int, **rows: str | None) -> None:
        for key, value in rows.items():
            self.row(epoch, key, value)
        self.mark(epoch, owner, fence=fence, good=(Span(0, fence, ANY),), at=at)

    def read(self, hint: Mark | None = None, batch: int = 2) -> Replay:
        replay = Replay(hint)
        for start in range(0, len(self.records), batch):
            replay.feed(self.records[start : start + batch])
        return replay

    def compacted(self, upto: int) -> "Log":
        """As Kafka would leave it: before ``upto`` only the last record of each key there."""
        last = {record.key: record.offset for record in self.records if record.offset < upto}
        kept = Log()
        kept.records = [r for r in self.records if r.offset >= upto or last[r.key] == r.offset]
        return kept

    def newest(self) -> Mark:
        """The hint that a reader would find from the end."""
        found = next(r for r in reversed(self.records) if r.key == KEY)
        assert found.value is not None
        return Mark.at(found.offset, decode(found.value))


def rows(replay: Replay) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in replay.rows.items()}


def one_reign() -> tuple[Log, int]:
    log = Log()
    fence = log.fence(1, "A")
    log.flush(1, "A", fence, 10, x="1", y="1")
    log.flush(1, "A", fence, 20, x="2", y=None)
    return log, fence


def test_rows_count_once_their_watermark_is_read_and_deletions_delete() -> None:
    log, _ = one_reign()
    replay = log.read()
    assert rows(replay) == {"x": "2"}
    assert replay.mark is not None
    assert replay.mark.said.offsets == {"t": 20}
    assert replay.damaged() == {}


def test_the_tail_of_an_unfinished_flush_is_dropped_and_its_keys_are_to_be_mended() -> None:
    log, _ = one_reign()
    log.row(1, "x", "3")
    log.row(1, "z", "3")
    replay = log.read()
    assert rows(replay) == {"x": "2"}
    assert replay.damaged() == {b"x": b"2", b"z": None}


def test_the_next_owner_does_not_believe_the_tail_either_also_when_the_log_was_compacted() -> None:
    log, _ = one_reign()
    log.row(1, "x", "3")
    tail = log.read()
    second = log.fence(2, "B", tail.spans())
    log.flush(2, "B", second, 30, x="2", w="1")
    for view in (log, log.compacted(second), log.compacted(log.end)):
        assert rows(view.read()) == {"x": "2", "w": "1"}
        assert rows(view.read(view.newest())) == {"x": "2", "w": "1"}


def test_a_fence_whose_owner_died_at_once_keeps_what_was_good_before_it() -> None:
    log, _ = one_reign()
    log.row(1, "x", "3")
    log.fence(2, "B", log.read().spans())
    log.row(2, "x", "9")
    replay = log.read()
    assert rows(replay) == {"x": "2"}
    assert replay.damaged() == {b"x": b"2"}
    assert replay.top_epoch == 2
    third = log.fence(3, "C", replay.spans())
    # Only the newest watermark is left of the old ones: its spans alone must tell.
    assert rows(log.compacted(0).read(Mark.at(third, decode(log.records[third].value or b"")))) == {"x": "2"}


def test_what_a_deposed_owner_writes_after_the_fence_is_not_believed() -> None:
    log, first = one_reign()
    second = log.fence(2, "B", log.read().spans())
    log.flush(2, "B", second, 30, x="5")
    log.flush(1, "A", first, 25, x="stale", q="stale")
    for replay in (log.read(), log.read(batch=100)):
        assert rows(replay) == {"x": "5"}
        assert replay.damaged() == {b"x": b"5", b"q": None}
        assert replay.mark is not None
        assert replay.mark.said.owner == "B"
    with pytest.raises(BetterHintError) as better:
        log.read(log.newest())
    assert better.value.mark.said.owner == "B"
    assert rows(log.read(better.value.mark)) == {"x": "5"}


def test_a_deposed_owners_watermark_that_compaction_kept_gives_way_to_the_newer_reign() -> None:
    log, first = one_reign()
    second = log.fence(2, "B", log.read().spans())
    log.row(2, "x", "5")
    log.flush(1, "A", first, 25, x="stale")
    border = log.end
    log.row(2, "x", "6")
    log.mark(2, "B", fence=second, good=(Span(0, second, ANY),), at=40)
    view = log.compacted(border)
    with pytest.raises(BetterHintError) as better:
        view.read()
    assert rows(view.read(better.value.mark)) == {"x": "6"}


def test_a_flush_that_was_complete_before_the_fence_counts_though_the_fence_did_not_know() -> None:
    log, first = one_reign()
    spans = log.read().spans()
    log.flush(1, "A", first, 30, x="7")
    log.fence(2, "B", spans)
    replay = log.read()
    assert rows(replay) == {"x": "7"}
    assert replay.damaged() == {}


def test_of_two_fences_of_one_epoch_the_first_in_the_log_wins() -> None:
    log, _ = one_reign()
    spans = log.read().spans()
    mine = log.fence(2, "C", spans)
    log.fence(2, "D", spans)
    log.flush(2, "C", mine, 30, x="8")
    assert rows(log.read()) == {"x": "8"}
    loser = Mark.at(mine + 1, decode(log.records[mine + 1].value or b""))
    with pytest.raises(BetterHintError) as better:
        log.read(loser)
    assert better.value.mark.said.owner == "C"


def test_a_row_without_an_epoch_is_never_believed() -> None:
    log, fence = one_reign()
    log.records.append(Rec(log.end, b"x", None))
    log.mark(1, "A", fence=fence, good=(Span(0, fence, ANY),), at=30)
    assert rows(log.read()) == {"x": "2"}


def test_a_watermark_survives_its_row() -> None:
    said = Watermark(3, "A", 7, 1_700, 2, {"kam.deals": 5}, (Span(0, 4, ANY),), 4)
    assert decode(said.encode()) == said
