"""Moments on the wire: CloudEvents in structured mode, as a CRM would write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kamstream.simulate.offices import DAY, HOUR, MINUTE, SECOND, date_of
from kamstream.simulate.scene import Life, Moment, Scene

SOURCES = {
    "interaction": "/mail",
    "survey": "/surveys",
    "milestone": "/projects",
    "deal": "/crm/sales",
    "contract": "/crm/contracts",
    "ticket": "/helpdesk",
    "account": "/crm/accounts",
}
LOCAL_TIME = frozenset({"interaction", "survey"})
"""The systems that write their times with the account's own offset; the others write UTC."""

Told = tuple[int, dict[str, Any]]
"""An event time in epoch milliseconds, and the CloudEvent."""


def told(scene: Scene, life: Life, *, since: int, until: int, origin: str | None = None) -> Iterator[Told]:
    """The events of a life from its beginning to `until`; nothing when it begins before `since`."""
    for number, moment in enumerate(life.moments, 1):
        if moment.time > until or (number == 1 and moment.time < since):
            return
        scene.ledger.happened(scene.company.id, moment.time)
        yield moment.time, envelope(scene, f"{life.entity}/{number}", moment, origin)


def envelope(scene: Scene, identity: str, moment: Moment, origin: str | None) -> dict[str, Any]:
    """The CloudEvent of a moment."""
    family = moment.type.partition(".")[0]
    offset = scene.company.office.offset(moment.time) if family in LOCAL_TIME else 0
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": identity,
        "source": SOURCES[family],
        "type": moment.type,
        "subject": scene.company.id,
        "time": rfc3339(moment.time, offset),
    }
    if origin is not None:
        event["origin"] = origin
    event["data"] = moment.data
    return event


def rfc3339(moment: int, offset: int = 0) -> str:
    """A time in epoch milliseconds as text, `offset` minutes ahead of UTC.

    >>> rfc3339(1_000, 120)
    '1970-01-01T02:00:01.000+02:00'
    >>> rfc3339(0)
    '1970-01-01T00:00:00.000Z'
    """
    day, rest = divmod(moment + offset * MINUTE, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, millis = divmod(rest, SECOND)
    clock = f"{date_of(day)}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"
    if not offset:
        return clock + "Z"
    ahead, minutes = divmod(abs(offset), 60)
    return f"{clock}{'+' if offset > 0 else '-'}{ahead:02}:{minutes:02}"
