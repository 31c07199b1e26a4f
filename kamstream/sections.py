"""Sections of the settings file: business calendars, service levels, scorecard, variable pay.

They turn what people write (``09:00-12:00``, ``4h``, ``85%``) into what the core computes with.
"""

import re
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from kamstream.entities.calendars import WEEKDAYS, Calendar, Slot, holidays_of, in_order, slots_by_weekday
from kamstream.entities.fact import ServiceLevel
from kamstream.goals.card import Card, Measure, Perspective
from kamstream.goals.pay import PayGoal, Payout, PayPlan
from kamstream.goals.target import Goal
from kamstream.kpis import CATALOGUE
from kamstream.windows import DAY, HOUR, MINUTE

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": 1000, "m": MINUTE, "h": HOUR, "d": DAY}
_SLOT = re.compile(r"([01]\d|2[0-4]):([0-5]\d)\s*-\s*([01]\d|2[0-4]):([0-5]\d)")
_DAY_NAME = re.compile(r"(\d{4}-)?(\d{2})-(\d{2})")


def duration_ms(text: Any) -> int:
    """Milliseconds of a duration like ``250ms`` or ``4h``; a ValueError says how one is written.

    >>> duration_ms("1.5s")
    1500
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is no duration: write a number and ms, s, m, h or d, as in 250ms or 4h")
    return round(Fraction(match[1]) * _UNITS[match[2]])


def amount(value: Any) -> Fraction:
    """An exact number, a percentage, or a duration in seconds.

    >>> [str(amount(value)) for value in (0.1, "85%", "4h")]
    ['1/10', '17/20', '14400']
    """
    if isinstance(value, str) and value.strip().endswith("%"):
        return amount(value.strip()[:-1]) / 100
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        return Fraction(duration_ms(value), 1000)
    if isinstance(value, bool):
        raise ValueError("write a number")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is no amount: write a number, 85% or 4h") from None


def slot(text: Any) -> Slot:
    """Begin and end of ``09:00-12:00``, in milliseconds after midnight.

    >>> [part // HOUR for part in slot("14:00-24:00")]
    [14, 24]
    """
    match = _SLOT.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is no slot: write 09:00-12:00")
    begin, end = (int(hour) * HOUR + int(minute) * MINUTE for hour, minute in (match.group(1, 2), match.group(3, 4)))
    return begin, end


def day_name(value: Any) -> str:
    """A day as ``2026-12-24``, or ``12-24`` for every year; a ValueError where there is no such day."""
    text = value.isoformat() if isinstance(value, date) else str(value).strip()
    match = _DAY_NAME.fullmatch(text)
    try:
        if not match:
            raise ValueError
        date(int(match[1][:4]) if match[1] else 2000, int(match[2]), int(match[3]))
    except ValueError:
        raise ValueError(f"{text!r} is no day: write 2026-12-24, or 12-24 for every year") from None
    return text


def weekdays_of(name: str) -> range:
    """Monday is 0: the weekdays that ``mon`` or ``mon-fri`` names.

    >>> list(weekdays_of("tue-thu"))
    [1, 2, 3]
    """
    first, dash, last = name.partition("-")
    if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
        raise ValueError(f"{name!r} is no weekday: write mon, tue, ... sun, or mon-fri")
    begin = WEEKDAYS.index(first)
    end = WEEKDAYS.index(last) if dash else begin
    if end < begin:
        raise ValueError(f"{name!r} goes over the end of the week: write two entries")
    return range(begin, end + 1)


Amount = Annotated[Fraction, BeforeValidator(amount)]
Duration = Annotated[int, BeforeValidator(duration_ms), Field(gt=0)]
SlotText = Annotated[Slot, BeforeValidator(slot)]
Scope = Literal["account", "kam", "company"]
DayName = Annotated[str, BeforeValidator(day_name)]


class Section(BaseModel):
    """A part of the settings; what it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class CalendarSection(Section):
    """``[calendars.NAME]``: the name is a country, a tier, or ``default``."""

    time_zone: str
    hours: dict[str, tuple[SlotText, ...]]
    holidays: str | None = None
    days_off: tuple[DayName, ...] = ()
    half_days: dict[DayName, tuple[SlotText, ...]] = Field(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone: write one like Europe/Paris") from None
        return value

    @field_validator("holidays")
    @classmethod
    def _known_country(cls, value: str | None) -> str | None:
        if value is not None:
            holidays_of(value, 2026)
        return value

    @model_validator(mode="after")
    def _hours_in_order(self) -> "CalendarSection":
        self.calendar()
        return self

    def calendar(self) -> Calendar:
        """As the core computes with it; a ValueError where slots overlap or a weekday is named twice."""
        by_weekday: dict[int, tuple[Slot, ...]] = {}
        for name, slots in self.hours.items():
            for weekday in weekdays_of(name):
                if weekday in by_weekday:
                    raise ValueError(f"{WEEKDAYS[weekday]} is named twice")
                by_weekday[weekday] = slots
        half_days = tuple((day, in_order(slots)) for day, slots in sorted(self.half_days.items()))
        hours = slots_by_weekday(by_weekday)
        return Calendar(self.time_zone, hours, self.holidays, frozenset(self.days_off), half_days)


class ServiceLevelSection(Section):
    """``[[service_levels]]``: what a priority, and a tier where one is named, is promised."""

    priority: Literal["low", "normal", "high", "urgent"]
    tier: str | None = None
    first_response: Duration | None = None
    resolution: Duration | None = None

    @model_validator(mode="after")
    def _promises_something(self) -> "ServiceLevelSection":
        if self.first_response is None and self.resolution is None:
            raise ValueError("name first_response, resolution or both")
        return self

    def level(self) -> ServiceLevel:
        """As the core computes with it."""
        return ServiceLevel(self.priority, self.tier, self.first_response, self.resolution)


class MeasureSection(Section):
    """A measure of a scorecard: its value scores 0 at ``worst`` and 100 at ``best``."""

    kpi: str
    window: str = "now"
    worst: Amount
    best: Amount
    weight: Annotated[Amount, Field(gt=0)] = Fraction(1)
    scopes: tuple[Scope, ...] = ("account", "kam", "company")

    @model_validator(mode="after")
    def _worst_is_not_best(self) -> "MeasureSection":
        if self.worst == self.best:
            raise ValueError("worst and best are the same")
        return self

    def measure(self) -> Measure:
        """As the core computes with it."""
        worst, best, weight = float(self.worst), float(self.best), float(self.weight)
        return Measure(self.kpi, self.window, worst, best, weight, self.scopes)


class PerspectiveSection(Section):
    """``[scorecard.NAME]``: a perspective of the balanced scorecard."""

    weight: Annotated[Amount, Field(gt=0)] = Fraction(1)
    measures: Annotated[tuple[MeasureSection, ...], Field(min_length=1)]


def card_of(sections: dict[str, PerspectiveSection]) -> Card:
    """The scorecard of the settings."""
    return Card(
        tuple(
            Perspective(name, float(section.weight), tuple(measure.measure() for measure in section.measures))
            for name, section in sections.items()
        )
    )


class TargetSection(Section):
    """A goal of an account, a KAM or the company (id ``all``); ``shared`` marks one agreed with the client."""

    scope: Scope
    id: str
    kpi: str
    window: str = "now"
    target: Annotated[Amount, Field(ge=0)]
    shared: bool = False

    @field_validator("kpi")
    @classmethod
    def _known_kpi(cls, value: str) -> str:
        if value not in {kpi.name for kpi in CATALOGUE}:
            raise ValueError(f"{value!r} is no KPI: see kamstream kpis list")
        return value

    def goal(self) -> Goal:
        """As the core computes with it."""
        return Goal(self.kpi, self.window, float(self.target), self.shared)


class PayGoalSection(Section):
    """A goal of variable pay; without a window it is the period's, without a target that of ``[[targets]]``."""

    kpi: str
    window: str | None = None
    target: Annotated[Amount, Field(gt=0)] | None = None
    weight: Annotated[Amount, Field(gt=0)] = Fraction(1)

    def goal(self) -> PayGoal:
        """As the core computes with it."""
        return PayGoal(self.kpi, self.window, self.target, self.weight)


class PayTerms(Section):
    """Terms of variable pay, all optional: where a KAM's own say nothing, those for all hold."""

    base: Annotated[Amount, Field(ge=0)] | None = None
    share: Amount | None = None
    goals: tuple[PayGoalSection, ...] = ()
    points: tuple[tuple[Amount, Amount], ...] = ()

    @field_validator("share")
    @classmethod
    def _share_within(cls, value: Fraction | None) -> Fraction | None:
        if value is not None and not Fraction(1, 10) <= value <= Fraction(1, 2):
            raise ValueError("the variable share lies between 0.10 and 0.50 of the base salary")
        return value

    @field_validator("points")
    @classmethod
    def _points_in_order(cls, value: tuple[tuple[Fraction, Fraction], ...]) -> tuple[tuple[Fraction, Fraction], ...]:
        if value:
            Payout(value)
        return value


class PaySection(PayTerms):
    """``[pay]``: terms for all KAMs, and under ``[pay.kams.NAME]`` what differs for one."""

    kams: dict[str, PayTerms] = Field(default_factory=dict)

    def plan(self, kam: str) -> PayPlan:
        """The terms of a KAM; a ValueError says what is missing."""
        own, all_have = self.kams.get(kam, PayTerms()), self
        base = own.base if own.base is not None else all_have.base
        share = own.share if own.share is not None else all_have.share
        goals, points = own.goals or all_have.goals, own.points or all_have.points
        for name, value in (("base", base), ("share", share), ("goals", goals)):
            if value is None or value == ():
                raise ValueError(f"the settings name no {name} for {kam}: write it under [pay] or [pay.kams.{kam}]")
        assert base is not None
        assert share is not None
        return PayPlan(kam, base, share, tuple(goal.goal() for goal in goals), Payout(points or Payout.STRAIGHT))
