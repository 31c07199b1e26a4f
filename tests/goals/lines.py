"""A small history by hand: two KAMs, two accounts, five deals; what the tests work out from it stands there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HISTORY: list[tuple[str, str, str, dict[str, Any]]] = [
    # 2024: what the same days a year before brought
    ("2024-10-05T08:00:00Z", "deal.opened", "A", {"deal_id": "OLD", "owner_id": "ann", "stage": "Offer"}),
    ("2024-12-01T08:00:00Z", "deal.won", "A", {"deal_id": "OLD", "amount": 7_000, "currency": "EUR"}),
    ("2024-10-05T08:00:00Z", "deal.opened", "B", {"deal_id": "OLDER", "amount": 900, "stage": "Talk"}),
    ("2024-11-20T08:00:00Z", "deal.lost", "B", {"deal_id": "OLDER"}),
    # 2025
    ("2025-09-01T08:00:00Z", "account.updated", "A", {"name": "Acme", "kam_id": "ann", "targets": [
        {"kpi": "nps", "window": "90d", "target": 40}, {"kpi": "revenue", "window": "qtd", "target": 50_000}]}),
    ("2025-09-01T08:00:00Z", "account.updated", "B", {"name": "Bolt", "kam_id": "bob"}),
    ("2025-10-01T08:00:00Z", "deal.opened", "A", {"deal_id": "D1", "stage": "Talk", "amount": 10_000}),
    ("2025-10-10T08:00:00Z", "deal.updated", "A", {"deal_id": "D1", "stage": "Offer"}),
    ("2025-11-10T08:00:00Z", "deal.won", "A", {"deal_id": "D1", "amount": 30_000, "currency": "EUR"}),
    ("2025-10-02T08:00:00Z", "deal.opened", "A", {
        "deal_id": "D2", "amount": 20_000, "probability": 0.25, "expected_close_on": "2025-12-10"}),
    ("2025-10-03T08:00:00Z", "deal.opened", "B", {
        "deal_id": "D3", "amount": 5_000, "stage": "Offer", "expected_close_on": "2025-11-01", "owner_id": "ann"}),
    ("2025-10-04T08:00:00Z", "deal.opened", "B", {"deal_id": "D4", "stage": "Talk", "expected_close_on": "2025-12-01"}),
    ("2025-11-24T12:00:00Z", "survey.answered", "A", {"survey_id": "S1", "score": 10, "owner_id": "ann"}),
]  # fmt: skip


def write_history(path: Path) -> str:
    """The history as a file of events; its name."""
    with path.open("w", encoding="utf-8") as file:
        for number, (time, kind, account, data) in enumerate(HISTORY):
            event = {"specversion": "1.0", "id": str(number), "source": "crm", "type": kind, "subject": account}
            file.write(json.dumps(event | {"time": time, "data": data}) + "\n")
    return str(path)
