"""Rules, routes, managers and silences: what alerts.yml says, checked and ready to use."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import Enum
from typing import Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from kamstream.alerts.quantity import Condition

Scope = Literal["account", "kam", "company"]
Severity = Literal["info", "warning", "critical"]
NoData = Literal["keep", "resolve", "fire"]
Language = Literal["en", "fr"]

# field -> the values that match; every field must match, any of its values will do.
Match = Mapping[str, tuple[str, ...]]


def matches(match: Match, attributes: Mapping[str, str | None]) -> bool:
    """Whether the attributes satisfy every field of the match; an empty match takes everything.

    >>> matches({"tier": ("gold", "strategic")}, {"tier": "gold"}), matches({"tier": ("gold",)}, {})
    (True, False)
    """
    return all(attributes.get(name) in allowed for name, allowed in match.items())


class Measure(NamedTuple):
    """What the rules need to know of a KPI: its unit and the windows it has.

    `windows` is `any`, `now` (a gauge) or `days` (only `<n>d`).
    """

    unit: str
    windows: Literal["any", "now", "days"] = "any"


class Listed(Protocol):
    """A KPI as the catalogue lists it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def unit(self) -> str:
        """Its unit."""

    @property
    def is_gauge(self) -> bool:
        """Whether it has the one window `now`."""

    @property
    def shelf(self) -> Enum:
        """Where its facts are kept; those AHEAD have windows in days only."""


def measures(catalogue: Iterable[Listed]) -> dict[str, Measure]:
    """What the rules need to know of a catalogue of KPIs, by name."""
    return {
        kpi.name: Measure(kpi.unit, "now" if kpi.is_gauge else "days" if kpi.shelf.name == "AHEAD" else "any")
        for kpi in catalogue
    }


class Face(NamedTuple):
    """What an alert record shows of its rule; kept with a firing alert, so that it outlives the rule."""

    rule: str
    kpi: str
    window: str
    threshold: float
    severity: str
    summary: str
    unit: str
    currency: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One threshold rule. Times are milliseconds, limits are in the KPI's unit (seconds, fractions, ...)."""

    name: str
    kpi: str
    window: str
    scope: Scope
    fire: Condition
    clear: Condition | None
    for_ms: int
    keep_firing_ms: int
    min_n: int
    no_data: NoData
    severity: Severity
    summary: str
    match: Match
    unit: str
    currency: str
    fingerprint: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Derive the fingerprint: it changes with everything but the wording of the summary."""
        object.__setattr__(self, "fingerprint", _fingerprint(self))

    @property
    def field(self) -> str:
        """The field of the live table that the rule watches."""
        return f"{self.kpi}:{self.window}"

    @property
    def face(self) -> Face:
        """What the rule's records show of it."""
        return Face(
            self.name,
            self.kpi,
            self.window,
            self.fire.limit,
            self.severity,
            self.summary,
            self.unit,
            self.currency,
        )

    def applies(self, scope: str, id: str, profile: Mapping[str, str | None]) -> bool:
        """Whether the rule watches this id.

        `profile` holds an account's `tier`, `segment`, `country`, `kam_id` and `name`; others need none.
        """
        if scope != self.scope:
            return False
        own = {"account": {"account": id}, "kam": {"kam_id": id}}.get(scope, {})
        return matches(self.match, {**profile, **own})


def _fingerprint(rule: Rule) -> str:
    said = [
        rule.name, rule.kpi, rule.window, rule.scope, rule.fire.op, rule.fire.limit,
        rule.clear and [rule.clear.op, rule.clear.limit], rule.for_ms, rule.keep_firing_ms,
        rule.min_n, rule.no_data, rule.severity, sorted((k, sorted(v)) for k, v in rule.match.items()),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A daily stretch, in a place's own time, in which a route holds its messages; it may span midnight."""

    begin: time
    end: time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Route:
    """Which alerts go to whom, and how patiently. Times are milliseconds; None = never."""

    match: Match
    notify: tuple[str, ...]
    to_manager: bool
    group_wait_ms: int
    repeat_every_ms: int | None
    quiet_hours: QuietHours | None
    escalate_after_ms: int | None
    escalate_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manager:
    """A key-account manager's own channels; the deputy (another manager's id) stands in."""

    name: str
    language: Language
    notify: tuple[str, ...]
    deputy: str | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that are recorded but told to nobody between two moments (epoch ms, the second excluded)."""

    match: Match
    begin: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A whole alerts file."""

    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()
    managers: Mapping[str, Manager] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()

    def rule(self, name: str) -> Rule | None:
        """The rule of that name, or None."""
        return next((rule for rule in self.rules if rule.name == name), None)
