"""Changes of one id are merged, quiet ids are written at once, busy ones at most every interval."""

from dataclasses import replace

from kamstream.engine import Value
from kamstream.live import Pending, merged
from tests.live.desk import change, gone


def test_a_later_change_wins_field_by_field_and_the_oldest_old_stays() -> None:
    first = change(full=True, a__90d=Value(1, 1), b__90d=Value(1, 1), old={"a:90d": Value(0, 0)}, kam="kam-7")
    then = change(a__90d=Value(2, 2), old={"a:90d": Value(1, 1)}, kam=None, cause="crm/evt-2")
    (one,) = merged([first, then])
    assert one.values == {"a:90d": Value(2, 2), "b:90d": Value(1, 1)}
    assert (one.full, one.cause, one.old) == (True, "crm/evt-2", {"a:90d": Value(0, 0)})
    assert one.profile == first.profile


def test_the_whole_and_the_end_replace_what_came_before() -> None:
    part, whole, end = change(a__90d=Value(1, 1)), change(full=True, b__90d=Value(2, 2)), gone()
    assert merged([part, whole])[0].values == whole.values
    assert merged([part, end]) == [replace(end, old={})]
    assert merged([end, whole])[0].values == whole.values


def test_a_quiet_id_goes_at_once_and_a_busy_one_waits_for_its_interval() -> None:
    pending = Pending(250)
    pending.add([change("A", a__90d=Value(1, 1)), change("B", a__90d=Value(1, 1))])
    assert pending.next_due() == 0
    assert [one.id for one in pending.take(1000)] == ["A", "B"]
    assert pending.next_due() is None
    pending.add([change("A", a__90d=Value(2, 1)), change("C", a__90d=Value(1, 1))])
    assert [one.id for one in pending.take(1100)] == ["C"]
    pending.add([change("A", b__90d=Value(3, 1))])
    assert pending.next_due() == 1250
    assert pending.take(1249) == []
    (busy,) = pending.take(1250)
    assert busy.values == {"a:90d": Value(2, 1), "b:90d": Value(3, 1)}


def test_what_could_not_be_written_is_due_again_under_what_came_since() -> None:
    pending = Pending(250)
    pending.add([change("A", a__90d=Value(1, 1), b__90d=Value(1, 1))])
    failed = pending.take(0)
    pending.add([change("A", a__90d=Value(2, 1))])
    pending.put_back(failed)
    (again,) = pending.take(1)
    assert again.values == {"a:90d": Value(2, 1), "b:90d": Value(1, 1)}
    assert len(pending) == 0
