"""Events for tests and simulations, validated by the models."""

from __future__ import annotations

from typing import Any

from .catalogue import BY_NAME
from .event import Event
from .structs import normalize
from .times import parse_time


def make_event(
    type: str,
    *,
    account: str = "ACC-1",
    time: int | str,
    id: str,
    source: str = "test",
    backfill: bool = False,
    **data: Any,
) -> Event:
    """The event that a record with this data (as on the wire) decodes to; ``time`` in ms or as RFC 3339.

    >>> make_event("survey.answered", time="1970-01-01T00:00:01Z", id="1", survey_id="S", score=9).time
    1000

    Raises pydantic.ValidationError where the data is wrong.
    """
    payload = BY_NAME[type].model.model_validate(data)
    moment = parse_time(time) if isinstance(time, str) else time
    return Event(type, account, source, id, moment, normalize(type, payload), backfill)
