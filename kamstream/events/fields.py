"""The types of the fields in events: exact JSON types, no coercion, and what they mean inside.

Each is an annotated type with a `Unit` where the value inside differs from the value on the wire; the
msgspec structs of the fast path and the JSON Schemas are generated from these annotations.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from .times import DATE_PATTERN, TIME_PATTERN, parse_day, parse_time

MAX_MONEY: Final = 10**12


class Unit(Enum):
    """How a value is kept inside, where that differs from the wire."""

    MONEY = "minor units"
    INSTANT = "epoch milliseconds"
    DAY = "days since 1970-01-01"
    CURRENCY = "currency code"


class ExactFloat(float):
    """A float that remembers its JSON text, for rules that a double cannot judge."""

    __slots__ = ("text",)

    text: str

    def __new__(cls, text: str) -> ExactFloat:
        """Keep ``text`` beside the nearest double."""
        self = super().__new__(cls, text)
        self.text = text
        return self


def _exact(value: float) -> Decimal | None:
    """The number as written; None when it is too large or small for a Decimal."""
    try:
        return Decimal(value.text if isinstance(value, ExactFloat) else repr(value))
    except InvalidOperation:
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_money(value: Any) -> Any:
    """Refuse more than 2 decimals or an amount beyond the limits, judged on the number as written."""
    if not _is_number(value):
        return value
    exact = Decimal(value) if isinstance(value, int) else _exact(value)
    if exact is None or not exact.is_finite() or not 0 <= exact <= MAX_MONEY:
        raise PydanticCustomError("money_range", "must be an amount of 0 to 10^12")
    _, digits, exponent = exact.as_tuple()
    surplus = -2 - int(exponent)
    if surplus > 0 and any(digits[-surplus:]):
        raise PydanticCustomError("money_decimals", "must have at most 2 decimals")
    return float(value)


def _check_whole(value: Any) -> Any:
    """Let a whole number pass however it is written (9, 9.0): JSON has one kind of number."""
    if not isinstance(value, float):
        return value
    exact = _exact(value)
    if exact is None or not exact.is_finite() or abs(exact) > MAX_MONEY or exact != exact.to_integral_value():
        raise PydanticCustomError("whole_number", "must be a whole number")
    return int(exact)


def _check_time(value: str) -> str:
    try:
        parse_time(value)
    except ValueError as error:
        raise PydanticCustomError("time", "{why}", {"why": str(error)}) from None
    return value


def _check_day(value: str) -> str:
    try:
        parse_day(value)
    except ValueError as error:
        raise PydanticCustomError("day", "{why}", {"why": str(error)}) from None
    return value


Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Text = Annotated[str, StringConstraints()]
# Any text: one without a rate in the settings is refused as an unknown currency, whatever its form.
Currency = Annotated[str, StringConstraints(), Unit.CURRENCY]
Money = Annotated[
    float,
    BeforeValidator(_check_money),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_MONEY}),
    Unit.MONEY,
]
Score = Annotated[int, Field(ge=0, le=10), BeforeValidator(_check_whole)]
Probability = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Instant = Annotated[
    str,
    AfterValidator(_check_time),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIME_PATTERN}),
    Unit.INSTANT,
]
Day = Annotated[
    str,
    AfterValidator(_check_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": DATE_PATTERN, "maxLength": 10}),
    Unit.DAY,
]


class Payload(BaseModel):
    """The base of every `data`: exact types, unknown fields ignored, null in an optional field left out."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

    EXAMPLE: ClassVar[dict[str, Any]] = {}

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields
        return {
            name: item
            for name, item in value.items()
            if item is not None or name not in fields or fields[name].is_required()
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Say in the schema too that null is the same as leaving a field out."""
        schema = handler(core)
        required = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            if name not in required and {"type": "null"} not in field.get("anyOf", ()):
                described = {k: field.pop(k) for k in ("title", "description", "default") if k in field}
                inner = dict(field)
                field.clear()
                field.update({"anyOf": [inner, {"type": "null"}], **described})
        return schema
