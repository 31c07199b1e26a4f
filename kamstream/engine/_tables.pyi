from collections.abc import Mapping

from kamstream.engine.ledger import Ledger, Totals
from kamstream.engine.plan import Frame, Plan
from kamstream.engine.tables import Value

class Table:
    frame: Frame | None
    time: int
    due: int | None
    watched: int
    ledger: Ledger | None
    waits: int | None
    moved: list[tuple[int, Value]]
    @property
    def is_read(self) -> bool: ...
    @property
    def values(self) -> list[Value] | None: ...
    def value(self, index: int) -> Value: ...

class Reader:
    def __init__(self, plan: Plan) -> None: ...
    def values(self, ledger: Ledger | None, frame: Frame, now: int) -> tuple[list[Value], Totals | None]: ...
    def snapshot(self, table: Table) -> Mapping[str, Value]: ...
    def refresh(self, table: Table, ledger: Ledger | None, frame: Frame, now: int, whole: bool) -> Totals | None: ...
