from collections.abc import Iterable

from .event import Event
from .structs import Form

class Scanner:
    def __init__(
        self,
        types: Iterable[tuple[str, str, Form]],
        currencies: frozenset[str | None],
        tolerance: int,
        most: int,
    ) -> None: ...
    def read(self, value: bytes, account: str | None, topic: str | None, latest: int) -> Event | None: ...
