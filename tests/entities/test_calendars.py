"""Open hours equal a count of open minutes, one by one, over clock changes, lunch breaks, half days and zones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

import pytest

from kamstream.entities.calendars import Calendar, Calendars, open_ms, slots_by_weekday
from kamstream.entities.fact import Profile
from kamstream.windows import DAY, HOUR, MINUTE, to_ms

LUNCH = [(9 * HOUR, 12 * HOUR), (14 * HOUR, 18 * HOUR)]
NIGHT = [(0, 2 * HOUR + 30 * MINUTE), (3 * HOUR, 4 * HOUR + 20 * MINUTE), (22 * HOUR, 24 * HOUR)]
WEEK = slots_by_weekday({**dict.fromkeys(range(5), LUNCH), 6: NIGHT, 5: [(0, DAY)]})
ALWAYS = slots_by_weekday({day: [(0, DAY)] for day in range(7)})
MORNING = ((9 * HOUR, 12 * HOUR),)

# name, zone, first day, days: each stretch has a clock change in it, the last one a day that never was
STRETCHES = [
    ("spring in Paris", "Europe/Paris", "2026-03-26", 6),
    ("autumn in Paris", "Europe/Paris", "2026-10-22", 6),
    ("spring in New York", "America/New_York", "2026-03-05", 6),
    ("autumn in New York", "America/New_York", "2026-10-29", 6),
    ("half an hour on Lord Howe", "Australia/Lord_Howe", "2026-04-02", 5),
    ("no change at all in Kathmandu", "Asia/Kathmandu", "2026-04-02", 5),
    ("a day left out in Apia", "Pacific/Apia", "2011-12-27", 6),
]


def closed_or_short(zone: str, first: str) -> Calendar:
    """A calendar with a day off and a half day on the second and the third day of a stretch."""
    second, third = (date.fromordinal(date.fromisoformat(first).toordinal() + n) for n in (1, 2))
    return Calendar(
        zone, WEEK, days_off=frozenset({second.isoformat()}), half_days=((f"{third.month:02}-{third.day:02}", MORNING),)
    )


def is_open(calendar: Calendar, at: int) -> bool:
    """By the definition: local weekday, local time of day."""
    local = datetime.fromtimestamp(at // 1000, UTC).astimezone(ZoneInfo(calendar.time_zone))
    day = local.date().isoformat()
    if day in calendar.days_off:
        return False
    half = dict(calendar.half_days).get(day[5:])
    slots = calendar.hours[local.weekday()] if half is None else half
    clock = (local.hour * 60 + local.minute) * MINUTE
    return any(begin <= clock < end for begin, end in slots)


@pytest.mark.parametrize(("zone", "first", "days"), [row[1:] for row in STRETCHES], ids=[row[0] for row in STRETCHES])
def test_open_time_is_the_number_of_open_minutes(zone: str, first: str, days: int) -> None:
    start, random = to_ms(f"{first}T00:00:00Z"), Random(1)
    for calendar in (closed_or_short(zone, first), Calendar(zone, WEEK), Calendar(zone, ALWAYS)):
        minutes = range(start, start + days * DAY, MINUTE)
        before = [0, *accumulate(MINUTE * is_open(calendar, at) for at in minutes)]
        for _ in range(3_000):
            begin, end = sorted(random.randrange(len(before)) for _ in "12")
            counted = before[end] - before[begin]
            assert open_ms(calendar, start + begin * MINUTE, start + end * MINUTE) == counted


def test_a_slot_is_shorter_in_spring_and_longer_in_autumn() -> None:
    sunday = Calendar("Europe/Paris", slots_by_weekday({6: [(HOUR, 4 * HOUR)]}))
    for day, hours in (("2026-03-22", 3), ("2026-03-29", 2), ("2026-10-25", 4)):
        start = to_ms(f"{day}T00:00:00Z") - DAY
        assert open_ms(sunday, start, start + 3 * DAY) == hours * HOUR


def test_stretches_add_up_to_the_millisecond() -> None:
    calendar, random = closed_or_short("Europe/Paris", "2026-03-26"), Random(2)
    start = to_ms("2024-01-01T00:00:00Z")
    for _ in range(2_000):
        a, b, c = sorted(start + random.randrange(1200 * DAY) for _ in "123")
        assert open_ms(calendar, a, c) == open_ms(calendar, a, b) + open_ms(calendar, b, c)
        assert 0 <= open_ms(calendar, a, b) <= b - a


def test_holidays_of_a_country_and_of_a_part_of_one_are_closed() -> None:
    # Epiphany (a Tuesday) is a holiday in Bavaria and not in the rest, 14 July one in France
    cases = [("DE-BY", "2026-01-06", 0), ("DE", "2026-01-06", 7), ("FR", "2026-07-14", 0), (None, "2026-07-14", 7)]
    for place, day, hours in cases:
        calendar = Calendar("Europe/Paris", WEEK, place)
        start = to_ms(f"{day}T00:00:00+01:00")
        assert open_ms(calendar, start, start + DAY) == hours * HOUR, (place, day)


def test_a_day_off_goes_before_a_half_day_and_a_half_day_before_a_holiday() -> None:
    start = to_ms("2026-07-14T00:00:00+02:00")
    half = (("07-14", MORNING),)
    holiday = Calendar("Europe/Paris", WEEK, "FR", half_days=half)
    off = Calendar("Europe/Paris", WEEK, "FR", frozenset({"07-14"}), half)
    assert [open_ms(one, start, start + DAY) for one in (holiday, off)] == [3 * HOUR, 0]


def test_a_year_has_its_working_days() -> None:
    """2026 in France: 261 weekdays, 8 public holidays on one of them (Easter Monday, Ascension, Whit Monday, ...)."""
    calendar = Calendar("Europe/Paris", slots_by_weekday(dict.fromkeys(range(5), LUNCH)), "FR")
    start, end = to_ms("2026-01-01T00:00:00+01:00"), to_ms("2027-01-01T00:00:00+01:00")
    fixed = ["01-01", "05-01", "05-08", "07-14", "11-11", "12-25"]
    on_weekdays = sum(date.fromisoformat(f"2026-{day}").weekday() < 5 for day in fixed) + 3
    assert open_ms(calendar, start, end) == (261 - on_weekdays) * 7 * HOUR


def test_nothing_is_open_before_1900_and_after_2100() -> None:
    """A mistaken year must not stop a worker for the minutes that ten thousand years take."""
    calendar = Calendar("UTC", ALWAYS)
    first, end = to_ms("1900-01-01T00:00:00Z"), to_ms("2101-01-01T00:00:00Z")
    assert open_ms(calendar, to_ms("0001-01-01T00:00:00Z"), to_ms("9999-12-31T23:59:59.999Z")) == end - first
    assert open_ms(calendar, first - DAY, first - 1) == open_ms(calendar, end, end + DAY) == 0
    assert open_ms(calendar, first + DAY, first) == 0


def test_country_goes_before_tier_and_tier_before_default() -> None:
    def week(day: int) -> Calendar:
        return Calendar("UTC", slots_by_weekday({day: [(0, DAY)]}))

    calendars = {"FR": week(0), "gold": week(1), "default": week(2)}
    cases = [
        (Profile("A", "ann", country="FR", tier="gold"), "FR"),
        (Profile("A", "ann", country="US", tier="gold"), "gold"),
        (Profile("A", "ann", country="US"), "default"),
        (None, "default"),
    ]
    chosen = Calendars(calendars)
    for profile, name in cases:
        assert chosen.of(profile) is calendars[name]
    without = Calendars({"FR": calendars["FR"]})
    assert without(Profile("A", "ann", tier="gold"), 0, DAY) is None
    assert without(Profile("A", "ann", country="FR"), 0, 7 * DAY) == DAY


def test_the_fingerprint_differs_where_open_time_may() -> None:
    def of(**changes: object) -> str:
        shape = {"time_zone": "UTC", "hours": WEEK} | changes
        return Calendars({"default": Calendar(**shape)}).fingerprint()  # type: ignore[arg-type]

    texts = [
        of(), of(time_zone="Europe/Paris"), of(hours=ALWAYS), of(holidays="FR"),
        of(days_off=frozenset({"05-01"})), of(half_days=(("12-24", MORNING),)),
    ]  # fmt: skip
    assert len(set(texts)) == len(texts)
    assert of() == of()
