"""Who is told of an alert, and when not: recipients, silences, quiet hours. Pure; moments are epoch ms."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kamstream.alerts.record import AlertRecord
from kamstream.alerts.rules import Language, QuietHours, Route, Ruleset, Silence, matches


@dataclass(frozen=True, slots=True)
class Target:
    """One address that a route leads to; `escalation` means only when nobody acknowledged."""

    url: str
    language: Language
    route: Route
    escalation: bool = False

    @property
    def key(self) -> str:
        """A name for the address that may be stored: it says the kind, and no secrets."""
        kind = self.url.partition(":")[0]
        return f"{kind}-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"


def attributes(record: AlertRecord) -> dict[str, str | None]:
    """What the `match` of a route or a silence can ask about."""
    return {
        "severity": record.severity,
        "rule": record.rule,
        "scope": record.scope,
        "id": record.id,
        "account": record.id if record.scope == "account" else None,
        "kam_id": record.kam_id,
        "name": record.name,
        "kpi": record.kpi,
        "window": record.window,
    }


def recipients(ruleset: Ruleset, record: AlertRecord) -> tuple[Target, ...]:
    """Every address of every route that matches, each once: the first route that names it decides.

    `to_manager` adds the channels of the account's manager, or the deputy's where the manager has none; the
    deputy is also told on escalation.
    """
    found: dict[str, Target] = {}
    said = attributes(record)
    for escalation in (False, True):
        for route in ruleset.routes:
            if not matches(route.match, said):
                continue
            for url, language in _addresses(ruleset, route, record.kam_id, escalation):
                found.setdefault(url, Target(url, language, route, escalation))
    return tuple(found.values())


def _addresses(ruleset: Ruleset, route: Route, kam_id: str | None, escalation: bool) -> Iterable[tuple[str, Language]]:
    manager = ruleset.managers.get(kam_id or "") if route.to_manager else None
    deputy = ruleset.managers.get(manager.deputy or "") if manager else None
    if escalation:
        if route.escalate_after_ms is None:
            return
        yield from ((url, "en") for url in route.escalate_to)
        person = deputy
    else:
        yield from ((url, "en") for url in route.notify)
        person = manager if manager and manager.notify else deputy
    if person:
        yield from ((url, person.language) for url in person.notify)


def silence_of(silences: Iterable[Silence], record: AlertRecord, now: int) -> Silence | None:
    """The silence that holds longest over this alert at `now`, or None."""
    said = attributes(record)
    held = (s for s in silences if s.begin <= now < s.end and matches(s.match, said))
    return max(held, key=lambda s: s.end, default=None)


def quiet_until(quiet: QuietHours | None, now: int) -> int | None:
    """When the quiet stretch that contains `now` ends, or None outside of one."""
    if quiet is None:
        return None
    there = datetime.fromtimestamp(now / 1000, UTC).astimezone(quiet.zone)
    clock = there.time()
    if quiet.begin < quiet.end:
        inside, tomorrow = quiet.begin <= clock < quiet.end, False
    else:
        inside, tomorrow = clock >= quiet.begin or clock < quiet.end, clock >= quiet.begin
    if not inside:
        return None
    day = there.date() + timedelta(days=1 if tomorrow else 0)
    end = datetime.combine(day, quiet.end, quiet.zone)
    return int(end.timestamp() * 1000)
