"""The values of an id are written first, its n and version with the next command."""

from collections.abc import Iterable
from typing import Any

from kamstream.live import packing, standing
from kamstream.live.link import Command, Link

#: Values only, of a whole table or of a change in part.
VALUES = """
if ARGV[1] == 'gone' then return 1 end
local list, first, last = ARGV, 7, tonumber(ARGV[4])
if ARGV[1] == 'full' then
  list = cmsgpack.unpack(ARGV[4])
  first, last = 1, #list
end
for i = first, last, 2000 do
  redis.call('HSET', KEYS[1], unpack(list, i, math.min(i + 1999, last)))
end
return 1
"""


def plant() -> None:
    """Two trips to Redis instead of one script."""
    honest = Link.ask
    standing.table_commands, standing.DUMPS = packing.table_commands_plain, False  # what can be taken apart

    def ask(self: Link, commands: Iterable[Command]) -> list[Any]:
        sent = list(commands)
        table = self.sha.get("table")
        torn = [("EVAL", VALUES, *command[2:]) for command in sent if command[0] == "EVALSHA" and command[1] == table]
        if torn:
            honest(self, torn)
        return honest(self, sent)

    Link.ask = ask  # type: ignore[method-assign]
