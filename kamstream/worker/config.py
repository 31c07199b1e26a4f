"""What a worker needs to know, apart from how values are computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from kamstream.goals import Board
from kamstream.worker import crash
from kamstream.worker.crash import CrashPoint
from kamstream.worker.projection import Writer
from kamstream.worker.protocols import DecoderLike, EngineLike, TableId

if TYPE_CHECKING:
    from kamstream.engine import TableChange

Tables = Callable[[Sequence[TableId]], "Sequence[TableChange]"]


@dataclass(frozen=True)
class WorkerConfig:
    """How to run; times in seconds."""

    bootstrap: str
    prefix: str = "kam"
    #: The partition count that the settings name (None: whatever the topics have).
    partitions: int | None = None
    clock: Literal["event", "wall"] = "wall"
    flush_interval: float = 1.0
    redis_interval: float = 0.25
    tick: float = 1.0
    #: So many records a fetch at most: what the event loop is held up by at a time.
    fetch_records: int = 4_000
    #: An owner with nothing to do writes a watermark this often, and so notices when it is none any more.
    idle_watermark: float = 5.0
    session_timeout: float = 10.0
    #: Lag and no durable progress for so long: the worker ends itself.
    watchdog: float = 300.0
    #: The worker's own name in its group, kept over restarts (static membership). Back within the session timeout it
    #: gets its partitions again, and nobody else's move; but it never leaves the group, so that the partitions of one
    #: that was stopped for good lie idle for a session timeout. Two under one name take the partitions from each other
    #: in turn. None: a worker that stops leaves at once.
    instance_id: str | None = None
    #: Whether value changes are told to ``kam.kpis``.
    tell_values: bool = True
    #: Where metrics and health are served (host:port); None: nowhere.
    metrics: str | None = None


@dataclass(frozen=True)
class Parts:
    """What a worker is put together from.

    ``engine`` makes the engine of a partition, given the partition count too; ``writer`` (None: no live tables) the
    writer of a partition and epoch, given the partition count and where to ask for whole tables. ``board`` makes the
    scorecards and goals beside them (None: there are none). ``recovering`` notes in Redis that a partition's state is
    being read back; it may block and raise ``RedisAway``. ``units``: KPI to unit.
    """

    engine: Callable[[int, int], EngineLike]
    decoder: DecoderLike
    writer: Callable[[int, int, int, Tables], Writer] | None = None
    board: Board | None = None
    recovering: Callable[[int], None] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    crash: CrashPoint = crash.none
