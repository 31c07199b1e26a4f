"""The rows of a flush: the same in both forms, in their order, and as the state's restoring reads them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamstream.engine.rows import account_prefix, pane_key
from kamstream.engine.seen import CHUNK, Seen, suffix_of
from kamstream.worker.parcels import pack_state, pack_state_plain
from tests.engine.forms import FORMS, pure
from tests.engine.test_records import NUMBERS, TEXTS

IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)
VALUES = (
    st.none() | st.binary(max_size=300) | st.sampled_from([b"", b"x" * 255, b"x" * 256, b"x" * 65_535, b"x" * 65_536])
)
WHOLE = st.integers(0, 2**40)
ROWS = st.lists(
    st.tuples(st.just("put"), st.binary(max_size=80), VALUES)
    | st.tuples(st.just("turn_to"), IDS)
    | st.tuples(st.just("put_entity"), TEXTS, VALUES)
    | st.tuples(st.just("put_chunk"), WHOLE, TEXTS, VALUES)
    | st.tuples(st.just("put_seen"), st.integers(0, 3), WHOLE, VALUES)
    | st.tuples(st.just("put_pane"), st.sampled_from([b"p", b"u"]), st.sampled_from("mhdwa"), NUMBERS, VALUES),
    max_size=20,
)


@pytest.fixture(params=FORMS, scope="module")
def form(request: pytest.FixtureRequest) -> Any:
    """Sheets in one of the forms."""
    return request.param("engine.sheet")


def seen_of(pairs: list[tuple[str, int]]) -> Seen | None:
    """What is known after some events; nothing without any."""
    seen = Seen() if pairs else None
    for id, time in pairs:
        assert seen is not None
        seen.judge(id, suffix_of("crm"), time, 10**9)
    return seen


@settings(deadline=None)
@given(ROWS)
def test_rows_keep_their_order_and_both_forms_make_the_same(form: Any, calls: list[tuple[Any, ...]]) -> None:
    sheet, wanted = form.Sheet(), pure("engine.sheet").Sheet()
    for name, *arguments in calls:
        getattr(sheet, name)(*arguments)
        getattr(wanted, name)(*arguments)
    assert list(sheet) == list(wanted)
    assert len(sheet) == len(list(wanted))
    assert bool(sheet) == any(name != "turn_to" for name, *_ in calls)
    batches, plain = pack_state(sheet, 7, 5, 70_000), pack_state_plain(list(wanted), 7, 5, 70_000)
    assert [bytes(batch._build()) for batch in batches] == [bytes(batch._build()) for batch in plain]
    sheet.clear()
    assert list(sheet) == []
    assert len(sheet) == 0
    sheet.put(b"T", b"5")
    assert list(sheet) == [(b"T", b"5")]


def test_a_key_says_what_its_row_is_of(form: Any) -> None:
    sheet, prefix = form.Sheet(), account_prefix("ACC-é")
    sheet.turn_to("ACC-é")
    sheet.put_entity("t7", b"1")
    sheet.put_chunk(12, "h ü", b"2")
    sheet.put_seen(3, 10, b"3")
    sheet.put_pane(b"p", "d", -20, None)
    sheet.put(b"T", b"")
    keys = [b"et7", b"x12 h \xc3\xbc", b"s310"]
    assert list(sheet) == [
        *((prefix + key, b"%d" % number) for number, key in enumerate(keys, 1)),
        (pane_key(prefix, b"p", "d", -20), None),
        (b"T", b""),
    ]


@settings(deadline=None)
@given(
    IDS, st.booleans(), st.booleans(), NUMBERS, VALUES, VALUES,
    st.lists(st.lists(st.tuples(IDS, st.integers(-(10**13), 10**13)), max_size=CHUNK + 3), min_size=4, max_size=4),
)  # fmt: skip
def test_an_accounts_own_row_says_what_was_given(
    form: Any, id: str, born: bool, live: bool, swept: int, sums: Any, unowned: Any, pairs: Any
) -> None:
    seen = [seen_of(each) for each in pairs]
    sheet = form.Sheet()
    sheet.put(b"before", b"1")
    sheet.turn_to(id)
    sheet.put_head(born, live, swept, seen, sums, unowned)
    sheet.put(b"after", None)
    _, (key, value), after = sheet
    assert (key, after) == (account_prefix(id) + b"h", (b"after", None))
    tails = [None if each is None else each.tail() for each in seen]
    assert value == msgspec.msgpack.encode((born, live, swept, tails, sums, unowned))


def test_a_row_that_fails_leaves_nothing(form: Any) -> None:
    sheet = form.Sheet()
    sheet.turn_to("A")
    sheet.put_entity("t1", b"1")
    with pytest.raises(UnicodeEncodeError):
        sheet.put_entity("\ud800", b"2")
    with pytest.raises((TypeError, AttributeError)):
        sheet.put_entity(None, b"2")
    sheet.put_entity("t3", b"3")
    assert list(sheet) == [(b"AA\0et1", b"1"), (b"AA\0et3", b"3")]
