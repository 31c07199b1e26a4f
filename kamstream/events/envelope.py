"""The CloudEvents 1.0 envelope: the attributes every event has."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from .fields import Id, Instant

# Unicode category Cc; the schema says it with "not": in some dialects $ matches before a last line feed.
CONTROL_PATTERN: Final = "[\\u0000-\\u001f\\u007f-\\u009f]"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def is_account(text: str) -> bool:
    """Whether ``text`` can be a subject: 1..128 characters, none of them a control character."""
    return 1 <= len(text) <= 128 and _CONTROL.search(text) is None


def _check_subject(value: str) -> str:
    if not 1 <= len(value) <= 128:
        raise PydanticCustomError("subject_length", "must have 1 to 128 characters")
    if not is_account(value):
        raise PydanticCustomError("subject_control", "must not have control characters")
    return value


Subject = Annotated[
    str,
    AfterValidator(_check_subject),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128, "not": {"pattern": CONTROL_PATTERN}}),
]


class Envelope(BaseModel):
    """The attributes of an event and its payload, before the type is looked at."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    specversion: Literal["1.0"] = Field(description="The CloudEvents version.")
    id: Id = Field(description="With `source` unique within an account and topic: a second arrival changes nothing.")
    source: Id = Field(description="The system that sent the event.")
    type: str = Field(description="The kind of event.")
    subject: Subject = Field(description="The account id, also the record's key.")
    time: Instant = Field(
        description="When it happened, RFC 3339 with an offset; at most 5 minutes ahead of the record."
    )
    data: dict[str, Any] = Field(description="The payload of the type.")
    origin: Any = Field(
        default=None, description='"backfill" marks history sent again: it moves KPIs but notifies nobody.'
    )
