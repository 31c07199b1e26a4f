"""Redis takes what comes last, also from a worker that lost its partitions."""

from kamstream.live import SCRIPTS
from kamstream.live.fence import Fence


def plant() -> None:
    """Compare no versions, look at no sentinel."""
    SCRIPTS["table"] = SCRIPTS["table"].replace("if floor and newer(floor, new) then return 0 end", "")
    SCRIPTS["table"] = SCRIPTS["table"].replace("if stored ~= last then return 2 end", "")

    kept = "return not newer(lowest, stored) and not newer(stored, highest)"
    for name in ("seal", "note"):
        SCRIPTS[name] = SCRIPTS[name].replace(kept, "return true")

    def look(self: Fence, stored: str | None) -> None:
        pass

    Fence._look = look  # type: ignore[method-assign]
