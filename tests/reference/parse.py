"""Records of a log -> events, each with a verdict. events.md: "Attributes", "Entities, order ..."."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tests.reference.settings import EPOCH, Settings

TOPIC = {
    "interaction": "interactions",
    "survey": "interactions",
    "milestone": "interactions",
    "deal": "deals",
    "contract": "deals",
    "ticket": "tickets",
    "account": "accounts",
}

# "Type rank at equal times: opened/started/planned < updated/assigned/changed/renewed <
#  replied/logged/answered < reopened < resolved/won/lost/completed/ended."
RANK = {
    "opened": 0, "started": 0, "planned": 0,
    "updated": 1, "assigned": 1, "changed": 1, "renewed": 1,
    "replied": 2, "logged": 2, "answered": 2,
    "reopened": 3,
    "resolved": 4, "won": 4, "lost": 4, "completed": 4, "ended": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Ev:
    """One event; `data` without nulls, numbers with a point as Decimal."""

    type: str
    account: str
    source: str
    id: str
    time: int
    data: Mapping[str, Any]

    @property
    def topic(self) -> str:
        return TOPIC[self.type.split(".")[0]]

    @property
    def order(self) -> tuple[int, int, str, str]:
        """The rule: "read in the order of (time, type rank, source, id)"."""
        return (self.time, RANK[self.type.split(".")[1]], self.source, self.id)


def milliseconds(text: str) -> int:
    """RFC 3339 with an offset -> epoch ms, "finer digits are cut off"."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", text)
    if not found:
        raise ValueError(f"not a time with an offset: {text!r}")
    day, hour, minute, second, fraction, sign, off_hour, off_minute = found.groups()
    seconds = days(day) * 86_400 + int(hour) * 3_600 + int(minute) * 60 + int(second)
    if sign:
        offset = int(off_hour) * 3_600 + int(off_minute) * 60
        seconds -= offset if sign == "+" else -offset
    return seconds * 1_000 + int(((fraction or "") + "000")[:3])


def days(text: str) -> int:
    """YYYY-MM-DD -> days since 1970-01-01."""
    return date.fromisoformat(text).toordinal() - EPOCH


def read(record: Mapping[str, Any] | bytes | str) -> Ev:
    """One record, a CloudEvent as object or as JSON text, well-formed."""
    text = record if isinstance(record, (bytes, str)) else json.dumps(record)
    event = json.loads(text, parse_float=Decimal)
    data = {k: v for k, v in event["data"].items() if v is not None}  # "null is the same as leaving it out"
    at = milliseconds(event["time"])
    return Ev(event["type"], event["subject"], event["source"], event["id"], at, data)


@dataclass
class Seen:
    """What was applied so far of one account on one topic."""

    newest: int
    copies: dict[tuple[str, str], list[int]]  # (source, id) -> the times of the events applied under it


def judge(log: Iterable[Mapping[str, Any] | bytes | str], settings: Settings) -> list[tuple[Ev, str]]:
    """Every record with "applied", "duplicate", "too-late" or "unknown-currency", in log order."""
    verdicts: list[tuple[Ev, str]] = []
    seen: dict[tuple[str, str], Seen] = {}
    for record in log:
        event = read(record)
        there = seen.get((event.account, event.topic))
        verdict = verdict_of(event, there, settings)
        if verdict == "applied":  # "A refused event moves neither T nor anything else"; a duplicate neither
            there = seen.setdefault((event.account, event.topic), there or Seen(event.time, {}))
            there.newest = max(there.newest, event.time)
            there.copies.setdefault((event.source, event.id), []).append(event.time)
        verdicts.append((event, verdict))
    return verdicts


def verdict_of(event: Ev, there: Seen | None, settings: Settings) -> str:
    """The checks in their order: unknown-currency, too-late, duplicate ("too-late is judged first")."""
    currency = event.data.get("currency", settings.reporting_currency)
    if currency != settings.reporting_currency and currency not in settings.rates:
        return "unknown-currency"
    if there is None:
        return "applied"
    # "earlier than the horizon before the newest event accepted so far of the same account on the same topic"
    border = there.newest - settings.horizon_ms
    if event.time < border:
        return "too-late"
    # "it is remembered until it would be too late"
    remembered = [at for at in there.copies.get((event.source, event.id), []) if at >= border]
    return "duplicate" if remembered else "applied"
