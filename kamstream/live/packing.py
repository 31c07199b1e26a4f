"""A change of a table as the one command that writes it, and what the stream of updates is told of it.

``_packing`` does the same compiled, and gives the command as it goes over the wire.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from kamstream import windows
from kamstream.live.layout import Layout, number
from kamstream.live.link import Command
from kamstream.native import COMPILED

if TYPE_CHECKING:
    from kamstream.engine import TableChange
    from kamstream.entities.fact import Profile

#: No version: nothing that this writer knows of is stored.
NONE = "0"

_PACK = msgspec.msgpack.Encoder().encode
#: Arguments of the script before the first value of a change in part.
BEFORE_VALUES = 6

#: Many changes of a batch are of the same T.
time_text = lru_cache(64)(windows.to_text)
#: A value is written as the new one, told as the new one, and told again as the old one.
value_text = lru_cache(1 << 15)(number)


def table_command_plain(
    layout: Layout,
    sha: str,
    change: "TableChange",
    *,
    profile: "Profile | None",
    last: str,
    version: str,
    stamp: str,
) -> Command:
    """The script call that writes a change: ``last`` is the version that must be stored for a change in part.

    ``profile`` is the one to write (None = leave it), ``stamp`` the wall clock for ``updated_at``.
    """
    values: list[str | int] = []
    counts: list[str | int] = []
    nulls: list[str] = []
    for field, (value, n) in change.values.items():
        counts += (field, n)
        if value is None:
            nulls.append(field)
        else:
            values += (field, value_text(value))
    meta = ["as_of", time_text(change.as_of), "updated_at", stamp, "version", version]
    if profile is not None:
        meta += ["name", profile.name, "kam_id", profile.kam_id or ""]
        meta += ["segment", profile.segment or "", "tier", profile.tier or ""]
    base = layout.values(change.scope, change.id)
    keys = (base, f"{base}:n", f"{base}:meta", layout.tombstone(change.scope, change.id))
    if change.full:
        return ("EVALSHA", sha, 4, *keys, "full", last, version, _PACK(values), _PACK(counts), _PACK(meta))
    first = BEFORE_VALUES + len(values)
    second = first + len(counts)
    ends = (first, second, second + len(meta))
    return ("EVALSHA", sha, 4, *keys, "delta", last, version, *ends, *values, *counts, *meta, *nulls)


def told_plain(change: "TableChange") -> bytes | None:
    """What the stream of updates is told of a change; a null is an empty text there. None: nothing moved."""
    before_of = change.old or {}
    fields: list[str | int] = []
    for field, (value, n) in change.values.items():
        old = before_of.get(field)
        before = "" if old is None or old.value is None else value_text(old.value)
        after = "" if value is None else value_text(value)
        if before != after or (old is not None and old.n != n):
            fields += (field, before, after, n)
    if not fields:
        return None
    return _PACK([change.scope, change.id, time_text(change.as_of), change.cause, *fields])


def gone_command(layout: Layout, sha: str, scope: str, id: str, *, version: str, others: list[str]) -> Command:
    """The script call that removes an id with all its keys, ``others`` among them."""
    base = layout.values(scope, id)
    keys = (base, f"{base}:n", f"{base}:meta", layout.tombstone(scope, id), *others)
    return ("EVALSHA", sha, len(keys), *keys, "gone", NONE, version)


if TYPE_CHECKING or not COMPILED:
    table_command, told = table_command_plain, told_plain
else:
    from kamstream.live._packing import table_command, told

__all__ = ["NONE", "gone_command", "table_command", "table_command_plain", "told", "told_plain"]
