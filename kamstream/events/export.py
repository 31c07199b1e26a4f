"""JSON Schemas and an AsyncAPI document, generated from the models: what `schemas/` holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml

from .asyncapi import asyncapi
from .catalogue import EVENT_TYPES, EventType
from .envelope import Envelope

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI_FILE: Final = "asyncapi.yaml"


def schema_of(kind: EventType) -> dict[str, Any]:
    """The JSON Schema of the whole CloudEvent of a type.

    Two rules are in its descriptions only: that money has at most 2 decimals, because with ``multipleOf: 0.01``
    validators that count in doubles would refuse amounts like 0.07; and the calendar behind dates and times.
    """
    envelope = _tidy(Envelope.model_json_schema())
    payload = _tidy(kind.model.model_json_schema())
    definitions = payload.pop("$defs", None)
    properties = envelope["properties"]
    properties["type"] = {"const": kind.name, "description": "The kind of event."}
    properties["data"] = payload
    schema = {
        "$schema": DIALECT,
        "$id": f"urn:kamstream:event:{kind.name}",
        "title": kind.name,
        "description": kind.model.__doc__,
        "type": "object",
        "required": envelope["required"],
        "properties": properties,
        "examples": [example_of(kind)],
    }
    return schema | ({"$defs": definitions} if definitions else {})


def example_of(kind: EventType) -> dict[str, Any]:
    """A valid event of a type, as on the wire."""
    return {
        "specversion": "1.0",
        "id": f"{kind.name}-1",
        "source": "crm",
        "type": kind.name,
        "subject": "ACC-1",
        "time": "2026-11-24T14:20:00Z",
        "data": kind.model.EXAMPLE,
    }


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the titles and null defaults that pydantic adds to every field; descriptions on one line."""
    for fields in [schema, *schema.get("$defs", {}).values()]:
        if "description" in fields:
            fields["description"] = " ".join(fields["description"].split())
        for field in fields.get("properties", {}).values():
            field.pop("title", None)
            if field.get("default", ...) is None:
                del field["default"]
    return schema


def documents() -> dict[str, str]:
    """The text of every file by its name; the same models give the same bytes."""
    files = {f"{kind.name}.json": _json(schema_of(kind)) for kind in EVENT_TYPES}
    files[ASYNCAPI_FILE] = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=110)
    return files


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def export(directory: Path) -> list[Path]:
    """Write all documents into ``directory``, made if it is missing; their paths. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in documents().items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
