"""Two sets of rows -> the differences, as lines to read.

kpis.md: "Percentiles: within 1 % (or 1 ms, where that is more) of the exact nearest-rank percentile of
the facts in the window. Means, counts, sums, ratios: exact." So all but `.p50` and `.p90` must be
equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

Key = tuple[str, str, str, str]
Pair = tuple[float | int | None, int]


def close(kpi: str, got: float | int | None, expected: float | int | None) -> bool:
    """Whether a value is as near to the reference as the contract asks."""
    if got is None or expected is None:
        return got is expected
    if kpi.endswith((".p50", ".p90")):
        exact = Fraction(expected)
        return abs(Fraction(got) - exact) <= max(abs(exact) / 100, Fraction(1, 1000))
    return got == expected


def differences(got: Mapping[Key, Pair], expected: Mapping[Key, Pair], *, limit: int = 40) -> list[str]:
    """One line per difference, none when the two agree; beyond `limit` lines a last one counts the rest."""
    lines = []
    for key in sorted(set(got) | set(expected)):
        where = f"{key[0]} {key[1]} {key[2]}:{key[3]}"
        if key not in got:
            lines.append(f"{where}: missing, expected {show(expected[key])}")
        elif key not in expected:
            lines.append(f"{where}: not expected, got {show(got[key])}")
        elif not close(key[2], got[key][0], expected[key][0]) or got[key][1] != expected[key][1]:
            lines.append(f"{where}: got {show(got[key])}, expected {show(expected[key])}")
    return lines if len(lines) <= limit else [*lines[:limit], f"... and {len(lines) - limit} more"]


def show(pair: Pair) -> str:
    value, n = pair
    return f"{'null' if value is None else repr(value)} (n={n})"


def assert_same(got: Mapping[Key, Pair], expected: Mapping[Key, Pair]) -> None:
    """Fails with the differences."""
    lines = differences(got, expected)
    assert not lines, "\n".join(["rows differ from the recount:", *lines])
