"""msgspec structs generated from the pydantic models: for decoding fast, and for the `data` of an event.

Every type has a *data* struct (normal form, see `Event`) and two *wire* structs. The strict one knows every
field, so msgspec looks at every byte; it is the data struct itself where the two do not differ. The loose
one skips unknown fields. Both accept a subset of what the models accept; what they refuse is judged by the
models. For the compiled scanner every field also has a *form*: how its value is written in JSON.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import annotated_types
import msgspec
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from .accounts import Target as TargetModel
from .catalogue import EVENT_TYPES, EventType
from .fields import MAX_MONEY, Payload, Unit
from .times import parse_day, parse_time

Convert = Callable[[Any], Any]
_MAX_MINOR: Final = MAX_MONEY * 100
_MINUS: Final = ord("-")
_CENTS: Final = {b"%d" % tenth: tenth * 10 for tenth in range(10)} | {b"%02d" % cent: cent for cent in range(100)}


@dataclass(frozen=True, slots=True)
class Form:
    """How one value is written in JSON and what of it is accepted, told to a scanner.

    ``kind``: ``text`` (``least`` to ``most`` characters), ``choice`` (one of ``choices``), ``bool``, ``money``,
    ``instant``, ``day``, ``float`` and ``int`` (``least`` to ``most``), ``list`` (of ``item``) or ``object`` (with
    ``fields``, for ``make`` in their order). None for a limit that is not.
    """

    kind: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    item: Form | None = None
    fields: tuple[Field, ...] = ()
    make: type[Any] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A member of an object: where it is not required, absent and null mean the default."""

    name: str
    required: bool
    default: Any
    form: Form


@dataclass(frozen=True, slots=True)
class _Shape:
    """The msgspec types of one field, and its conversions; None where a value stays as it is.

    Without a form the scanner leaves the whole type to msgspec.
    """

    wire: Any
    data: Any
    from_wire: Convert | None = None
    from_model: Convert | None = None
    form: Form | None = None


def money_of_raw(raw: Any) -> int:
    """Minor units of a plainly written number; ValueError or KeyError where the exact path has to look."""
    whole, point, cents = bytes(raw).partition(b".")
    minor = int(whole) * 100
    if point:
        minor += _CENTS[cents]
        if whole[0] == _MINUS:
            raise ValueError("below 0")
    if not 0 <= minor <= _MAX_MINOR:
        raise ValueError("out of range")
    return minor


def _minor_units(major: float) -> int:
    return round(major * 100)


def _optional_money_of_raw(raw: Any) -> int | None:
    return None if raw is None or bytes(raw) == b"null" else money_of_raw(raw)


def _optional(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    if convert is money_of_raw:
        return _optional_money_of_raw
    return lambda value: None if value is None else convert(value)


_UNITS: Final = {
    Unit.MONEY: _Shape(msgspec.Raw, int, money_of_raw, _minor_units, Form("money", most=_MAX_MINOR)),
    Unit.INSTANT: _Shape(str, int, parse_time, parse_time, Form("instant")),
    Unit.DAY: _Shape(str, int, parse_day, parse_day, Form("day")),
    Unit.CURRENCY: _Shape(str, str, form=Form("text")),  # the decoder knows which currencies there are
}


class Target(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A goal in the profile of an account."""

    kpi: str
    window: str
    target: float


def _target_of_model(model: Any) -> Target:
    return Target(model.kpi, model.window, float(model.target))


def _shape_of(hint: Any) -> _Shape:
    """The shape of one annotation: a closed set of forms, any other is a programming error."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = _shape_of(args[0])
        wire = inner.wire if inner.wire is msgspec.Raw else inner.wire | None
        return _Shape(wire, inner.data | None, _optional(inner.from_wire), _optional(inner.from_model), inner.form)
    if origin is Annotated:
        return _annotated(args[0], args[1:])
    if origin is list:
        item = _shape_of(args[0])
        each = item.from_model
        convert: Convert = tuple if each is None else lambda values: tuple(each(value) for value in values)
        many: Any = tuple
        form = None if item.form is None else Form("list", item=item.form)
        return _Shape(many[item.wire, ...], many[item.data, ...], None, convert, form)
    if hint is TargetModel:
        return _Shape(Target, Target, None, _target_of_model, _form_of_model(TargetModel, Target))
    if hint is bool:
        return _Shape(hint, hint, form=Form("bool"))
    if origin is Literal:
        texts = all(type(choice) is str for choice in args)
        return _Shape(hint, hint, form=Form("choice", choices=args) if texts else None)
    raise TypeError(f"no struct type for {hint!r}")


def _annotated(base: Any, metadata: tuple[Any, ...]) -> _Shape:
    for item in metadata:
        if isinstance(item, Unit):
            return _UNITS[item]
    limits: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, StringConstraints):
            limits |= {"min_length": item.min_length, "max_length": item.max_length}
        elif isinstance(item, FieldInfo):
            for rule in item.metadata:
                if isinstance(rule, annotated_types.Ge):
                    limits["ge"] = rule.ge
                elif isinstance(rule, annotated_types.Le):
                    limits["le"] = rule.le
    typed = Annotated[base, msgspec.Meta(**limits)]
    return _Shape(typed, typed, None, float if base is float else None, _form_within(base, limits))


def _form_within(base: Any, limits: dict[str, Any]) -> Form | None:
    if base is str:
        return Form("text", limits.get("min_length"), limits.get("max_length"))
    if base in (int, float):
        return Form(base.__name__, limits.get("ge"), limits.get("le"))
    return None


def _form_of_model(model: type[Payload], make: type[Any]) -> Form | None:
    """The form of an object whose members go into ``make`` by their names; its fields are in the order of ``make``."""
    hints = typing.get_type_hints(model, include_extras=True)
    fields = []
    for name in make.__struct_fields__:
        field, form = model.model_fields[name], _shape_of(hints[name]).form
        if form is None:
            return None
        fields.append(Field(name, field.is_required(), None if field.is_required() else _default(field), form))
    return Form("object", fields=tuple(fields), make=make)


@dataclass(frozen=True, slots=True)
class Plan:
    """How data of one type gets from the wire, or from its model, into normal form.

    The conversions from the wire raise ValueError or KeyError where the exact path has to look; None where
    there is nothing to convert.
    """

    kind: EventType
    data: type[Any]
    strict: type[Any]
    from_strict: Convert | None
    loose: type[Any]
    from_loose: Convert
    from_model: Convert
    has_currency: bool
    form: Form | None


def _converter(names: tuple[str, ...], converts: list[Convert | None], target: type[Any]) -> Convert:
    """A function from an object with these attributes to ``target``, written out: one call, no loop."""
    scope: dict[str, Any] = {"target": target}
    arguments = []
    for name, convert in zip(names, converts, strict=True):
        if convert is None:
            arguments.append(f"source.{name}")
        else:
            scope[f"_{name}"] = convert
            arguments.append(f"_{name}(source.{name})")
    written = f"lambda source: target({', '.join(arguments)})"
    converter: Convert = eval(written, scope)  # the names are those of our own models
    return converter


def _plan(kind: EventType) -> Plan:
    model = kind.model
    hints = typing.get_type_hints(model, include_extras=True)
    # A struct wants its required fields first.
    fields = sorted(model.model_fields.items(), key=lambda item: not item[1].is_required())
    names = tuple(name for name, _ in fields)
    shapes = [_shape_of(hints[name]) for name in names]

    def struct(suffix: str, kinds: list[Any], forbid: bool) -> type[Any]:
        columns = [
            (name, typed) if field.is_required() else (name, typed, _default(field))
            for (name, field), typed in zip(fields, kinds, strict=True)
        ]
        return msgspec.defstruct(
            model.__name__ + suffix,
            columns,
            frozen=True,
            gc=False,
            forbid_unknown_fields=forbid,
            module=__name__,
        )

    data = struct("", [shape.data for shape in shapes], True)
    wire = [shape.wire for shape in shapes]
    differs = any(shape.from_wire for shape in shapes)
    from_wire = _converter(names, [shape.from_wire for shape in shapes], data)
    return Plan(
        kind=kind,
        data=data,
        strict=struct("Strict", wire, True) if differs else data,
        from_strict=from_wire if differs else None,
        loose=struct("Loose", wire, False),
        from_loose=from_wire,
        from_model=_converter(names, [shape.from_model for shape in shapes], data),
        has_currency="currency" in names,
        form=_form_of_model(model, data),
    )


def _default(field: FieldInfo) -> Any:
    return tuple(field.default) if isinstance(field.default, list) else field.default


PLANS: Final[dict[str, Plan]] = {kind.name: _plan(kind) for kind in EVENT_TYPES}
# The classes of `Event.data`, by type.
DATA: Final[dict[str, type[Any]]] = {name: plan.data for name, plan in PLANS.items()}


def normalize(type: str, model: Payload) -> Any:
    """The `data` struct of a validated payload."""
    return PLANS[type].from_model(model)


def _envelope(plan: Plan, *, forbid: bool) -> type[Any]:
    identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    text = str | None
    # Extension attributes that are often there are named, so that they need not take the loose path.
    extras = [(name, text, None) for name in ("origin", "datacontenttype", "dataschema", "traceparent")]
    return msgspec.defstruct(
        f"{plan.kind.model.__name__}{'Strict' if forbid else 'Loose'}Envelope",
        [
            ("specversion", Literal["1.0"]),
            ("id", identifier),
            ("source", identifier),
            ("subject", str),
            ("time", str),
            ("data", plan.strict if forbid else plan.loose),
            *extras,
        ],
        frozen=True,
        gc=False,
        tag_field="type",
        tag=plan.kind.name,
        forbid_unknown_fields=forbid,
        module=__name__,
    )


# The envelope structs, for a decoder of their tagged union, and how their data is converted.
STRICT: Final[dict[type[Any], tuple[Plan, Convert | None]]] = {
    _envelope(plan, forbid=True): (plan, plan.from_strict) for plan in PLANS.values()
}
LOOSE: Final[dict[type[Any], tuple[Plan, Convert | None]]] = {
    _envelope(plan, forbid=False): (plan, plan.from_loose) for plan in PLANS.values()
}
