"""The shape of alerts.yml as pydantic models: one class per kind of entry, unknown fields refused.

What needs more than its own entry to judge (names, KPIs, units) is checked in `load`.
"""

from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from kamstream.alerts.quantity import Condition, condition, duration_ms
from kamstream.alerts.record import check_summary
from kamstream.alerts.rules import Language, NoData, QuietHours, Scope, Severity
from kamstream.windows import NOW, parse, to_ms

RULE_MATCH = frozenset({"account", "tier", "segment", "country", "kam_id", "name"})
ALERT_MATCH = frozenset({"severity", "rule", "scope", "id", "account", "kam_id", "name", "kpi", "window"})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        # YAML reads a bare NO, yes or off as a truth value; Norway is the classic victim.
        raise ValueError("YAML reads this as true or false: put it in quotes")
    if not isinstance(value, str):
        raise ValueError("must be text: put it in quotes")
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _condition(value: Any) -> Condition:
    return condition(_text(value))


def _duration(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a duration such as 90s, 15m, 4h or 2d")
    return duration_ms(value)


def _window(value: Any) -> str:
    text = _text(value)
    return text if text == NOW else parse(text).name


def _summary(value: Any) -> str:
    return check_summary(_text(value))


def _moment(value: Any) -> int:
    return to_ms(_text(value))


def _urls(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list of addresses")
    return tuple(_text(item) for item in value)


def _match(known: frozenset[str]) -> Any:
    def read(value: Any) -> dict[str, tuple[str, ...]]:
        if not isinstance(value, dict):
            raise ValueError("must be fields with the values that match, e.g. {tier: strategic}")
        unknown = sorted(str(name) for name in value if name not in known)
        if unknown:
            raise ValueError(f"unknown field {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        pairs = ((name, item if isinstance(item, list) else [item]) for name, item in value.items())
        return {name: tuple(_text(item) for item in items) for name, items in pairs}

    return BeforeValidator(read)


def _quiet_hours(value: Any) -> QuietHours:
    problem = f'{value!r} is no quiet time: write "19:00-08:00 Europe/Paris"'
    hours, _, zone = _text(value).strip().partition(" ")
    begin, _, end = hours.partition("-")
    try:
        quiet = QuietHours(time.fromisoformat(begin), time.fromisoformat(end), ZoneInfo(zone.strip()))
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise ValueError(problem) from None
    if quiet.begin == quiet.end or quiet.begin.tzinfo or quiet.end.tzinfo:
        raise ValueError(problem)
    return quiet


Text = Annotated[str, BeforeValidator(_text)]
Limit = Annotated[Condition, BeforeValidator(_condition)]
Duration = Annotated[int, BeforeValidator(_duration)]
Urls = Annotated[tuple[str, ...], BeforeValidator(_urls)]
Matches = dict[str, tuple[str, ...]]


class Entry(BaseModel):
    """Any entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=False)


class RuleEntry(Entry):
    """One of `rules:`."""

    name: Text
    kpi: Text
    window: Annotated[str, BeforeValidator(_window)]
    scope: Scope
    match: Annotated[Matches, _match(RULE_MATCH)] = {}
    fire: Limit
    clear: Limit | None = None
    for_ms: Annotated[Duration, Field(alias="for")] = 0
    keep_firing_ms: Annotated[Duration, Field(alias="keep_firing_for")] = 0
    min_n: Annotated[StrictInt, Field(ge=0)] = 0
    no_data: NoData = "keep"
    severity: Severity = "warning"
    summary: Annotated[str, BeforeValidator(_summary)] = "{name}: {kpi} {value} over {window} (limit {threshold})"


class RouteEntry(Entry):
    """One of `routes:`."""

    match: Annotated[Matches, _match(ALERT_MATCH)] = {}
    notify: Urls = ()
    to_manager: StrictBool = False
    group_wait_ms: Annotated[Duration, Field(alias="group_wait")] = 0
    repeat_every_ms: Annotated[Duration | None, Field(alias="repeat_every")] = None
    quiet_hours: Annotated[QuietHours, BeforeValidator(_quiet_hours)] | None = None
    escalate_after_ms: Annotated[Duration | None, Field(alias="escalate_after")] = None
    escalate_to: Urls = ()


class ManagerEntry(Entry):
    """One of `managers:`, under the manager's id."""

    name: Text
    language: Language = "en"
    notify: Urls = ()
    deputy: Text | None = None


class SilenceEntry(Entry):
    """One of `silences:`."""

    match: Annotated[Matches, _match(ALERT_MATCH)]
    begin: Annotated[int, BeforeValidator(_moment), Field(alias="from")]
    end: Annotated[int, BeforeValidator(_moment), Field(alias="until")]
    reason: Text


SECTIONS: dict[Literal["rules", "routes", "managers", "silences"], type[Entry]] = {
    "rules": RuleEntry,
    "routes": RouteEntry,
    "managers": ManagerEntry,
    "silences": SilenceEntry,
}
