"""A portfolio of invented key accounts: histories, live traffic, and the KPI values known by construction.

Everything random comes from the seed and every time from the arguments; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kamstream.simulate.disorder import Disorder
from kamstream.simulate.ledger import Ledger
from kamstream.simulate.live import play_live
from kamstream.simulate.portfolio import play
from kamstream.simulate.truth import rows
from kamstream.simulate.world import Plan

__all__ = ["Disorder", "Ledger", "Plan", "history", "live", "play", "rows"]


def history(accounts: int, days: int, end: datetime, seed: int) -> Iterator[dict[str, Any]]:
    """The CloudEvents of the days before `end`, marked as backfill, in order of arrival."""
    return play(_plan(accounts, days, end, seed), origin="backfill")


def live(
    accounts: int, days: int, end: datetime, seed: int, *, start: datetime | None = None, speed: float = 1.0
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """What follows on `history` with the same arguments: events without end, each with its due time.

    They begin at `start` (default: `end`). At `speed` 1 there are about four a second. Within the first
    20 seconds a backlog of tickets builds up at one account, within the first minute it is gone.
    """
    return play_live(_plan(accounts, days, end, seed), _millis(start or end), speed)


def _plan(accounts: int, days: int, end: datetime, seed: int) -> Plan:
    return Plan(accounts, days, _millis(end), seed)


def _millis(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return int(moment.timestamp() * 1000)
