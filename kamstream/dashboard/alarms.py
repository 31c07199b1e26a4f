"""Alerts as a person reads them, and which value or row they colour."""

from collections.abc import Iterable
from dataclasses import dataclass

from kamstream.alerts.record import AlertRecord
from kamstream.dashboard import format as fmt
from kamstream.dashboard import words

#: Severities from the worst on; each has a word and a mark, so that colour is never the only sign.
SEVERITIES = ("critical", "warning", "info")
MARKS = {"critical": "▲", "warning": "◆", "info": "●"}


#: A value and its n.
Current = tuple[float | int | None, int]


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """What a line of an alerts panel says."""

    severity: str
    mark: str
    headline: str
    facts: str
    when: str
    link: str


class Alarms:
    """The alerts that fire, by the value and by the id they are about."""

    def __init__(self) -> None:
        self.active: tuple[AlertRecord, ...] = ()
        self.resolved: tuple[AlertRecord, ...] = ()
        self._by_value: dict[tuple[str, str, str], str] = {}
        self._by_id: dict[tuple[str, str], list[AlertRecord]] = {}

    def replace(self, active: Iterable[AlertRecord], resolved: Iterable[AlertRecord]) -> set[AlertRecord] | None:
        """Take over both lists; returns the alerts that came or went, None where nothing is different."""
        new = tuple(sorted(active, key=worst_first))
        done = tuple(resolved)
        if new == self.active and done == self.resolved:
            return None
        touched = set(new) ^ set(self.active)
        self.active, self.resolved = new, done
        self._by_value, self._by_id = {}, {}
        for alarm in new:
            self._by_value.setdefault((alarm.scope, alarm.id, field_of(alarm)), alarm.severity)
            self._by_id.setdefault((alarm.scope, alarm.id), []).append(alarm)
        return touched

    def severity(self, scope: str, id_: str, field: str) -> str:
        """The worst severity that fires for a value, empty for none."""
        return self._by_value.get((scope, id_, field), "")

    def of(self, scope: str, id_: str) -> list[AlertRecord]:
        """The alerts that fire for an id, the worst first."""
        return self._by_id.get((scope, id_), [])


def line(
    alarm: AlertRecord, name: str, currency: str, link: str, current: Current | None = None, now: int = 0
) -> AlarmLine:
    """An alert in plain words: what is wrong, by how much, since when.

    ``now`` is T in epoch milliseconds; ``current`` is the value as it stands now, where it is known: a resolved
    alert keeps the one it resolved with.
    """
    unit = words.unit(alarm.kpi) or alarm.unit
    resolved = alarm.status == "resolved"
    value, n = (alarm.value, alarm.n) if resolved or current is None else current
    said = fmt.text(value, unit, currency)
    facts = [f"{words.field_title(alarm.kpi, alarm.window)}: {said}{'' if resolved else ' now'}"]
    facts.append(f"limit {fmt.text(alarm.threshold, unit, currency)}")
    if unit != "count":
        facts.append(f"n {fmt.count(n)}")
    when = fmt.moment(alarm.at, now) if resolved else f"since {fmt.moment(alarm.since, now)}"
    headline = alarm.summary or f"{name}: {words.title(alarm.kpi)} is {said}"
    return AlarmLine(alarm.severity, MARKS.get(alarm.severity, "●"), headline, " · ".join(facts), when, link)


def field_of(alarm: AlertRecord) -> str:
    """The value that an alert is about, as ``kpi:window``."""
    return f"{alarm.kpi}:{alarm.window}"


def worst_first(alarm: AlertRecord) -> tuple[int, int, str]:
    """Sort key: critical before warning before info, then the newest."""
    rank = SEVERITIES.index(alarm.severity) if alarm.severity in SEVERITIES else len(SEVERITIES)
    return rank, -alarm.since, alarm.alert_id
