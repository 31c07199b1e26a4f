"""What the compiled packing offers; see ``packing``."""

from collections.abc import Iterable, Mapping, Sequence

from kamstream.engine import TableChange
from kamstream.live.link import Packed
from kamstream.live.packing import Form, Known
from kamstream.live.pending import TableId

def table_commands(
    form: Form, changes: Sequence[TableChange], known: Mapping[TableId, Known], version: str, stamp: str
) -> Iterable[Packed]: ...
def told(change: TableChange) -> bytes | None: ...
