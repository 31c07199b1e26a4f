"""Rows of integers, the sums of one cell: made, added to, merged.

A row holds the number of facts, their added amounts and, where percentiles are kept, the buckets at the end: of a
single fact its bucket, of several a mapping of buckets to counts.

>>> row = fresh(1, (5,), 0, 1, 70)
>>> row
[1, 5, 70]
>>> add(row, 1, (6,), 0, 1, 80), row
(2, [2, 11, {70: 1, 80: 1}])
"""

from collections.abc import Mapping
from typing import Any

Row = list[Any]
#: The rows of one pane, by column.
Pane = dict[int, Row]
#: No spread is kept: buckets and times of waits are never this.
NO_SPREAD = -(2**61)


def fresh(width: int, amounts: Any, first: int, sign: int, spread: int) -> Row:
    """A row of one fact, whose ``width`` amounts begin at the place ``first``."""
    row: Row
    if width == 0:
        row = [sign]
    elif width == 1:
        row = [sign, amounts[first] if sign > 0 else -amounts[first]]
    else:
        row = [sign, *(sign * amount for amount in amounts[first : first + width])]
    if spread != NO_SPREAD:
        row.append(spread if sign > 0 else {spread: sign})
    return row


def add(row: Row, width: int, amounts: Any, first: int, sign: int, spread: int) -> int:
    """Add a fact to a row, or take it back; the number of facts that is left."""
    count: int = row[0] + sign
    row[0] = count
    for place in range(width):
        row[1 + place] += amounts[first + place] if sign > 0 else -amounts[first + place]
    if spread != NO_SPREAD:
        counts = row[-1]
        if not isinstance(counts, dict):
            counts = row[-1] = {counts: 1}
        left = counts.get(spread, 0) + sign
        if left:
            counts[spread] = left
        else:
            del counts[spread]
    return count


def copied(row: Row, has_spread: bool) -> Row:
    """A row of its own with the same sums."""
    row = row.copy()
    if has_spread and isinstance(row[-1], dict):
        row[-1] = row[-1].copy()
    return row


def scaled(row: Row, sign: int, has_spread: bool) -> Row:
    """A row's sums times 1 or -1."""
    if not has_spread:
        return [sign * x for x in row]
    return [*(sign * x for x in row[:-1]), {key: sign * n for key, n in spread_of(row).items()}]


def spread_of(row: Row) -> Mapping[int, int]:
    """A row's buckets as a mapping."""
    counts = row[-1]
    return counts if isinstance(counts, dict) else {counts: 1}


def merge(row: Row, other: Row, sign: int, has_spread: bool) -> None:
    """Add another row's sums to a row, or take them back."""
    last = len(row) - 1 if has_spread else len(row)
    for place in range(last):
        row[place] += sign * other[place]
    if not has_spread:
        return
    counts = row[last]
    if not isinstance(counts, dict):
        counts = row[last] = {counts: 1}
    theirs = other[last]
    if not isinstance(theirs, dict):
        left = counts.get(theirs, 0) + sign
        if left:
            counts[theirs] = left
        else:
            del counts[theirs]
        return
    for key, n in theirs.items():
        left = counts.get(key, 0) + sign * n
        if left:
            counts[key] = left
        else:
            del counts[key]


def stored(row: Row, has_spread: bool) -> list[Any]:
    """A row as it is stored: the same of equal sums, integers beyond 64 bits as text.

    >>> stored([2, 2**63, {80: 1, 70: 1}], True), stored([1, 5, {70: 1}], True)
    ([2, '9223372036854775808', {70: 1, 80: 1}], [1, 5, 70])
    """
    last = len(row) - 1 if has_spread else len(row)
    made = [x if _LEAST <= x <= _MOST else str(x) for x in row[:last]]
    if has_spread:
        counts = spread_of(row)
        bare = len(counts) == 1 and next(iter(counts.values())) == 1
        made.append(next(iter(counts)) if bare else dict(sorted(counts.items())))
    return made


def restored(row: list[Any]) -> Row:
    """The row that was stored so."""
    return [int(x) if isinstance(x, str) else x for x in row]


_LEAST, _MOST = -(2**63), 2**63 - 1
