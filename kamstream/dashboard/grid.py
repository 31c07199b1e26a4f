"""The grid of accounts or managers: its columns, its rows and the patches that keep it up to date.

What goes to the browser is compact, because 10,000 rows have to fit: a row is
``[id, name, kam_id, kam_name, tier, accounts, alerts, severity, cells]`` with one cell per column, and a cell is
``[value, text, n, severity]``, or None where the table has no such field.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kamstream.dashboard import format as fmt
from kamstream.dashboard import words
from kamstream.dashboard.alarms import worst_first
from kamstream.dashboard.board import Board, Changes, Place
from kamstream.windows import NOW

#: More changed cells than this at once are cheaper to load anew than to patch one by one.
PATCH_LIMIT = 10_000
#: Rows made before others may run.
PIECE = 250


@dataclass(frozen=True, slots=True)
class Column:
    """A KPI column: the field it shows, and its words."""

    kpi: str
    field: str
    title: str
    over: str
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class View:
    """What a visitor's grid shows: a scope, a group of KPIs, a window, and perhaps one KAM's accounts only."""

    scope: str
    group: str
    window: str
    kam: str = ""

    @property
    def key(self) -> str:
        """A name under which the browser recognises patches for what it shows now."""
        return "|".join((self.scope, self.group, self.window, self.kam))


def columns(view: View, fields: Iterable[str]) -> list[Column]:
    """The group's KPIs that any table has, at the view's window, or at ``now`` for a gauge."""
    known = set(fields)
    kpis = next((group.kpis for group in words.GROUPS if group.key == view.group), words.GROUPS[0].kpis)
    found = []
    for kpi in kpis:
        window = NOW if f"{kpi}:{NOW}" in known else view.window
        name = f"{kpi}:{window}"
        if name in known:
            ahead = "next " if kpi == "weighted_pipeline" else ""
            found.append(
                Column(
                    kpi,
                    name,
                    words.title(kpi),
                    ahead + words.window_title(window),
                    words.unit(kpi),
                    words.description(kpi),
                )
            )
    return found


async def snapshot(board: Board, view: View, currency: str) -> dict[str, Any]:
    """Everything a grid shows, with the board's sequence number: later patches go on from there.

    It lets others run between pieces. A row that moves meanwhile is patched once more, which changes nothing.
    """
    shown = columns(view, board.fields)
    head = {
        "view": view.key,
        "scope": view.scope,
        "seq": board.sequence,
        "columns": [{"kpi": c.kpi, "title": c.title, "over": c.over, "unit": c.unit, "help": c.help} for c in shown],
    }
    rows, entries = [], board.entries[view.scope]
    for place, id_ in enumerate(_ids(board, view)):
        if place % PIECE == 0:
            await asyncio.sleep(0)
        if id_ in entries:
            rows.append(row(board, view.scope, id_, shown, currency))
    return head | {"rows": rows}


def row(board: Board, scope: str, id_: str, shown: list[Column], currency: str) -> list[Any]:
    """One id's row."""
    entry = board.entries[scope][id_]
    kam = (entry.meta.kam_id or "") if scope == "account" else ""
    count, severity = _alarm_state(board, scope, id_)
    return [
        id_,
        board.name(scope, id_),
        kam,
        board.name("kam", kam) if kam else "",
        entry.meta.tier or "",
        len(board.portfolio(id_)) if scope == "kam" else 0,
        count,
        severity,
        [cell(board, Place(scope, id_, column.field), column.unit, currency) for column in shown],
    ]


def cell(board: Board, place: Place, unit: str, currency: str) -> list[Any] | None:
    """One value with its text, its n and the worst severity that fires for it."""
    known = board.cell(place)
    severity = board.alarms.severity(*place)
    if known is None:
        return [None, fmt.NO_DATA, 0, severity] if severity else None
    return [known.value, _text(known.value, unit, currency), known.n, severity]


def patch(board: Board, view: View, changes: Changes, currency: str) -> dict[str, Any] | None:
    """What a grid with this view has to change, None for nothing; ``reload`` where a patch would be too large."""
    if changes.reset:
        return {"view": view.key, "reload": True}
    shown = columns(view, board.fields)
    place_of = {column.field: index for index, column in enumerate(shown)}
    rows = {id_ for scope, id_ in changes.rows if scope == view.scope}
    gone = {id_ for scope, id_ in changes.gone if scope == view.scope}
    if view.kam:
        gone |= {id_ for id_ in rows if id_ not in board.portfolio(view.kam)}
    rows = {id_ for id_ in rows - gone if id_ in board.entries[view.scope]}
    cells = [
        [p.id, place_of[p.field], cell(board, p, shown[place_of[p.field]].unit, currency)]
        for p in changes.cells
        if p.scope == view.scope and p.field in place_of and p.id not in rows and _visible(board, view, p.id)
    ]
    if len(cells) + len(rows) * len(shown) > PATCH_LIMIT:
        return {"view": view.key, "reload": True}
    if not (cells or rows or gone):
        return None
    return {
        "view": view.key,
        "seq": board.sequence,
        "cells": cells,
        "rows": [row(board, view.scope, id_, shown, currency) for id_ in sorted(rows)],
        "gone": sorted(gone),
    }


def _ids(board: Board, view: View) -> list[str]:
    entries = board.entries[view.scope]
    if view.kam:
        return sorted(id_ for id_ in board.portfolio(view.kam) if id_ in entries)
    return list(entries)


def _visible(board: Board, view: View, id_: str) -> bool:
    return id_ in board.entries[view.scope] and (not view.kam or id_ in board.portfolio(view.kam))


def _alarm_state(board: Board, scope: str, id_: str) -> tuple[int, str]:
    """How many alerts fire for a row and the worst severity; a KAM's row counts its accounts' alerts too."""
    ringing = list(board.alarms.of(scope, id_))
    if scope == "kam" and board.alarms.active:
        for account in board.portfolio(id_):
            ringing.extend(board.alarms.of("account", account))
    worst = min(ringing, key=worst_first).severity if ringing else ""
    return len(ringing), worst


@lru_cache(maxsize=65_536)
def _text(value: float | None, unit: str, currency: str) -> str:
    return fmt.text(value, unit, currency)
