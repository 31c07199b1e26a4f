"""Duplicates and lateness: against the rule said in one line, and in both forms with the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamstream.engine.seen import Seen, suffix_of
from tests.engine.forms import compiled, pure

#: Ids that could be mistaken for another, or for what closes a pair in its line.
ODD = (
    "a",
    "b",
    "ab",
    "a\x1fcrm\x1e5",
    "\x1e",
    "\n",
    "a\n",
    "\\n",
    "\x1c\\n",
    "\ud800",
    "é",
    "日本",
    "\u00a0",
    "",
    "x" * 99,
)
SOURCES = ("crm", "erp", "c\x1e", "crm\x1f", "ü\n", "")

horizons = st.sampled_from([0, 1, 7, 40, 300, 10**7])
ids = st.one_of(st.sampled_from(ODD), st.integers(0, 60).map("t{}".format))
arrivals = st.tuples(ids, st.sampled_from(SOURCES[:3]) | st.sampled_from(SOURCES), st.integers(-30, 12))
#: Long runs of new ids fill chunks; a number is how many, and -1 a restart.
steps = st.lists(st.one_of(arrivals, arrivals, arrivals, st.integers(1, 60), st.just(-1)), max_size=60)


def feed(steps: list[Any], start: int) -> Iterator[tuple[str, str, int] | None]:
    """(id, source, time) of every arrival, None where everything is restored from its rows."""
    now, new = start, 0
    for step in steps:
        if step == -1:
            yield None
        elif isinstance(step, int):
            for _ in range(step):
                new, now = new + 1, now + 1
                yield f"new-{new}", "crm", now
        else:
            id, source, ahead = step
            now += max(0, ahead)
            yield id, source, now + min(0, ahead)


def keep(seen: Any, rows: dict[int, bytes]) -> Any:
    """Store what changed, as the changelog does; what the account's row keeps."""
    for number, chunk in (seen.collect() or {}).items():
        if chunk is None:
            rows.pop(number, None)
        else:
            rows[number] = chunk
    return seen.tail()


@given(steps, horizons, st.sampled_from([0, 10**12]))
def test_a_pair_counts_once_until_it_would_be_too_late(steps: list[Any], horizon: int, start: int) -> None:
    seen, rows = Seen(), {}  # type: ignore[var-annotated]
    known: dict[tuple[str, str], int] = {}
    newest = -(2**62)
    for arrival in feed(steps, start):
        if arrival is None:
            seen = Seen.restored(keep(seen, rows), rows)
            continue
        id, source, time = arrival
        border = newest - horizon
        before = known.get((id, source), -(2**63))
        wanted = "too-late" if time < border else "duplicate" if before >= border else "applied"
        assert seen.judge(id, suffix_of(source), time, horizon) == wanted
        if wanted == "applied":
            known[id, source] = time
            newest = max(newest, time)


@pytest.mark.compiled
@given(steps, horizons, st.sampled_from([0, 10**12]), st.booleans())
def test_both_forms_judge_alike_and_store_the_same_rows(
    steps: list[Any], horizon: int, start: int, crossed: bool
) -> None:
    forms = [pure("engine.seen").Seen, compiled("engine.seen").Seen]
    seen, rows = [form() for form in forms], [{}, {}]  # type: ignore[var-annotated]
    for arrival in feed(steps, start):
        if arrival is None:
            tails = [keep(each, stored) for each, stored in zip(seen, rows, strict=True)]
            assert tails[0] == tails[1]
            assert rows[0] == rows[1]
            if crossed:
                forms.reverse()
            seen = [form.restored(tails[0], rows[0]) for form in forms]
            continue
        id, source, time = arrival
        verdicts = [each.judge(id, suffix_of(source), time, horizon) for each in seen]
        assert verdicts[0] == verdicts[1]
    tails = [keep(each, stored) for each, stored in zip(seen, rows, strict=True)]
    assert tails[0] == tails[1]
    assert rows[0] == rows[1]


def test_many_pairs_are_kept_and_found_again() -> None:
    seen, horizon = Seen(), 10**6
    for number in range(5_000):
        assert seen.judge(f"t{number}", suffix_of("crm"), number, horizon) == "applied"
    assert {seen.judge(f"t{number}", suffix_of("crm"), number, horizon) for number in range(5_000)} == {"duplicate"}
    assert {seen.judge(f"t{number}", suffix_of("erp"), number, horizon) for number in range(5_000)} == {"applied"}


def test_a_pair_is_known_up_to_the_last_moment_at_which_it_is_not_too_late() -> None:
    seen, crm, horizon = Seen(), suffix_of("crm"), 40
    for now in range(500):
        assert seen.judge(f"t{now}", crm, now, horizon) == "applied"
        for time in range(max(0, now - horizon), now + 1):
            assert seen.judge(f"t{time}", crm, now, horizon) == "duplicate"


def test_a_pair_of_the_latest_that_comes_anew_leaves_the_others_known() -> None:
    seen, crm, horizon = Seen(), suffix_of("crm"), 5
    for now in range(12):
        assert seen.judge(f"t{now}", crm, now, horizon) == "applied"
    assert seen.judge("t3", crm, 12, horizon) == "applied"
    for time in (3, *range(7, 12)):
        assert seen.judge(f"t{time}", crm, 12, horizon) == "duplicate"
    assert [line.partition("\x1f")[0] for line in seen.tail()[3].split("\n")][:5] == [
        "t0",
        "t1",
        "t2",
        "t4",
        "t5",
    ]


def test_of_a_pair_stored_twice_the_later_one_holds() -> None:
    seen, crm, horizon = Seen(), suffix_of("crm"), 8
    rows: dict[int, bytes] = {}
    for number in range(24):
        assert seen.judge(f"t{number}", crm, 10 * bool(number), horizon) == "applied"
    assert seen.judge("t0", crm, 10, horizon) == "applied"
    restored = Seen.restored(keep(seen, rows), rows)
    assert len(rows) == 1
    assert seen.judge("t0", crm, 10, horizon) == restored.judge("t0", crm, 10, horizon) == "duplicate"


@pytest.mark.compiled
@pytest.mark.parametrize("damaged", ["t1", "t1\x1fcrm\x1e", "t1\x1fcrm\x1e5", "\n", "t1\x1fcrm\x1e\n"])
def test_damaged_pairs_are_refused_by_the_compiled_form(damaged: str) -> None:
    with pytest.raises(ValueError, match="damaged"):
        compiled("engine.seen").Seen.restored((5, 0, 0, damaged), {})
