"""Changed values wait for their turn to be told, and none waits for ever."""

from kamstream.engine import TableChange, Value
from kamstream.worker.flush import TELL_EVERY, Untold


def change(n: int) -> TableChange:
    """Account A has so many interactions."""
    return TableChange("account", "A", n, {"interaction_count:7d": Value(n, n)})


def counts(changes: list[TableChange]) -> list[int]:
    """What changes say."""
    return [each.values["interaction_count:7d"].n for each in changes]


def test_a_quiet_partition_tells_at_once_and_a_busy_one_once_an_interval() -> None:
    untold = Untold(3)
    untold.add([change(1)])
    assert counts(untold.take(50_000)) == [1]
    untold.add([change(2)])
    untold.add([change(3)])
    assert untold.take(untold.due - 1) == []
    assert 50_000 < untold.due <= 50_000 + TELL_EVERY
    assert counts(untold.take(untold.due)) == [3]


def test_what_changes_after_everything_was_told_is_told_too() -> None:
    """A partition that stays after a rebalance goes on."""
    untold = Untold(3)
    untold.add([change(1)])
    assert counts(untold.take_all()) == [1]
    untold.add([change(2)])
    assert counts(untold.take(50_000)) == [2]
    untold.add([change(3)])
    assert untold.due <= 50_000 + TELL_EVERY
    assert counts(untold.take_all()) == [3]
    assert not untold


def test_who_tells_first_need_not_say_that_there_is_no_data_until_an_id_went() -> None:
    """One that comes again was told to have some."""
    assert Untold(3).nulls
    untold = Untold(3, first=True)
    untold.add([change(1)])
    assert not untold.nulls
    untold.add([change(2), TableChange("account", "B", 2, {}, full=True, gone=True)])
    assert untold.nulls
    untold.take_all()
    untold.add([change(3)])
    assert untold.nulls
