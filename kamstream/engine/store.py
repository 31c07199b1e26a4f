"""An account as rows: what changed, and the whole from its rows."""

from collections.abc import Sequence
from typing import Any

from kamstream.engine.account import TOPICS, Account, Shared
from kamstream.engine.entity import Entity
from kamstream.engine.kept import IDLE, collect_entities, sweep
from kamstream.engine.kinds import PROFILE
from kamstream.engine.rows import unpack
from kamstream.engine.seen import Seen
from kamstream.engine.sheet import Sheet
from kamstream.entities import profiles

#: Cells up to which an account's sums are kept in its own row.
FEW = 24


def collect(account: Account, sheet: Sheet) -> None:
    """Add the rows that changed since the last call."""
    sheet.turn_to(account.id)
    newest = 0
    for topic, seen in enumerate(account.seen):
        if seen is None:
            continue
        newest = max(newest, seen.newest)
        chunks = seen.collect()
        if chunks:
            for number, chunk in chunks.items():
                sheet.put_seen(topic, number, chunk)
    changed, account.changed = account.changed, None
    if changed:
        collect_entities(account, changed, sheet)
    if newest - account.swept > IDLE:
        sweep(account, sheet)
        account.swept = newest
    ledger, unowned = account.ledger, account.unowned
    frame = account.shared.frame
    ledger.prune(frame)
    if unowned is not None:
        unowned.prune(frame)
    sums, theirs = None, None
    if not account.spilled and ledger.size() <= FEW:
        sums, theirs = ledger.dump(), None if unowned is None else unowned.dump()
    else:
        _collect_panes(account, sheet)
    sheet.put_head(account.born, account.live, account.swept, account.seen, sums, theirs)


def _collect_panes(account: Account, sheet: Sheet) -> None:
    """Add the sums as rows of their own."""
    units = account.shared.plan.units
    whole, account.spilled = not account.spilled, True
    for family, ledger in ((b"p", account.ledger), (b"u", account.unowned)):
        if ledger is None:
            continue
        if whole:
            ledger.track(whole=True)
        for unit, number, value, stored in ledger.collect():
            if value is not None or stored:
                sheet.put_pane(family, units[unit].code, number, value)


def restored(id: str, parts: Sequence[bytes], shared: Shared) -> Account:
    """The account as its rows say; ``parts`` are keys without the account's prefix, each followed by its value."""
    account = Account(id, shared)
    chunks: list[dict[int, bytes]] = [{} for _ in range(TOPICS)]
    tails: list[Any] = [None] * TOPICS
    for place in range(0, len(parts), 2):
        key, value = parts[place], parts[place + 1]
        family = key[:1]
        if family == b"e":
            account.entities[key[1:].decode()] = value
        elif family == b"s":
            chunks[int(key[1:2])][int(key[2:])] = value
        elif family == b"h":
            account.born, account.live, account.swept, tails, sums, unowned = unpack(value)
            _restore_sums(account, sums, unowned)
        elif family == b"x":
            number, _, entity = key[1:].partition(b" ")
            if account.chunks is None:
                account.chunks = {}
            account.chunks.setdefault(entity.decode(), {})[int(number)] = value
        else:
            ledger = account.ledger if family == b"p" else account.unowned
            if ledger is not None:
                ledger.put(shared.plan.unit_of(key[1:2].decode()), int(key[2:]), value)
    for topic, tail in enumerate(tails):
        if tail:
            account.seen[topic] = Seen.restored(tail, chunks[topic])
    if PROFILE in account.entities:
        standing = Entity.restored(PROFILE, account.entities[PROFILE]).state[0]
        account.set_profile(profiles.profile_of(standing, shared.terms))
    return account


def _restore_sums(account: Account, sums: bytes | None, unowned: bytes | None) -> None:
    account.spilled = sums is None
    for ledger, kept in ((account.ledger, sums), (account.unowned, unowned)):
        if ledger is None:
            continue
        if account.spilled:
            ledger.track(whole=False)
        elif kept:
            ledger.load(kept)


__all__ = ["collect", "restored"]
