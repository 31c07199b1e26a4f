"""Whether today's contract still accepts what an older one did: the check behind `kamstream schema check`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from .asyncapi import asyncapi
from .catalogue import EVENT_TYPES
from .export import ASYNCAPI_FILE, schema_of

Schema = dict[str, Any]

# Keyword, and whether a change from old to new refuses more; None = not given.
_LOWER_LIMITS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_LIMITS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FIXED: Final = ("pattern", "format", "not", "multipleOf", "uniqueItems", "additionalProperties")
_JSON_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def check(old_directory: Path) -> list[str]:
    """The incompatible changes since the schemas in ``old_directory``, one line each; none = compatible.

    Incompatible is what breaks a producer that keeps to the old schemas (a type or field gone, a field required,
    a type, list of values or limit narrowed, another default, another topic) and, for what kamstream sends, what
    breaks a consumer (a field gone or not always there, another type). Raises ValueError when the directory
    holds no schemas or one cannot be read.
    """
    if not old_directory.is_dir():
        raise ValueError(f"{old_directory} is no directory")
    old = {path.stem: _read(path) for path in sorted(old_directory.glob("*.json"))}
    if not old:
        raise ValueError(f"{old_directory} holds no schemas")
    new = {kind.name: schema_of(kind) for kind in EVENT_TYPES}
    found = []
    for name, schema in old.items():
        if name not in new:
            found.append(f"{name}: the type was removed")
        else:
            found += [f"{name}: {problem}" for problem in narrowed(schema, new[name])]
    path = old_directory / ASYNCAPI_FILE
    if path.exists():
        found += _topic_changes(_read(path), asyncapi())
    return found


def _read(path: Path) -> Schema:
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path} is no schema")
    return document


def narrowed(old: Schema, new: Schema) -> list[str]:
    """What ``old`` accepts and ``new`` refuses, one line per reason; both are whole schemas.

    >>> narrowed({"type": "number"}, {"type": "integer"})
    ['(event): type number is no longer accepted']
    """
    return list(_Comparison(old, new).problems(old, new, ""))


class _Comparison:
    """Walks two schemas side by side; holds their roots for references."""

    def __init__(self, old_root: Schema, new_root: Schema) -> None:
        self._old_root = old_root
        self._new_root = new_root

    def problems(self, old: Any, new: Any, where: str) -> Iterator[str]:
        """The reasons why a value that ``old`` accepts may be refused by ``new``."""
        old, new = _resolved(old, self._old_root), _resolved(new, self._new_root)
        if old.get("default") != new.get("default"):
            yield f"{where}: the default changed from {_shown(old, 'default')} to {_shown(new, 'default')}"
        choices = _choices(new, self._new_root)
        for choice in _choices(old, self._old_root):
            # The nearest alternative tells best what changed.
            yield from min((list(self._narrowed(choice, other, where)) for other in choices), key=len)

    def _narrowed(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        at = where or "(event)"
        for lost in sorted(_types(old) - _types(new)):
            yield f"{at}: type {lost} is no longer accepted"
        if not _types(old) & _types(new):
            return
        yield from _lost_values(old, new, at)
        yield from _tighter_limits(old, new, at)
        yield from self._fields(old, new, where)
        if "items" in new:
            yield from self.problems(old.get("items", {}), new["items"], f"{where}[]")

    def _fields(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                yield f"{_join(where, name)}: the field became required"
        for name, field in before.items():
            if name in after:
                yield from self.problems(field, after[name], _join(where, name))
            else:
                yield f"{_join(where, name)}: the field was removed"


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _resolved(schema: Any, root: Schema) -> Schema:
    """The schema behind a local reference; true is the schema that accepts everything."""
    if not isinstance(schema, dict):
        return {}
    if "$ref" not in schema:
        return schema
    target: Any = root
    for step in str(schema["$ref"]).removeprefix("#/").split("/"):
        target = target.get(step, {}) if isinstance(target, dict) else {}
    siblings = {key: value for key, value in schema.items() if key != "$ref"}
    return {**target, **siblings} if isinstance(target, dict) else siblings


def _choices(schema: Schema, root: Schema) -> list[Schema]:
    """The alternatives of a schema, one per type, so that an optional field is compared type by type."""
    if "anyOf" in schema:
        return [choice for each in schema["anyOf"] for choice in _choices(_resolved(each, root), root)]
    types = schema.get("type")
    if isinstance(types, list):
        return [{**schema, "type": type} for type in types]
    return [schema]


def _types(schema: Schema) -> frozenset[str]:
    """The JSON types accepted; a whole number is a number too."""
    if "type" in schema:
        types = {schema["type"]}
    elif "const" in schema or "enum" in schema:
        types = {_type_of(value) for value in _values(schema) or ()}
    else:
        return _JSON_TYPES
    return frozenset(types | ({"integer"} if "number" in types else set()))


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _lost_values(old: Schema, new: Schema, at: str) -> Iterator[str]:
    before, after = _values(old), _values(new)
    if after is None:
        return
    if before is None:
        yield f"{at}: only {', '.join(json.dumps(value) for value in after)} is accepted now"
        return
    for value in before:
        if value not in after:
            yield f"{at}: value {json.dumps(value)} is no longer accepted"


def _tighter_limits(old: Schema, new: Schema, at: str) -> Iterator[str]:
    for names, sign in ((_LOWER_LIMITS, 1), (_UPPER_LIMITS, -1)):
        for name in names:
            if name in new and (name not in old or new[name] * sign > old[name] * sign):
                yield f"{at}: {name} went from {_shown(old, name)} to {_shown(new, name)}"
    for name in _FIXED:
        if name in new and new[name] not in (old.get(name), True if name == "additionalProperties" else ...):
            yield f"{at}: {name} changed from {_shown(old, name)} to {_shown(new, name)}"


def _shown(schema: Schema, name: str) -> str:
    return json.dumps(schema[name], ensure_ascii=False) if name in schema else "none"


def _topic_changes(old: Schema, new: Schema) -> Iterator[str]:
    """Types on another topic, and what consumers of the sent messages lose."""
    before, after = _addresses(old), _addresses(new)
    for message, address in before.items():
        if after.get(message, address) != address:
            yield f"{message}: the topic changed from {address} to {after[message]}"
    schemas = old.get("components", {}).get("schemas", {})
    for name, schema in schemas.items():
        now = new["components"]["schemas"].get(name)
        if now is None:
            yield f"{name}: the sent message was removed"
        else:
            yield from (f"{name}: {problem}" for problem in _lost_to_consumers(schema, now))


def _addresses(document: Schema) -> dict[str, str]:
    channels = document.get("channels", {}).values()
    return {message: channel["address"] for channel in channels for message in channel.get("messages", {})}


def _lost_to_consumers(old: Schema, new: Schema) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, field in before.items():
        if name not in after:
            yield f"{name}: the field was removed"
            continue
        if name in old.get("required", ()) and name not in new.get("required", ()):
            yield f"{name}: the field is not always there any more"
        if field.get("type") != after[name].get("type"):
            yield f"{name}: type changed from {_shown(field, 'type')} to {_shown(after[name], 'type')}"
