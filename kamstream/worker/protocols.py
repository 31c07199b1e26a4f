"""What the worker asks of the engine, the decoder and the crash harness; the real ones and the tests' both fit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kamstream.alerts import AlertRecord
    from kamstream.engine import TableChange
    from kamstream.events import Event, Refusal

#: A row of state: its key and its bytes, None = deleted.
Row = tuple[bytes, bytes | None]
#: Scope and id of a table.
TableId = tuple[str, str]
#: Target partition, record key, payload (None = gone).
Rollup = tuple[int, bytes, bytes | None]


class Rows(Protocol):
    """Rows of state in the order in which they are to be stored; ``clear`` lets them go."""

    def __iter__(self) -> Iterator[Row]: ...
    def __len__(self) -> int: ...
    def clear(self) -> None: ...


class FlushLike(Protocol):
    """What the engine hands over to be made durable and told."""

    @property
    def rows(self) -> Rows: ...
    @property
    def rollups(self) -> Sequence[Rollup]: ...
    @property
    def changes(self) -> "Sequence[TableChange]": ...
    @property
    def steps(self) -> "Sequence[AlertRecord]": ...
    @property
    def time(self) -> int: ...
    @property
    def more(self) -> bool: ...


class EngineLike(Protocol):
    """One partition's pure core.

    ``flush`` is called again only when everything of the flush before it is durable and told; the engine may drop
    its outbox of alert steps then. After ``restore`` the next flushes repeat the steps of an outbox that was left, and
    the values of all ids. ``published`` is a whole table as the flushes so far handed it over: the changes to come fit
    it, whatever was applied in between.
    """

    @property
    def time(self) -> int: ...
    def restore(self, rows: Mapping[bytes, bytes]) -> bool: ...
    def apply(self, event: "Event", offset: int) -> str: ...
    def advance(self, now: int) -> None: ...
    def receive(self, key: bytes, value: bytes | None, stamp: tuple[int, int]) -> None: ...
    def refresh_waits(self) -> None: ...
    def flush(self, *, evaluate: bool = True, most: int | None = None) -> FlushLike: ...
    def published(self, scope: str, id: str) -> "TableChange": ...
    def ids(self) -> Iterable[TableId]: ...
    def all_rollups(self) -> Sequence[Rollup]: ...
    def active_alerts(self) -> "Sequence[AlertRecord]": ...


class DecoderLike(Protocol):
    """Turns a record into an event or says why it is none; never raises."""

    def decode(
        self,
        *,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
        timestamp: int,
        partition: int | None = None,
        partitions: int | None = None,
    ) -> "Event | Refusal": ...
