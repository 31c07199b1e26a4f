"""The REST API: rows of kpis.md, alerts and health, straight from Redis, and the rows of the grid for the page."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from kamstream import windows
from kamstream.alerts import AlertRecord
from kamstream.dashboard import grid, rows
from kamstream.dashboard.feed import Feed
from kamstream.kpis import CATALOGUE
from kamstream.live import LiveReader, RedisAway
from kamstream.live.layout import SCOPES

#: Ids whose tables are read before their rows are sent.
BATCH = 200


class Scope(StrEnum):
    """Whose values."""

    account = "account"
    kam = "kam"
    company = "company"


class Row(BaseModel):
    """One value; `value` is null where there is no data, and is never 0 for that reason."""

    scope: Scope
    id: str
    kpi: str
    window: str
    value: float | int | None
    n: int = Field(description="Denominator or sample count")
    unit: str
    as_of: str = Field(description="Stream time of the table's last write, RFC 3339")


class Alert(BaseModel):
    """An alert that fires or fired."""

    alert_id: str
    rule: str
    scope: Scope
    id: str
    status: str
    value: float | int | None
    n: int
    threshold: float
    kpi: str
    window: str
    since: str
    at: str
    severity: str
    summary: str
    reason: str


class Alerts(BaseModel):
    """`active` fire now, the newest first; `log` are the last transitions, the newest first."""

    active: list[Alert]
    log: list[Alert]


class Partition(BaseModel):
    """How a worker does with a partition; times are RFC 3339, `at` is when it said so."""

    worker: str
    partition: int
    time: str | None
    lag: int
    events_per_second: float
    last_flush: str | None
    state: str
    at: str


class HealthReport(BaseModel):
    """`state` is live, loading, catching-up, stale, away or empty, as the page shows it."""

    state: str
    message: str
    as_of: str | None = Field(description="Stream time, RFC 3339")
    partitions: list[Partition]


Many = Annotated[list[str] | None, Query(description="One or several, comma-separated or repeated")]
Ids = Annotated[list[str] | None, Query(description="One id, or several by repeating the parameter")]


def router(reader: LiveReader, feed: Feed, currency: str) -> APIRouter:
    """The routes. They run in threads; the reader's client is shared by them and safe for that."""
    routes = APIRouter(tags=["KPIs and alerts"])

    @routes.get("/api/kpis", response_model=list[Row], summary="Live values as rows")
    def kpis(scope: Many = None, id: Ids = None, kpi: Many = None, window: Many = None) -> StreamingResponse:
        """One row per id, KPI and window, nulls included; gauges have the window `now` and come always.

        Without a filter, everything: the answer is sent piece by piece.
        """
        scopes = _checked(scope, SCOPES, "scope") or list(SCOPES)
        names = _checked(kpi, [known.name for known in CATALOGUE], "KPI")
        pieces = _pieces(reader, scopes, id, names, _windows(window))
        with _reading():
            first = next(pieces)  # Redis away shows here, while the status can still say so
        return StreamingResponse(chain([first], pieces), media_type="application/json")

    @routes.get("/api/alerts", response_model=Alerts, summary="Active alerts and the last transitions")
    def alerts(count: Annotated[int, Query(ge=0, le=1000, description="Length of the log")] = 100) -> Any:
        """The alerts that fire, and the log of what fired and resolved."""
        with _reading():
            active = reader.active_alerts()
            log = reader.alert_log(count) if count else []
        return {"active": list(map(_alert, active)), "log": list(map(_alert, log))}

    @routes.get("/api/health", response_model=HealthReport, summary="How fresh the values are")
    async def health() -> Any:
        """The page's own judgement, and each partition's last report."""
        fresh = feed.freshness
        return {
            "state": fresh.state,
            "message": fresh.banner,
            "as_of": _moment(fresh.as_of),
            "partitions": [
                asdict(said) | {key: _moment(getattr(said, key)) for key in ("time", "last_flush", "at")}
                for said in feed.healths
            ],
        }

    @routes.get("/ui/grid", include_in_schema=False)
    async def grid_rows(scope: Scope, group: str, window: str, kam: str = "") -> Response:
        view = grid.View(scope.value, group, window, kam)
        body = msgspec.json.encode(await grid.snapshot(feed.board, view, currency))
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    return routes


def _pieces(
    reader: LiveReader, scopes: list[str], ids: list[str] | None, kpis: list[str], spans: list[str]
) -> Iterator[str]:
    """A JSON array in pieces, one per batch of ids; the first comes after the first batch was read."""
    lead = "["
    for scope in scopes:
        there = ids if ids is not None else reader.ids(scope)
        for at in range(0, len(there), BATCH):
            for table in reader.tables(scope, there[at : at + BATCH]):
                said = [json.dumps(row) for row in rows.rows(table, kpis=kpis, windows=spans)]
                if said:
                    yield lead + ",\n".join(said)
                    lead = ",\n"
    yield "[]" if lead == "[" else "]"


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except RedisAway as error:
        raise HTTPException(503, "Redis does not answer") from error


def _checked(given: list[str] | None, known: Collection[str], what: str) -> list[str]:
    """The given names, split at commas; an unknown one is refused with 422."""
    names = _several(given)
    for name in names:
        if name not in known:
            raise HTTPException(422, f"unknown {what} {name!r}; known are {', '.join(known)}")
    return names


def _windows(given: list[str] | None) -> list[str]:
    names = _several(given)
    try:
        return [name if name == windows.NOW else windows.parse(name).name for name in names]
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def _several(given: list[str] | None) -> list[str]:
    return [part.strip() for text in given or () for part in text.split(",") if part.strip()]


def _alert(record: AlertRecord) -> dict[str, Any]:
    return asdict(record) | {"since": windows.to_text(record.since), "at": windows.to_text(record.at)}


def _moment(ms: int | None) -> str | None:
    return windows.to_text(ms) if ms else None
