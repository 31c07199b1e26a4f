"""A page about the REST API made from its OpenAPI document: the usual viewers load themselves from a network."""

import re
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

_EXAMPLES = {
    "/api/kpis": "/api/kpis?scope=company&kpi=conversion_rate,revenue",
    "/api/alerts": "/api/alerts?count=20",
    "/api/health": "/api/health",
}


def add(app: FastAPI) -> None:
    """Serve the page at ``/docs``."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()))


def page(document: dict[str, Any]) -> str:
    """The whole page of an OpenAPI document with GET operations."""
    body = "".join(
        _operation(path, operation["get"]) for path, operation in document["paths"].items() if "get" in operation
    )
    schemas = document.get("components", {}).get("schemas", {})
    shapes = "".join(_schema(name, schema) for name, schema in schemas.items() if "properties" in schema)
    return (
        '<!doctype html><html lang="en-US"><head><meta charset="utf-8"><title>API · kamstream</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="/static/favicon.svg" type="image/svg+xml">'
        '<link rel="stylesheet" href="/static/kam.css"><script src="/static/kam.js"></script></head>'
        '<body class="plain"><div class="kam"><header class="bar"><div class="bar-in">'
        '<a class="brand" href="/"><img src="/static/favicon.svg" width="24" height="24" alt="">kamstream</a>'
        '<nav aria-label="Pages"><a href="/">Accounts</a><a href="/kams">Managers</a>'
        '<a href="/company">Company</a><a href="/docs" aria-current="page">API</a></nav></div></header>'
        '<main class="page docs" id="main"><h1>REST API</h1>'
        f"<p>{escape(document['info'].get('description', ''))} Read-only JSON. The machine-readable description "
        'is <a href="/openapi.json">openapi.json</a>.</p>'
        f"{body}<h2>Shapes</h2>{shapes}</main></div></body></html>"
    )


def _operation(path: str, operation: dict[str, Any]) -> str:
    example = _EXAMPLES.get(path, path)
    description = _prose(operation.get("description", ""))
    rows = "".join(
        _row(
            given["name"],
            _type(given["schema"]).removesuffix(" or null"),
            given.get("description") or given["schema"].get("description", ""),
        )
        for given in operation.get("parameters", ())
    )
    table = (
        "<table><thead><tr><th scope='col'>Parameter</th><th scope='col'>Type</th>"
        f"<th scope='col'>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"
        if rows
        else ""
    )
    return (
        f"<section class='panel'><div class='top'><h2><code>GET {escape(path)}</code> "
        f"<span class='soft'>{escape(operation.get('summary', ''))}</span></h2></div><div class='text'>"
        f"<p>{description}</p>{table}<p>Example: <a href='{escape(example)}'><code>{escape(example)}</code></a></p>"
        "</div></section>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    rows = "".join(_row(key, _type(field), field.get("description", "")) for key, field in schema["properties"].items())
    return (
        f"<section class='panel'><div class='top'><h3>{escape(name)}</h3></div><div class='text'>"
        f"<p>{_prose(schema.get('description', ''))}</p><table><thead><tr><th scope='col'>Field</th>"
        "<th scope='col'>Type</th><th scope='col'>Meaning</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _row(name: str, kind: str, meaning: str) -> str:
    return f"<tr><th scope='row'><code>{escape(name)}</code></th><td>{kind}</td><td>{_prose(meaning)}</td></tr>"


def _prose(text: str) -> str:
    """Paragraphs, and code between backticks."""
    paragraphs = escape(text).replace("\n\n", "</p><p>")
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", paragraphs)


def _type(schema: dict[str, Any]) -> str:
    """A JSON Schema's type in a word or two."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(part) for part in schema["anyOf"]))
    if "$ref" in schema:
        return escape(schema["$ref"].rpartition("/")[2])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "any")))
