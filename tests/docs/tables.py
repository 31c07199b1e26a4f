"""The parts of the README that are made from the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from kamstream.cli.main import COMMANDS
from kamstream.kpis import CATALOGUE, Kpi, Shelf
from kamstream.settings import Settings

README = Path(__file__).parents[2] / "README.md"
OPTIONS = {"calendars": "needs `[calendars]`", "service_levels": "needs `[[service_levels]]`"}
STATISTICS = (".mean", ".p50", ".p90")


def kpis() -> str:
    """The catalogue; the statistics of a duration share a line."""
    lines = ["| KPI | unit, better | meaning | at |", "|---|---|---|---|"]
    for kpi in CATALOGUE:
        if kpi.name.endswith(STATISTICS[1:]):
            continue
        name, meaning = f"`{kpi.name}`", kpi.description
        if kpi.name.endswith(".mean"):
            name = " ".join([f"`{kpi.name.removesuffix('.mean')}`", *(f"`{s}`" for s in STATISTICS)])
            meaning = meaning.removesuffix(", mean")
        if kpi.option:
            meaning += f" ({OPTIONS[kpi.option]})"
        lines.append(f"| {name} | {kpi.unit}, {kpi.better} | {meaning} | {_at(kpi)} |")
    return "\n".join(lines)


def _at(kpi: Kpi) -> str:
    if kpi.is_gauge:
        return "now (window `now`)"
    return "the days ahead (`<n>d` only)" if kpi.shelf is Shelf.AHEAD else kpi.fact_at


def settings() -> str:
    """Every setting with its default."""
    lines = ["| setting | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(
            f"| `{name}` | {_default(name, field.get_default(call_default_factory=True))} | {field.description or ''} |"
        )
    return "\n".join(lines)


def _default(name: str, value: Any) -> str:
    if not value and not isinstance(value, int):
        return ""
    if name in ("flush_interval", "redis_interval", "tick", "future_tolerance"):
        return f"`{value}ms`"
    if isinstance(value, tuple):
        return f"`{' '.join(value)}`"
    if hasattr(value, "model_dump"):
        return "`" + ", ".join(f"{key} = {text}" for key, text in value.model_dump().items()) + "`"
    return f"`{value}`"


def commands() -> str:
    """Every subcommand with the first sentence of its help."""
    lines = ["| command | does |", "|---|---|"]
    for name, (module, attribute) in COMMANDS.items():
        written = getattr(import_module(module), attribute)
        if isinstance(written, typer.Typer):
            names = [found.name or _dashed(found.callback) for found in written.registered_commands]
            several = " \\| ".join(names)
            lines.append(f"| `kamstream {name} {several}` | {_first(written.info.help)} |")
        else:
            lines.append(f"| `kamstream {name}` | {_first(inspect.getdoc(written))} |")
    return "\n".join(lines)


def _dashed(callback: Callable[..., Any] | None) -> str:
    return callback.__name__.replace("_", "-") if callback else ""


def _first(text: object) -> str:
    return " ".join(str(text).strip().split("\n\n")[0].split())


def generated(text: str) -> str:
    """The README's text with its generated parts made anew."""
    for name, make in {"kpis": kpis, "settings": settings, "commands": commands}.items():
        pattern = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        assert pattern.search(text), f"the README has no part {name}"
        text = pattern.sub(lambda match, make=make: f"{match[1]}{make()}\n{match[2]}", text)
    return text
