"""Records of stories and the rows that hold them: the same bytes in both forms, and back again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamstream.engine.kinds import RANKS, TYPES
from tests.engine.forms import FORMS, pure

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [edge + near for bits in (5, 7, 8, 15, 16, 31, 32) for edge in (2**bits, -(2**bits)) for near in (-1, 0, 1)]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.sampled_from(
    ["", "x" * 31, "x" * 32, "é" * 16, "x" * 255, "x" * 256, "x" * 65_535, "x" * 65_536]
)
PARTS = (
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | TEXTS | st.lists(TEXTS, max_size=20).map(tuple)
)


@st.composite
def records(draw: Any) -> tuple[Any, ...]:
    """A record of any type, with anything that its entity keeps of it."""
    code = draw(st.integers(0, len(TYPES) - 1))
    rest = draw(st.lists(PARTS, max_size=14))
    return (draw(NUMBERS), RANKS[code], draw(TEXTS), draw(TEXTS), TYPES[code], *rest)


@pytest.fixture(params=FORMS, scope="module")
def form(request: pytest.FixtureRequest) -> Any:
    """Records in one of the forms."""
    return request.param("engine.records")


@settings(deadline=None)
@given(st.lists(records(), max_size=5))
def test_records_come_back_as_they_were(form: Any, told: list[tuple[Any, ...]]) -> None:
    packing, packed = form.Packing(), b""
    for record in told:
        packed = packing.with_record(packed, record)
    assert form.unpack_records(len(told), packed) == told
    assert packed == plain_packed(told)


@settings(deadline=None)
@given(
    st.none() | NUMBERS, NUMBERS, st.none() | st.lists(PARTS | records(), max_size=14).map(tuple), st.lists(records())
)
def test_rows_come_back_as_they_were(
    form: Any, due: int | None, last: int, begin: tuple[Any, ...] | None, told: list[tuple[Any, ...]]
) -> None:
    packed = plain_packed(told)
    row = form.Packing().row(due, last, begin, 3, 70, len(told), packed)
    assert row == pure("engine.records").Packing().row(due, last, begin, 3, 70, len(told), packed)
    *head, held, records_ = form.read_row(row)
    assert (listed(head), held, records_) == (listed([due, last, begin, 3, 70]), len(told), packed)
    assert form.last_of(row) == last


def test_a_damaged_row_is_refused(form: Any) -> None:
    record = (5, RANKS[1], "crm", "1", TYPES[1], "agent", True)
    packed = form.Packing().with_record(b"", record)
    row = form.Packing().row(None, 5, None, 0, 0, 1, packed)
    for place in range(len(packed)):
        with pytest.raises((ValueError, msgspec.DecodeError)):
            form.unpack_records(1, packed[:place])
    for place in range(8):
        with pytest.raises((ValueError, msgspec.DecodeError)):
            form.read_row(row[:place])


def plain_packed(told: list[tuple[Any, ...]]) -> bytes:
    """Records packed by the form that defines how."""
    packing, packed = pure("engine.records").Packing(), b""
    for record in told:
        packed = packing.with_record(packed, record)
    return packed


def listed(value: Any) -> Any:
    """Tuples as lists: in rows they are the same."""
    return [listed(each) for each in value] if isinstance(value, tuple | list) else value
