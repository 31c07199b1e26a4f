"""How values, KPIs and windows read."""

import pytest

from kamstream.dashboard import format as fmt
from kamstream.dashboard import matrix, words
from kamstream.kpis import CATALOGUE


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (None, "s", "—"),
        (None, "money", "—"),
        (0, "count", "0"),
        (0.0, "money", "€0"),
        (0, "ratio", "0%"),
        (0, "s", "0s"),
        (11_520, "s", "3h 12m"),
        (11_549.9, "s", "3h 12m"),
        (3599.9, "s", "1h"),
        (59.96, "s", "1m"),
        (86_399, "s", "1d"),
        (200_000, "s", "2d 8h"),
        (-75, "s", "−1m 15s"),
        (0.6254, "ratio", "62.5%"),
        (0.99999, "ratio", "100%"),
        (-0.031, "ratio", "−3.1%"),
        (-0.00001, "ratio", "0%"),
        (2_802_496.0, "money", "€2,802,496"),
        (999.5, "money", "€999.50"),
        (1234, "count", "1,234"),
        (-12.34, "points", "−12.3"),
        (2.04, "per week", "2/wk"),
        (365, "days", "365 d"),
        (1.5, "", "1.5"),
    ],
)
def test_a_value_reads_with_its_unit(value: float | None, unit: str, said: str) -> None:
    assert fmt.text(value, unit) == said


def test_every_unit_of_the_catalogue_is_formatted() -> None:
    assert {kpi.unit for kpi in CATALOGUE} <= {"s", "ratio", "money", "count", "points", "per week", "days"}


def test_every_kpi_of_the_catalogue_has_business_words() -> None:
    families = {kpi.name.split(".")[0] for kpi in CATALOGUE}
    assert not [family for family in families if family not in words._TITLES]
    assert words.title("some_new.thing") == "Some new, thing"


def test_every_grouped_kpi_is_in_the_catalogue() -> None:
    known = {kpi.name for kpi in CATALOGUE}
    grouped = {kpi for group in words.GROUPS for kpi in group.kpis} | set(words.CARDS)
    assert grouped <= known


@pytest.mark.parametrize(
    ("fields", "windows", "first"),
    [
        ([], [], "30d"),
        (["a:30d", "a:24h", "b:now"], ["24h", "30d"], "30d"),
        (["a:365d", "a:ytd", "a:92d", "a:60m"], ["60m", "92d", "365d", "ytd"], "92d"),
        (["a:24h", "a:60m"], ["60m", "24h"], "24h"),
        (["a:mtd"], ["mtd"], "mtd"),
    ],
)
def test_windows_come_from_the_tables(fields: list[str], windows: list[str], first: str) -> None:
    assert words.windows_of(fields) == windows
    assert words.default_window(windows) == first


def test_the_matrix_has_every_field_once() -> None:
    fields = [f"{kpi.name}:{'now' if kpi.name in ('open_tickets', 'oldest_wait') else '7d'}" for kpi in CATALOGUE]
    layout = matrix.layout([*fields, "unheard_of:7d"])
    shown = [*layout.gauges, *(kpi for _, kpis in layout.sections for kpi in kpis)]
    assert sorted(shown) == sorted([*(kpi.name for kpi in CATALOGUE), "unheard_of"])
    assert (layout.gauges, layout.windows) == (("open_tickets", "oldest_wait"), ("7d",))
    assert layout.sections[-1] == ("Other", ("unheard_of",))
