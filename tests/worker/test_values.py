"""Value changes as records of the topic of values: what each says, and the same bytes in both forms."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kamstream.engine import TableChange, Value
from kamstream.events import murmur2
from kamstream.worker.values import PlainRows, Rows
from tests.worker.test_parcels import NOW, built, read

UNITS = {"revenue": "money", "nps": "points", "response_time": "s"}
FIELDS = ("revenue:90d", "nps:7d", "response_time.p90:30d", "odd%s\u00fc:1d", "now")
numbers = st.none() | st.integers() | st.floats(allow_nan=False) | st.integers(-(1 << 55), 1 << 55).map(float)
changes = st.builds(
    TableChange,
    st.sampled_from(["account", "kam", "company"]),
    st.sampled_from(["A", "b\u00fc", 'q"uo\\te\n', "\U0001f600", ""]) | st.text(max_size=8).filter(str.isprintable),
    st.integers(0, 1 << 43),
    st.dictionaries(st.sampled_from(FIELDS), st.builds(Value, numbers, st.integers(0, 1 << 40)), max_size=5),
    full=st.booleans(),
    gone=st.booleans(),
)


def said(rows: Any, of: list[TableChange], *, partitions: int = 1, nulls: bool = True) -> list[tuple[str, Any]]:
    """Key and content of the records made of changes."""
    packed = Rows(UNITS, partitions).packed(of, NOW, nulls=nulls) if rows is None else rows.packed(of, NOW, nulls=nulls)
    found = [record for _, batch in packed for record in read(built(batch))]
    assert all(at == NOW and headers == [] for at, _, _, headers in found)
    return [(key.decode(), json.loads(value)) for _, key, value, _ in found]


def test_value_changes_become_one_record_a_field() -> None:
    change = TableChange("account", 'A"1', 1_700_000_000_123, {"revenue:90d": Value(12.5, 2), "nps:7d": Value(None, 0)})
    gone = TableChange("kam", "k", 1, {"nps:7d": Value(1, 1)}, gone=True)
    assert said(None, [change, gone]) == [
        ('A"1', {"scope": "account", "id": 'A"1', "kpi": "revenue", "window": "90d", "value": 12.5, "n": 2,
                 "unit": "money", "as_of": "2023-11-14T22:13:20.123Z"}),
        ('A"1', {"scope": "account", "id": 'A"1', "kpi": "nps", "window": "7d", "value": None, "n": 0,
                 "unit": "points", "as_of": "2023-11-14T22:13:20.123Z"}),
    ]  # fmt: skip


def test_without_nulls_only_changes_in_part_say_that_there_is_no_data() -> None:
    values = {"revenue:90d": Value(0, 0), "nps:7d": Value(None, 0), "response_time.p90:30d": Value(None, 3)}
    whole, part = (TableChange("account", "A", NOW, values, full=full) for full in (True, False))
    assert [row["kpi"] for _, row in said(None, [whole], nulls=False)] == ["revenue", "response_time.p90"]
    for of, nulls in ((whole, True), (part, False), (part, True)):
        assert [row["kpi"] for _, row in said(None, [of], nulls=nulls)] == ["revenue", "nps", "response_time.p90"]


@given(st.lists(changes, max_size=8), st.booleans(), st.integers(1, 4), st.sampled_from([100, 700, 1 << 19]))
def test_both_forms_make_the_same_batches(of: list[TableChange], nulls: bool, partitions: int, limit: int) -> None:
    mine, plain = (
        [
            (partition, built(batch))
            for partition, batch in form(UNITS, partitions).packed(of, NOW, nulls=nulls, limit=limit)
        ]
        for form in (Rows, PlainRows)
    )
    assert mine == plain
    for partition, data in mine:
        for _, key, value, _ in read(data):
            assert murmur2(key) % partitions == partition
            assert json.loads(value)["id"].encode() == key
