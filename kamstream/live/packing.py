"""A change of a table as the one command that writes it, and what the stream of updates is told of it.

``_packing`` does the same compiled: many changes in one buffer, as they go over the wire.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from kamstream import windows
from kamstream.live.dumps import MOST, Kind, hash_dump
from kamstream.live.layout import DOCUMENTS, EXACT, Layout, number
from kamstream.live.link import Command
from kamstream.live.pending import TableId
from kamstream.native import COMPILED

if TYPE_CHECKING:
    from kamstream.engine import TableChange
    from kamstream.entities.fact import Profile

#: No version: nothing that this writer knows of is stored.
NONE = "0"
#: What an owner knows of an id's table: its version and the profile in it.
Known = tuple[str, "Profile | None"]
#: Whether whole tables are sent as dumps where the server takes them: made in Python, they cost more than they save,
#: and the compiled check sum reads numbers as they lie in memory.
DUMPS: Final[bool] = COMPILED and sys.byteorder == "little"

_PACK = msgspec.msgpack.Encoder().encode
#: Arguments of the script before the first value of a change in part.
BEFORE_VALUES = 6

#: Many changes of a batch are of the same T.
time_text = lru_cache(64)(windows.to_text)
#: A value is written as the new one, told as the new one, and told again as the old one.
value_text = lru_cache(1 << 15)(number)


@dataclass(frozen=True, slots=True)
class Form:
    """How tables go to Redis: keys, script, the form of whole hashes (None: as lists), fields with a history."""

    layout: Layout
    sha: str
    dumps: Kind | None = None
    history: tuple[str, ...] = ()


def table_commands_plain(
    form: Form, changes: "Sequence[TableChange]", known: Mapping[TableId, Known], version: str, stamp: str
) -> Iterable[Command]:
    """The script calls that write these changes, ``stamp`` being the wall clock for ``updated_at``."""
    for change in changes:
        key = (change.scope, change.id)
        if change.gone:
            yield gone_command(form, *key, version)
            continue
        last, profile = known.get(key, (NONE, None))
        # An unchanged profile is not sent again.
        sent = change.profile if change.full or change.profile != profile else None
        yield table_command(form, change, profile=sent, last=last, version=version, stamp=stamp)


def table_command(
    form: Form, change: "TableChange", *, profile: "Profile | None", last: str, version: str, stamp: str
) -> Command:
    """The script call that writes a change: ``last`` is the version that must be stored for a change in part.

    ``profile`` is the one to write (None = leave it).
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
    meta: list[str | int] = ["as_of", time_text(change.as_of), "updated_at", stamp, "version", version]
    if profile is not None:
        meta += ["name", profile.name, "kam_id", profile.kam_id or ""]
        meta += ["segment", profile.segment or "", "tier", profile.tier or ""]
    head = ("EVALSHA", form.sha, 4, *keys_of(form.layout, change.scope, change.id))
    if change.full and form.dumps is not None and len(change.values) <= MOST:
        whole = [_whole(text) for text in values], counts, meta
        return (*head, "dump", last, version, *(hash_dump(pairs, form.dumps) for pairs in whole))
    if change.full:
        return (*head, "full", last, version, _PACK(values), _PACK(counts), _PACK(meta))
    first = BEFORE_VALUES + len(values)
    second = first + len(counts)
    ends = (first, second, second + len(meta))
    return (*head, "delta", last, version, *ends, *values, *counts, *meta, *nulls)


def _whole(text: str | int) -> str | int:
    """The number that a text is, where Redis itself would keep it as one."""
    if isinstance(text, str) and text.lstrip("-").isdecimal() and -EXACT < int(text) < EXACT:
        return int(text)
    return text


def keys_of(layout: Layout, scope: str, id: str) -> tuple[str, str, str, str]:
    """What the script writes of an id: values, n, meta, tombstone."""
    base = layout.values(scope, id)
    return base, f"{base}:n", f"{base}:meta", layout.tombstone(scope, id)


def gone_command(form: Form, scope: str, id: str, version: str) -> Command:
    """The script call that removes an id with all its keys, documents and histories among them."""
    documents = (form.layout.document(kind, scope, id) for kind in DOCUMENTS)
    histories = (form.layout.history(scope, id, field) for field in form.history)
    keys = (*keys_of(form.layout, scope, id), *documents, *histories)
    return ("EVALSHA", form.sha, len(keys), *keys, "gone", NONE, version)


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


if TYPE_CHECKING or not COMPILED:
    table_commands, told = table_commands_plain, told_plain
else:
    from kamstream.live._packing import table_commands, told

__all__ = ["DUMPS", "NONE", "Form", "Known", "table_commands", "table_commands_plain", "told", "told_plain"]
