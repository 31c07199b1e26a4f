"""Small worlds for the tests, told once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from kamstream.simulate import Disorder, Ledger, Plan, play

END = 1_767_225_600_000  # 2026-01-01T00:00:00Z
RATES = {"USD": Decimal("0.92"), "GBP": Decimal("1.1734"), "SEK": Decimal("0.0871")}
CALM = Disorder(duplicates=0, late=0, jitter=0)


@dataclass(frozen=True)
class Told:
    plan: Plan
    events: list[dict[str, Any]]
    ledger: Ledger


@cache
def told(accounts: int, days: int, seed: int, disorder: Disorder | None = None) -> Told:
    plan = Plan(accounts, days, END, seed, rates=RATES)
    ledger = Ledger(rates=RATES)
    return Told(plan, list(play(plan, disorder=disorder, ledger=ledger)), ledger)


def millis(event: dict[str, Any]) -> int:
    """The event time, read by the standard library."""
    return round(datetime.fromisoformat(event["time"]).timestamp() * 1000)


def identity(event: dict[str, Any]) -> tuple[str, str, str]:
    return event["subject"], event["source"], event["id"]
