"""Calendars, service levels and pay as they are written in the settings, and which KPIs they bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from kamstream.entities.calendars import Calendars
from kamstream.entities.fact import Profile, ServiceLevel
from kamstream.errors import UserError
from kamstream.kpis import CATALOGUE
from kamstream.settings import Settings, chosen
from kamstream.windows import DAY, HOUR, to_ms

CALENDARS = """
[calendars.default]
time_zone = "Europe/Paris"
hours = { mon-thu = ["09:00-12:00", "14:00-18:00"], fri = ["09:00-12:00"] }
holidays = "FR"
days_off = [2026-11-23, "08-15"]
half_days = { "12-24" = ["09:00-12:00"] }
[calendars.US]
time_zone = "America/New_York"
hours = { mon-sun = ["00:00-24:00"] }
"""
LEVELS = """
[[service_levels]]
priority = "high"
tier = "gold"
first_response = "1h"
resolution = "2d"
[[service_levels]]
priority = "high"
first_response = "4h"
"""


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "kamstream.toml"
    file.write_text(text)
    return Settings.load(file)


def test_calendars_are_read_with_their_slots_holidays_and_days_off(tmp_path: Path) -> None:
    opened = load(tmp_path, CALENDARS).config().open_time
    assert isinstance(opened, Calendars)
    cases = [
        ("2026-11-24", None, 7),  # a Tuesday
        ("2026-11-27", None, 3),  # a Friday
        ("2026-11-28", None, 0),  # a Saturday
        ("2026-11-23", None, 0),  # a day off
        ("2026-11-11", None, 0),  # Armistice
        ("2026-12-24", None, 3),  # a half day
        ("2026-11-28", "US", 24),
    ]
    for day, country, hours in cases:
        start = to_ms(f"{day}T00:00:00+01:00")
        assert opened(Profile("A", "ann", country=country), start, start + DAY) == hours * HOUR, day


def test_service_levels_are_read_in_milliseconds(tmp_path: Path) -> None:
    assert load(tmp_path, LEVELS).config().service_levels == (
        ServiceLevel("high", "gold", HOUR, 2 * DAY),
        ServiceLevel("high", None, 4 * HOUR, None),
    )


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", set()), (CALENDARS, {"calendars"}), (LEVELS, {"service_levels"}),
        (CALENDARS + LEVELS, {"calendars", "service_levels"}),
    ],
    ids=["none", "calendars", "levels", "both"],
)  # fmt: skip
def test_kpis_with_an_option_are_computed_exactly_where_its_section_is(
    tmp_path: Path, text: str, options: set[str]
) -> None:
    settings = load(tmp_path, text)
    assert {kpi.option for kpi in settings.config().kpis} - {None} == options
    expected = [kpi.name for kpi in CATALOGUE if kpi.option is None or kpi.option in options]
    assert [kpi.name for kpi in settings.config().kpis] == expected
    assert [kpi.name for kpi in settings.chosen_kpis()] == expected


def test_kpis_that_are_named_are_computed_whatever_sections_there_are() -> None:
    assert [kpi.name for kpi in chosen(("revenue", "sla_resolution"), {"calendars"})] == ["revenue", "sla_resolution"]


def test_state_kept_under_other_calendars_or_levels_is_told_apart(tmp_path: Path) -> None:
    texts = ["", CALENDARS, LEVELS, CALENDARS.replace("18:00", "17:00"), CALENDARS.replace('"08-15"', '"08-16"'),
             CALENDARS.replace('"FR"', '"DE"'), LEVELS.replace('"4h"', '"5h"')]  # fmt: skip
    prints = [load(tmp_path, text).config().fingerprint() for text in texts]
    assert len(set(prints)) == len(texts)
    assert load(tmp_path, CALENDARS).config().fingerprint() == prints[1]


def calendar(line: str) -> str:
    return f'[calendars.default]\ntime_zone = "Europe/Paris"\n{line}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[calendars.default]\ntime_zone = "Mars"\nhours = {}', "'Mars' is no time zone"),
        (calendar('hours = { mon = ["9-12"] }'), "'9-12' is no slot: write 09:00-12:00"),
        (calendar('hours = { mon = ["12:00-09:00"] }'), "begins before it ends"),
        (calendar('hours = { mon = ["09:00-24:30"] }'), "within one day"),
        (calendar('hours = { mon = ["09:00-12:00", "11:00-13:00"] }'), "two slots of a day overlap"),
        (calendar('hours = { monday = ["09:00-12:00"] }'), "'monday' is no weekday"),
        (calendar('hours = { fri-mon = ["09:00-12:00"] }'), "over the end of the week"),
        (calendar('hours = { mon-fri = ["09:00-12:00"], wed = [] }'), "wed is named twice"),
        (calendar('hours = {}\nholidays = "ZZ"'), "no holidays are known of 'ZZ'"),
        (calendar('hours = {}\ndays_off = ["2026-02-30"]'), "'2026-02-30' is no day"),
        (calendar("hours = {}\ncolour = 1"), "there is no such setting"),
        ('[[service_levels]]\npriority = "high"', "name first_response, resolution or both"),
        ('[[service_levels]]\npriority = "huge"\nresolution = "1d"', "service_levels.0.priority"),
        ('[[service_levels]]\npriority = "low"\nresolution = "soon"', "'soon' is no duration"),
        (LEVELS + LEVELS, "priority high, tier gold is there twice"),
        ("[pay]\nshare = 0.6", "between 0.10 and 0.50"),
        ("[pay]\nshare = 0.09", "between 0.10 and 0.50"),
        ("[pay]\npoints = [[1, 1], [0.5, 0]]", "points go up in attainment"),
        ('[pay.kams.ann]\ngoals = [{ kpi = "revenue", target = 0 }]', "pay.kams.ann.goals.0.target"),
        ('[scorecard.x]\nmeasures = [{ kpi = "nps", worst = 1, best = 1 }]', "worst and best are the same"),
        ("[scorecard.x]\nmeasures = []", "scorecard.x.measures"),
    ],
)
def test_what_is_written_wrong_is_told_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UserError) as told:
        load(tmp_path, text)
    assert says in str(told.value)
    assert "\n" not in str(told.value)
