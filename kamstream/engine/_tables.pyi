from kamstream.engine.ledger import Ledger, Totals
from kamstream.engine.plan import Frame, Plan
from kamstream.engine.tables import Value

class Table:
    values: list[Value] | None
    frame: Frame | None
    time: int
    due: int | None
    watched: int
    ledger: Ledger | None
    waits: int | None

class Reader:
    def __init__(self, plan: Plan) -> None: ...
    def values(self, ledger: Ledger | None, frame: Frame, now: int) -> tuple[list[Value], Totals | None]: ...
    def refresh(self, table: Table, ledger: Ledger | None, frame: Frame, now: int, whole: bool) -> Totals | None: ...
