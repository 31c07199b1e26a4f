"""The exact path: the pydantic models, and sentences about what was wrong."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from .catalogue import BY_NAME
from .envelope import Envelope
from .event import ErrorCode, Event, Refusal
from .fields import Payload
from .structs import normalize
from .times import parse_time


def event_of(document: Any, *, topic: int | None) -> Event | Refusal:
    """The event in a JSON document, checked from `not-an-event` to `invalid-data`.

    ``topic`` is the index of the topic the record came from; -1 for a topic that carries no events, None
    where the type alone decides.
    """
    if not isinstance(document, dict):
        return Refusal(ErrorCode.NOT_AN_EVENT, f"the value is {_kind(document)}, not an object")
    try:
        envelope = Envelope.model_validate(document)
    except ValidationError as error:
        return Refusal(ErrorCode.NOT_AN_EVENT, explain(error))
    kind = BY_NAME.get(envelope.type)
    if kind is None:
        return Refusal(ErrorCode.UNKNOWN_TYPE, f"type {_shown(envelope.type)} is not known")
    if topic is not None and topic != kind.topic:
        return Refusal(ErrorCode.UNKNOWN_TYPE, f"type {_shown(envelope.type)} does not belong on this topic")
    payload = payload_of(kind.model, envelope.data)
    if isinstance(payload, Refusal):
        return payload
    return Event(
        type=kind.name,
        account=envelope.subject,
        source=envelope.source,
        id=envelope.id,
        time=parse_time(envelope.time),
        data=normalize(kind.name, payload),
        backfill=envelope.origin == "backfill",
    )


def payload_of(model: type[Payload], data: dict[str, Any]) -> Payload | Refusal:
    """The validated payload, or an `invalid-data` refusal."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        return Refusal(ErrorCode.INVALID_DATA, explain(error, "data"))


def explain(error: ValidationError, root: str = "") -> str:
    """One sentence per wrong field, at most three: where, what was expected, what was there."""
    problems = error.errors(include_url=False, include_context=False)
    said = [_sentence(problem, root) for problem in problems[:3]]
    more = len(problems) - len(said)
    return "; ".join(said) + (f"; and {more} more" if more else "")


def _sentence(problem: Any, root: str) -> str:
    where = root
    for step in problem["loc"]:
        where += f"[{step}]" if isinstance(step, int) else f".{step}" if where else str(step)
    if problem["type"] == "missing":
        return f"{where} is missing"
    message = problem["msg"].removeprefix("Input ").removeprefix("String ").replace("valid string", "text")
    return f"{where} {message[:1].lower()}{message[1:]} (it is {_shown(problem['input'])})"


def _shown(value: Any) -> str:
    """A value as JSON, cut short; objects and arrays by their kind."""
    if isinstance(value, dict | list):
        return _kind(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
