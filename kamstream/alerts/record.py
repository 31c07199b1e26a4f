"""Alert records: what goes to `kam.alerts`, `kam:alerts:active` and `kam:alerts:log`."""

import hashlib
import string
from dataclasses import dataclass
from typing import Literal

import msgspec

from kamstream.alerts.life import Reason, Step
from kamstream.alerts.quantity import say
from kamstream.alerts.rules import Face
from kamstream.windows import to_ms, to_text

PLACEHOLDERS = frozenset({"name", "value", "window", "threshold", "id", "kpi", "n", "rule"})


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One transition of one alert.

    `since` (the condition began to hold) and `at` are epoch ms; in JSON they are ISO 8601.
    `name` and `kam_id` are the account's at that time; they tell people and routes who is meant.
    """

    alert_id: str
    rule: str
    scope: str
    id: str
    status: Literal["firing", "resolved"]
    value: float | int | None
    n: int
    threshold: float
    kpi: str
    window: str
    since: int
    at: int
    severity: str
    summary: str
    reason: str
    unit: str = "count"
    name: str | None = None
    kam_id: str | None = None

    @property
    def deliver(self) -> bool:
        """Whether people are told: a backfill moves the records and nobody's phone."""
        return self.reason != Reason.BACKFILL

    def to_json(self) -> bytes:
        """The record as a JSON object."""
        said = {name: getattr(self, name) for name in _FIELDS}
        return msgspec.json.encode(said | {"since": to_text(self.since), "at": to_text(self.at)})

    @classmethod
    def from_json(cls, data: bytes | str) -> "AlertRecord":
        """Read what `to_json` wrote; unknown fields are left aside, ValueError when it is no alert record."""
        try:
            said = msgspec.json.decode(data, type=dict[str, object])
            known = {name: said[name] for name in _FIELDS if name in said}
            known |= {"since": to_ms(str(known["since"])), "at": to_ms(str(known["at"]))}
            return msgspec.convert(known, cls)
        except (msgspec.MsgspecError, KeyError) as error:
            raise ValueError(f"not an alert record: {error}") from None


_FIELDS = tuple(AlertRecord.__dataclass_fields__)


def alert_id(rule: str, scope: str, id: str, key: int) -> str:
    """The alert's name: the same rule, id and stream time give the same name in every run."""
    return hashlib.sha256("\0".join([rule, scope, id, str(key)]).encode()).hexdigest()[:20]


def make(scope: str, id: str, step: Step, *, name: str | None = None, kam_id: str | None = None) -> AlertRecord | None:
    """The record of a step; None for the steps nobody sees (pending, and back to ok)."""
    if not step.recorded:
        return None
    face = step.face
    return AlertRecord(
        alert_id=alert_id(face.rule, scope, id, step.key),
        rule=face.rule,
        scope=scope,
        id=id,
        status="firing" if step.status == "firing" else "resolved",
        value=step.value,
        n=step.n,
        threshold=face.threshold,
        kpi=face.kpi,
        window=face.window,
        since=step.since,
        at=step.at,
        severity=face.severity,
        summary=summary(face, id, step.value, step.n, name=name),
        reason=str(step.reason),
        unit=face.unit,
        name=name,
        kam_id=id if scope == "kam" else kam_id,
    )


def summary(face: Face, id: str, value: float | int | None, n: int, *, name: str | None) -> str:
    """The rule's summary with readable values filled in."""
    return face.summary.format_map(
        {
            "name": name or id,
            "value": say(value, face.unit, currency=face.currency),
            "threshold": say(face.threshold, face.unit, currency=face.currency),
            "window": face.window,
            "id": id,
            "kpi": face.kpi,
            "n": f"{n:,}",
            "rule": face.rule,
        }
    )


def check_summary(template: str) -> str:
    """The template itself; ValueError when it cannot be filled in."""
    for _, name, spec, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if name not in PLACEHOLDERS or spec or conversion:
            known = " ".join(f"{{{known}}}" for known in sorted(PLACEHOLDERS))
            shown = name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ValueError(f"unknown placeholder {{{shown}}}; known are {known}")
    return template
