from collections.abc import Iterable, Mapping

from kamstream.engine import TableChange
from kamstream.worker._parcels import Batch

class Rows:
    def __init__(self, units: Mapping[str, str], partitions: int) -> None: ...
    def packed(
        self, changes: Iterable[TableChange], now: int, *, nulls: bool = True, limit: int = ...
    ) -> list[tuple[int, Batch]]: ...
