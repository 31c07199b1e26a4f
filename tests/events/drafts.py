"""Drafts of events for the tests of the contract."""

from __future__ import annotations

from typing import Any

from kamstream.events import BY_NAME, Rules

NOW = 1_800_000_000_000
RULES = Rules(currencies=frozenset({"USD", "GBP"}))


def document(name: str = "ticket.resolved", data: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """A valid event as on the wire, with other data or attributes; an attribute of None is left out."""
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "crm",
        "type": name,
        "subject": "ACC-1",
        "time": "2026-11-24T14:20:00.123Z",
        "data": BY_NAME[name].model.EXAMPLE if data is None else data,
        **attributes,
    }
    return {name: value for name, value in event.items() if value is not None}
