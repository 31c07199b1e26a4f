"""What the compiled packing offers; see ``packing``."""

from kamstream.engine import TableChange
from kamstream.entities.fact import Profile
from kamstream.live.layout import Layout

def table_command(
    layout: Layout,
    sha: str,
    change: TableChange,
    *,
    profile: Profile | None,
    last: str,
    version: str,
    stamp: str,
) -> bytes: ...
def told(change: TableChange) -> bytes | None: ...
