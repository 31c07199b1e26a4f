"""Live tables written by hand, in the layout of the page on the live tables; no code of the writer is used."""

import json
import random
import time
from datetime import UTC, datetime
from typing import Any

from redis import Redis

Field = tuple[float | None, int]

NAMES = (
    *("Acorn Foods", "Bluewater Shipping", "Cobalt Energy", "Delta Motors", "Eastgate Retail", "Falcon Aerospace"),
    *("Granite Insurance", "Harbour Hotels", "Ibex Outdoor", "Juniper Pharma", "Kestrel Telecom", "Lindqvist Papier"),
    *("Meridian Bank", "Northwind Rail", "Orchard Health", "Pinnacle Steel", "Quarry Cement", "Redwood Media"),
    *("Solstice Solar", "Tidewater Ports", "Umbra Optics", "Vantage Software", "Westmark Logistics", "Zephyr Wind"),
)
KAMS = {"kam-1": "Amélie Laurent", "kam-2": "Jonas Weber", "kam-3": "Priya Raman", "kam-4": "Marco Bianchi"}
WINDOWS = ("24h", "7d", "30d", "90d", "365d")


class Seed:
    """Writes tables, updates, alerts and health as a worker would."""

    def __init__(self, client: Redis, prefix: str = "kam") -> None:
        self.redis = client
        self.prefix = prefix
        self.version = 1 << 32

    def table(self, scope: str, id: str, fields: dict[str, Field], **meta: str) -> None:
        """One id's table as a whole, with its place in the index and the portfolio."""
        self.version += 1
        key = f"{self.prefix}:kpi:{scope}:{{{id}}}"
        now = iso(time.time())
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(key, f"{key}:n", f"{key}:meta")
            values = {name: plain(value) for name, (value, _) in fields.items() if value is not None}
            if values:
                pipe.hset(key, mapping=values)
            pipe.hset(f"{key}:n", mapping={name: n for name, (_, n) in fields.items()})
            words = {"as_of": now, "updated_at": now, "version": str(self.version), **meta}
            pipe.hset(f"{key}:meta", mapping=words)
            pipe.sadd(f"{self.prefix}:index:{scope}", id)
            if scope == "account" and meta.get("kam_id"):
                pipe.sadd(f"{self.prefix}:portfolio:{{{meta['kam_id']}}}", id)
            pipe.execute()

    def change(self, scope: str, id: str, field: str, value: float | None, n: int) -> None:
        """One value of a table, announced on the stream of updates."""
        self.version += 1
        key = f"{self.prefix}:kpi:{scope}:{{{id}}}"
        old = self.redis.hget(key, field)
        with self.redis.pipeline(transaction=True) as pipe:
            if value is None:
                pipe.hdel(key, field)
            else:
                pipe.hset(key, field, plain(value))
            pipe.hset(f"{key}:n", field, n)
            pipe.hset(f"{key}:meta", mapping={"as_of": iso(time.time()), "version": str(self.version)})
            pipe.execute()
        entry: dict[str, Any] = {"scope": scope, "id": id, "field": field, "old": old or "", "n": n}
        entry |= {"new": "" if value is None else plain(value), "as_of": iso(time.time()), "cause": "crm/e-1"}
        self.redis.xadd(f"{self.prefix}:updates", entry, maxlen=1000)

    def remove(self, scope: str, id: str) -> None:
        """An id that no longer qualifies."""
        key = f"{self.prefix}:kpi:{scope}:{{{id}}}"
        self.redis.delete(key, f"{key}:n", f"{key}:meta")
        self.redis.srem(f"{self.prefix}:index:{scope}", id)

    def alert(self, alert_id: str, **fields: Any) -> None:
        """A transition of an alert: in the log, and among the active ones while it fires."""
        now = iso(time.time())
        record = {"alert_id": alert_id, "rule": "a-rule", "scope": "account", "status": "firing", "n": 9}
        record |= {"window": "30d", "since": now, "at": now, "severity": "warning", "reason": "threshold"}
        text = json.dumps(record | fields)
        if record | fields | {"status": "firing"} == record | fields:
            self.redis.hset(f"{self.prefix}:alerts:active", alert_id, text)
        else:
            self.redis.hdel(f"{self.prefix}:alerts:active", alert_id)
        self.redis.xadd(f"{self.prefix}:alerts:log", {"alert": text})

    def health(self, *, at: float | None = None, state: str = "live", partition: int = 0, lag: int = 0) -> None:
        """A worker's word on a partition; ``at`` in epoch seconds."""
        there = iso(time.time() if at is None else at)
        said = {"T": there, "last_flush": there, "at": there, "lag": lag, "events_per_second": 12.5, "state": state}
        self.redis.hset(f"{self.prefix}:health", f"worker-1:{partition}", json.dumps(said))

    def history(self, scope: str, id: str, field: str, points: list[tuple[int, float]]) -> None:
        """One point a pane: (start in epoch seconds, value)."""
        key = f"{self.prefix}:history:{scope}:{{{id}}}:{field}"
        self.redis.zadd(key, {f"{start}:{plain(value)}": start for start, value in points})


def plain(value: float) -> str:
    """A plain decimal."""
    text = repr(value)
    return text.removesuffix(".0")


def iso(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def business(rng: random.Random, size: float, *, quiet: bool = False) -> dict[str, Field]:
    """Plausible values of one account, manager or company, ``size`` times a small account."""
    fields: dict[str, Field] = {}
    for window, days in zip(WINDOWS, (1, 7, 30, 90, 365), strict=True):
        tickets = 0 if quiet else int(size * days * rng.uniform(0.12, 0.3))
        deals = int(size * days * rng.uniform(0.01, 0.05))
        won = int(deals * rng.uniform(0.35, 0.75))
        revenue = float(round(won * rng.uniform(8_000, 30_000)))
        for statistic, base in (("mean", 5200), ("p50", 3600), ("p90", 13_000)):
            for family, factor in (("first_response_time", 1.0), ("response_time", 1.3), ("resolution_time", 9.0)):
                value = round(base * factor * rng.uniform(0.5, 1.6), 3) if tickets else None
                fields[f"{family}.{statistic}:{window}"] = (value, tickets)
            fields[f"deal_cycle_time.{statistic}:{window}"] = (base * 300.0 * rng.uniform(1, 2) if won else None, won)
        fields[f"resolution_rate:{window}"] = (round(rng.uniform(0.7, 0.99), 4) if tickets else None, tickets)
        fields[f"reopen_rate:{window}"] = (round(rng.uniform(0, 0.12), 4) if tickets else None, tickets)
        fields[f"conversion_rate:{window}"] = (won / deals if deals else None, deals)
        fields[f"conversion_rate_value:{window}"] = (rng.uniform(0.3, 0.8) if deals else None, deals)
        fields[f"opportunity_win_rate:{window}"] = (rng.uniform(0.2, 0.6) if deals else None, deals)
        fields[f"revenue:{window}"] = (revenue, won)
        fields[f"average_deal_size:{window}"] = (revenue / won if won else None, won)
        fields[f"interaction_frequency:{window}"] = (rng.uniform(0.4, 9) * size**0.5, int(size * days / 3))
        answers = int(size * days / 40)
        fields[f"nps:{window}"] = (float(rng.randint(-10, 70)) if answers else None, answers)
        pipeline = float(round(size * days * rng.uniform(200, 900)))
        fields[f"weighted_pipeline:{window}"] = (pipeline, deals)
    waiting = 0 if quiet else rng.randint(0, max(1, int(size)))
    fields["open_tickets:now"] = (waiting, waiting)
    fields["oldest_wait:now"] = (float(rng.randint(300, 40_000)) if waiting else None, waiting)
    return fields


def portfolio(seed: Seed, accounts: int = 24) -> None:
    """A whole company that looks alive, for looking at the page."""
    rng = random.Random(7)
    for index in range(accounts):
        name = NAMES[index % len(NAMES)] + (f" {index // len(NAMES) + 1}" if index >= len(NAMES) else "")
        tier = ("strategic", "key", "growth")[index % 3]
        fields = business(rng, (6, 3, 1)[index % 3], quiet=index % 8 == 7)
        kam = list(KAMS)[index % len(KAMS)]
        seed.table("account", f"ACC-{1001 + index}", fields, name=name, kam_id=kam, tier=tier, segment="industry")
    for kam, name in KAMS.items():
        seed.table("kam", kam, business(rng, 24), name=name)
    seed.table("company", "all", business(rng, 90))
    for partition in range(8):
        seed.health(partition=partition)
    day = int(time.time()) // 86_400 * 86_400
    for scope, id in (("company", "all"), ("account", "ACC-1001")):
        for field, base in (
            ("revenue:30d", 900_000),
            ("conversion_rate:30d", 0.55),
            ("nps:30d", 35),
            ("first_response_time.p90:30d", 13_000),
            ("resolution_rate:30d", 0.9),
        ):
            points, level = [], float(base)
            for back in range(60, -1, -1):
                level += base * rng.uniform(-0.04, 0.045)
                points.append((day - back * 86_400, round(level, 4)))
            seed.history(scope, id, field, points)
    _alerts(seed)


def _alerts(seed: Seed) -> None:
    rows = (
        (
            "a1",
            "ACC-1001",
            "first_response_time.p90",
            "critical",
            18_900,
            14_400,
            "Acorn Foods: p90 first response 5h 15m over 30d (limit 4h)",
            7200,
        ),
        (
            "a2",
            "ACC-1005",
            "conversion_rate",
            "warning",
            0.31,
            0.4,
            "Eastgate Retail: conversion rate 31% over 30d (limit 40%)",
            94_000,
        ),
        ("a3", "ACC-1010", "nps", "info", 4, 10, "Juniper Pharma: NPS 4 over 30d (limit 10)", 260_000),
        (
            "a4",
            "ACC-1003",
            "resolution_rate",
            "warning",
            0.78,
            0.85,
            "Cobalt Energy: resolution rate 78% over 30d (limit 85%)",
            11_000,
        ),
    )
    for alert_id, id, kpi, severity, value, threshold, summary, ago in rows:
        since = iso(time.time() - ago)
        seed.alert(
            alert_id,
            id=id,
            kpi=kpi,
            severity=severity,
            value=value,
            threshold=threshold,
            summary=summary,
            since=since,
            at=since,
        )
    past = iso(time.time() - 3000)
    seed.alert(
        "a9",
        id="ACC-1002",
        kpi="reopen_rate",
        severity="warning",
        value=0.06,
        threshold=0.1,
        since=past,
        at=past,
        status="resolved",
        summary="Bluewater Shipping: reopen rate 6% over 30d (limit 10%)",
    )
