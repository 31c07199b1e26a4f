"""The CRM Sales Opportunities file (see crm_sales_opportunities/SOURCE.txt) as deal events."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "crm_sales_opportunities"
PIPELINE = HERE / "sales_pipeline.csv"
AS_OF = "2017-12-31T23:59:59Z"
STAGES = {"Won": "won", "Lost": "lost", "Engaging": None, "Prospecting": None}


def events(csv_path: Path = PIPELINE) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """CloudEvents in the order of the file, each deal's opening before its closing; and the deals left out.

    A deal is opened at its engage_date and won or lost at its close_date, both at 00:00 UTC (on one day the
    type rank orders them); the owner is the sales agent; amounts are in USD, the file's only currency.
    A deal without an account or without an engage_date cannot be an event: it is counted under "no account",
    "no engage date" or "no account, no engage date".
    """
    made: list[dict[str, Any]] = []
    left_out: dict[str, int] = {}
    with csv_path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            lacking = [
                name
                for column, name in (("account", "no account"), ("engage_date", "no engage date"))
                if not row[column]
            ]
            if lacking:
                reason = ", ".join(lacking)
                left_out[reason] = left_out.get(reason, 0) + 1
                continue
            made += deal(row)
    return made, left_out


def deal(row: Mapping[str, str]) -> list[dict[str, Any]]:
    """One or two events of one line of the file."""
    opened = {"deal_id": row["opportunity_id"], "stage": row["deal_stage"], "owner_id": row["sales_agent"]}
    if STAGES[row["deal_stage"]]:
        opened["stage"] = "Engaging"
    result = [event("deal.opened", row, row["engage_date"], opened)]
    if STAGES[row["deal_stage"]] == "won":
        won = {
            "deal_id": row["opportunity_id"],
            "amount": int(row["close_value"]),
            "currency": "USD",
            "products": [row["product"]],
            "owner_id": row["sales_agent"],
        }
        result.append(event("deal.won", row, row["close_date"], won))
    elif STAGES[row["deal_stage"]] == "lost":
        result.append(event("deal.lost", row, row["close_date"], {"deal_id": row["opportunity_id"]}))
    return result


def event(type_: str, row: Mapping[str, str], day: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": type_,
        "source": "crm",
        "id": f"{row['opportunity_id']}/{type_}",
        "subject": row["account"],
        "time": f"{day}T00:00:00Z",
        "data": dict(data),
    }


def expected(column: str) -> dict[str, tuple[int, int, int]]:
    """Per "account" or "sales_agent": won, lost, won revenue in USD; without the line that has no account."""
    file = HERE / f"expected_by_{'account' if column == 'account' else 'agent'}.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        return {
            row[column]: (int(row["won"]), int(row["lost"]), int(row["won_revenue"]))
            for row in csv.DictReader(lines)
            if row[column]
        }
