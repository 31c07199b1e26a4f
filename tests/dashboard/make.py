"""Tables, alerts and reports for tests without Redis."""

from typing import Any

from kamstream.alerts import AlertRecord
from kamstream.engine import Value
from kamstream.live import Health, LiveTable, Meta


def table(scope: str, id: str, fields: dict[str, tuple[float | None, int]], **words: Any) -> LiveTable:
    """A live table as the reader gives it."""
    values = {name: Value(value, n) for name, (value, n) in fields.items()}
    return LiveTable(scope, id, values, Meta(1_764_000_000_000, 0, 1, **words))


def alarm(alert_id: str = "a1", **fields: Any) -> AlertRecord:
    """A firing warning about ACC-1's conversion rate, but for ``fields``."""
    known: dict[str, Any] = {"alert_id": alert_id, "rule": "r", "scope": "account", "id": "ACC-1", "n": 8}
    known |= {"status": "firing", "value": 0.25, "threshold": 0.4, "kpi": "conversion_rate", "window": "30d"}
    known |= {"since": 1_764_000_000_000, "at": 1_764_000_060_000, "severity": "warning", "summary": ""}
    return AlertRecord(**(known | {"reason": "threshold", "unit": "ratio"} | fields))


def health(partition: int = 0, at: int = 0, *, worker: str = "w", state: str = "live", lag: int = 0) -> Health:
    """A worker's report."""
    return Health(worker, partition, at, lag, 1.0, at, state, at)
