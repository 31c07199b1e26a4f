"""Stored rows sorted by the account they belong to. Accounts stay bytes until they are touched.

``_restoring`` does the same compiled.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from kamstream.engine.rows import due_of
from kamstream.native import COMPILED

#: What the keys of accounts' rows begin with, and those of entities' after the account.
ACCOUNT, ENTITY = b"Ae"


class Sorted(NamedTuple):
    """``accounts``: keys without the account's prefix, each followed by its value. ``dues``: when an entity falls due,
    its account, its key. ``rest``: all other rows.
    """

    accounts: dict[str, list[bytes]]
    dues: list[tuple[int, str, str]]
    rest: list[tuple[bytes, bytes]]


def sort_rows_plain(rows: Mapping[bytes, bytes]) -> Sorted:
    """Sort rows as they were stored."""
    accounts: dict[bytes, list[bytes]] = {}
    dues: list[tuple[int, str, str]] = []
    rest: list[tuple[bytes, bytes]] = []
    for key, value in rows.items():
        if key[0] != ACCOUNT:
            rest.append((key, value))
            continue
        id, _, part = key.partition(b"\0")
        parts = accounts.get(id)
        if parts is None:
            accounts[id] = [part, value]
        else:
            parts += (part, value)
        if part[0] == ENTITY and (due := due_of(part, value)) is not None:
            dues.append((due, id[1:].decode(), part[1:].decode()))
    return Sorted({id[1:].decode(): parts for id, parts in accounts.items()}, dues, rest)


if TYPE_CHECKING or not COMPILED:
    sort_rows = sort_rows_plain
else:
    from kamstream.engine._restoring import sort_rows

__all__ = ["Sorted", "sort_rows", "sort_rows_plain"]
