"""The values of an id are written first, its n and version with the next command."""

from collections.abc import Iterable
from typing import Any

from kamstream.live.link import Command, Link

#: Values only, of a whole table or of a change in part.
VALUES = """
if ARGV[1] == 'gone' then return 1 end
local list = cmsgpack.unpack(ARGV[4])
for i = 1, #list, 2000 do
  redis.call('HSET', KEYS[1], unpack(list, i, math.min(i + 1999, #list)))
end
return 1
"""


def plant() -> None:
    """Two trips to Redis instead of one script."""
    honest = Link.ask

    def ask(self: Link, commands: Iterable[Command]) -> list[Any]:
        sent = list(commands)
        table = self.sha.get("table")
        torn = [("EVAL", VALUES, *command[2:]) for command in sent if command[0] == "EVALSHA" and command[1] == table]
        if torn:
            honest(self, torn)
        return honest(self, sent)

    Link.ask = ask  # type: ignore[method-assign]
