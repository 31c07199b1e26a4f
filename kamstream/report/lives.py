"""Alerts from their beginning to their end, out of single transitions."""

from collections.abc import Iterable

from kamstream.alerts import AlertRecord
from kamstream.dashboard.alarms import SEVERITIES
from kamstream.report.material import Life


def concerns(record: AlertRecord, scope: str, id: str) -> bool:
    """Whether an alert belongs into a review: a KAM's also has those of the accounts, the company's has all."""
    if scope == "company":
        return True
    return (record.scope, record.id) == (scope, id) or (scope == "kam" and record.kam_id == id)


def lives(active: Iterable[AlertRecord], transitions: Iterable[AlertRecord], since: int) -> list[Life]:
    """The active alerts, the worst first, then those resolved after ``since``, the newest first.

    ``transitions`` are in any order. A resolved alert shows the value that it fired with, where that is still known.
    """
    firing: dict[str, AlertRecord] = {}
    ended: dict[str, AlertRecord] = {}
    for record in transitions:
        (firing if record.status == "firing" else ended)[record.alert_id] = record
    standing = {record.alert_id: record for record in active}
    now = [Life(record, record.value, record.since, None) for record in standing.values()]
    over = [
        Life(record, firing[name].value if name in firing else None, firing.get(name, record).since, record.at)
        for name, record in ended.items()
        if name not in standing and record.at >= since
    ]
    now.sort(key=lambda life: (_rank(life), -life.since, life.record.alert_id))
    over.sort(key=lambda life: (-(life.ended or 0), life.record.alert_id))
    return now + over


def still_active(transitions: Iterable[AlertRecord]) -> list[AlertRecord]:
    """The alerts whose last transition, in the order given, was to fire."""
    last = {record.alert_id: record for record in transitions}
    return [record for record in last.values() if record.status == "firing"]


def _rank(life: Life) -> int:
    severity = life.record.severity
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
