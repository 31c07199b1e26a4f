"""A change of a table as the one command that writes it."""

from typing import TYPE_CHECKING

import msgspec

from kamstream import windows
from kamstream.live.layout import Layout, number
from kamstream.live.link import Command

if TYPE_CHECKING:
    from kamstream.engine import TableChange
    from kamstream.entities.fact import Profile

#: No version: nothing that this writer knows of is stored.
NONE = "0"

_PACK = msgspec.msgpack.Encoder().encode


def table_command(
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
    scope, id = change.scope, change.id
    values: list[str | int] = []
    counts: list[str | int] = []
    nulls: list[str] = []
    for field, (value, n) in change.values.items():
        counts += (field, n)
        if value is None:
            nulls.append(field)
        else:
            values += (field, number(value))
    meta = ["as_of", windows.to_text(change.as_of), "updated_at", stamp, "version", version]
    if profile is not None:
        meta += ["name", profile.name, "kam_id", profile.kam_id or ""]
        meta += ["segment", profile.segment or "", "tier", profile.tier or ""]
    base = layout.values(scope, id)
    return (
        *("EVALSHA", sha, 4, base, f"{base}:n", f"{base}:meta", layout.tombstone(scope, id)),
        *("full" if change.full else "delta", last, version),
        *(_PACK(values), _PACK(counts), _PACK(meta), _PACK([] if change.full else nulls)),
    )


def gone_command(layout: Layout, sha: str, scope: str, id: str, *, version: str, others: list[str]) -> Command:
    """The script call that removes an id with all its keys, ``others`` among them."""
    base = layout.values(scope, id)
    keys = (base, f"{base}:n", f"{base}:meta", layout.tombstone(scope, id), *others)
    return ("EVALSHA", sha, len(keys), *keys, "gone", NONE, version)
