"""Puts a piece of the core job through an engine that takes over stored rows; stores its rows and all its tables.

python -m tests.engine.takeover FROM TO ROWS_BEFORE ROWS_AFTER
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from kamstream.engine import Engine
from kamstream.events import Decoder, Event, Rules
from tests.benchmarks import corejob
from tests.benchmarks.engine_cost import config

ACCOUNTS = 200
#: Events between two flushes: accounts are stored in the midst of all that they do.
FLUSH = 700


def main(begin: str, end: str, before: str, after: str) -> None:
    engine, decoder = Engine(config(full=True)), Decoder(Rules())
    rows: dict[bytes, bytes] = {}
    if before:
        stored = json.loads(Path(before).read_text())["rows"]
        rows = {bytes.fromhex(key): bytes.fromhex(value) for key, value in stored.items()}
        assert engine.restore(rows)
    lines = [line for _, line in islice(corejob.events(int(end), ACCOUNTS, 1), int(begin), None)]
    for first in range(0, len(lines), FLUSH):
        for line in lines[first : first + FLUSH]:
            event = decoder.decode_line(line, now=2**60)
            assert isinstance(event, Event)
            engine.apply(event)
        keep(rows, engine.flush(evaluate=False).rows)
    tables = {f"{scope} {id}": values_of(engine, scope, id) for scope, id in sorted(engine.ids())}
    stored = {key.hex(): value.hex() for key, value in sorted(rows.items())}
    Path(after).write_text(json.dumps({"tables": tables, "rows": stored}, sort_keys=True))


def keep(rows: dict[bytes, bytes], changed: Any) -> None:
    for key, value in changed:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


def values_of(engine: Engine, scope: str, id: str) -> dict[str, Any]:
    table = engine.table(scope, id)
    return {name: repr(value) for name, value in table.values.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
