"""What decoding gives: an `Event` in normal form, or a `Refusal` with a code from a closed list."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec


class ErrorCode(StrEnum):
    """Why a record is a dead letter, in the order of the checks."""

    TOO_LARGE = "too-large"
    NOT_JSON = "not-json"
    TOO_DEEP = "too-deep"
    NOT_AN_EVENT = "not-an-event"
    UNKNOWN_TYPE = "unknown-type"
    INVALID_DATA = "invalid-data"
    KEY_MISMATCH = "key-mismatch"
    UNKNOWN_CURRENCY = "unknown-currency"
    FUTURE_TIME = "future-time"
    TOO_LATE = "too-late"


class Event(msgspec.Struct, frozen=True, gc=False):
    """An accepted event in normal form.

    ``data`` is a frozen struct with the attributes of the type's pydantic model: money is an int of minor
    units of its own currency, ``*_at`` epoch milliseconds, ``*_on`` days since 1970-01-01, other numbers are
    floats (``score`` an int), lists are tuples; what is absent or null is None, or the default where there
    is one.
    """

    type: str
    account: str  # the attribute `subject`
    source: str
    id: str
    time: int  # epoch milliseconds, finer digits cut
    data: Any
    backfill: bool = False  # the extension attribute `origin` is "backfill"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record is no event: a code of `ErrorCode` and a sentence for people."""

    code: str
    detail: str


@dataclass(frozen=True)
class Rules:
    """What decoding depends on besides the bytes.

    ``currencies`` are those with a rate, the reporting currency need not be among them.
    """

    prefix: str = "kam"
    reporting_currency: str = "EUR"
    currencies: frozenset[str] = frozenset()
    future_tolerance_ms: int = 300_000
