"""An account as rows: what changed, the whole from its rows, and what may be forgotten."""

from collections.abc import Sequence
from typing import Any

from kamstream.engine.account import TOPICS, Account, Shared
from kamstream.engine.entity import Entity
from kamstream.engine.kinds import CONTACT, CONTRACTS, DEAL, MILESTONE, PRODUCT, PROFILE, STORIES, THREAD, TICKET
from kamstream.engine.ledger import Ledger
from kamstream.engine.rows import account_prefix, decode, decode_pane, encode, encode_pane, pane_key, plain_rows
from kamstream.engine.seen import Seen
from kamstream.engine.strand import Strand
from kamstream.entities import contracts, milestones, profiles
from kamstream.events import topic_index
from kamstream.windows import DAY

Rows = dict[bytes, bytes | None]

#: Cells up to which an account's sums are kept in its own row.
FEW = 24
#: Event time after which an account's idle entities become rows again, and old ones are looked for.
IDLE = 10 * DAY
#: The topics of the kinds of entities.
_TOPIC = {
    TICKET: topic_index("ticket.opened"),
    THREAD: topic_index("interaction.logged"),
    DEAL: topic_index("deal.opened"),
    CONTRACTS: topic_index("contract.started"),
    MILESTONE: topic_index("milestone.planned"),
}


def collect(account: Account, rows: Rows) -> None:
    """Add the rows that changed since the last call."""
    prefix = account_prefix(account.id)
    tails: list[Any] = [None] * TOPICS
    newest = 0
    for topic, seen in enumerate(account.seen):
        if seen is None:
            continue
        tails[topic] = seen.tail()
        newest = max(newest, seen.newest)
        chunks = seen.collect()
        if chunks:
            for number, chunk in chunks.items():
                rows[b"%bs%d%d" % (prefix, topic, number)] = chunk
    changed, account.changed = account.changed, None
    if changed:
        for key in changed:
            _collect_entity(account, key, prefix, rows)
    if newest - account.swept > IDLE:
        _sweep(account, prefix, rows)
        account.swept = newest
    sums = _collect_sums(account, prefix, rows)
    rows[prefix + b"h"] = encode((account.born, account.live, account.swept, tails, *sums))


def _collect_entity(account: Account, key: str, prefix: bytes, rows: Rows) -> None:
    entity = account.entities.get(key)
    if isinstance(entity, Strand):
        entity.settle(_border(account, key), account.context)
        row: bytes = entity.row()
        rows[prefix + b"e" + key.encode()] = row
        sealed = entity.sealed
        if sealed is not None:
            for number, chunk in sealed.dirty.items():
                rows[b"%bx%d %b" % (prefix, number, key.encode())] = chunk
            sealed.dirty = {}
        elif entity.story is None or (key[0] != THREAD and entity.story.is_closed):
            account.entities[key] = row
    elif isinstance(entity, Entity):
        rows[prefix + b"e" + key.encode()] = entity.row()
        if not entity.state:
            del account.entities[key]


def _border(account: Account, key: str) -> int:
    """The earliest time at which an event of an entity may still be accepted."""
    seen = account.seen[_TOPIC[key[0]]]
    return seen.newest - account.shared.horizon if seen is not None else -(2**62)


def _collect_sums(account: Account, prefix: bytes, rows: Rows) -> tuple[Any, Any]:
    """The account's sums as its own row keeps them; None where they are rows of their own."""
    frame = account.shared.frame
    ledger, unowned = account.ledger, account.unowned
    ledger.prune(frame)
    if unowned is not None:
        unowned.prune(frame)
    if not account.spilled:
        if ledger.size() <= FEW:
            return _cells(ledger), None if unowned is None else _cells(unowned)
        account.spilled = True
        for each in (ledger, unowned):
            if each is not None:
                each.changed = {number << 3 | unit: False for unit, number, _ in each.panes()}
    _collect_panes(ledger, prefix, b"p", rows)
    if unowned is not None:
        _collect_panes(unowned, prefix, b"u", rows)
    return None, None


def _cells(ledger: Ledger) -> list[Any]:
    return [(unit, list(shelf.items())) for unit, shelf in enumerate(ledger.shelves) if shelf]


def _collect_panes(ledger: Ledger, prefix: bytes, family: bytes, rows: Rows) -> None:
    plan, changed = ledger.plan, ledger.changed
    if not changed:
        return
    for place, stored in changed.items():
        unit, number = place & 7, place >> 3
        pane = ledger.pane(unit, number)
        if pane is not None:
            rows[pane_key(prefix, family, plan.units[unit].code, number)] = encode_pane(pane, plan)
            ledger.collected(unit, number)
        elif stored:
            rows[pane_key(prefix, family, plan.units[unit].code, number)] = None
    ledger.changed = {}


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
            account.born, account.live, account.swept, tails, sums, unowned = decode(value)
            _restore_sums(account, sums, unowned)
        elif family == b"x":
            number, _, entity = key[1:].partition(b" ")
            if account.chunks is None:
                account.chunks = {}
            account.chunks.setdefault(entity.decode(), {})[int(number)] = value
        else:
            ledger = account.ledger if family == b"p" else account.unowned
            if ledger is not None:
                ledger.put(shared.plan.unit_of(key[1:2].decode()), int(key[2:]), decode_pane(value, shared.plan))
    for topic, tail in enumerate(tails):
        if tail:
            account.seen[topic] = Seen.restored(tail, chunks[topic])
    if PROFILE in account.entities:
        standing = Entity.restored(PROFILE, account.entities[PROFILE]).state[0]
        account.set_profile(profiles.profile_of(standing, shared.terms))
    return account


def _restore_sums(account: Account, sums: Any, unowned: Any) -> None:
    account.spilled = sums is None
    for ledger, kept in ((account.ledger, sums), (account.unowned, unowned)):
        if ledger is None:
            continue
        ledger.changed = {} if account.spilled else None
        for unit, cells in kept or ():
            ledger.shelves[unit] = dict(zip((key for key, _ in cells), plain_rows(cells), strict=True))


# -- what may be forgotten -----------------------------------------------------------------------------------------


def _sweep(account: Account, prefix: bytes, rows: Rows) -> None:
    """Let idle entities become rows, and drop those that can have no effect any more."""
    for key in list(account.entities):
        entity = account.entities[key]
        kind = key[0]
        if kind in STORIES:
            _sweep_strand(account, key, entity, prefix, rows)
        elif kind in (CONTACT, MILESTONE):
            known = _known(key, entity)
            if (_is_past_contact if kind == CONTACT else _is_past_milestone)(account, known):
                del account.entities[key]
                rows[prefix + b"e" + key.encode()] = None
    for key in [key for key in account.entities if key[0] in PRODUCT + CONTRACTS]:
        there: Entity = _known(key, account.entities[key])
        size = len(there.state)
        if key[0] == PRODUCT:
            _thin_product(account, there)
        else:
            there.state = _standing_contracts(account, there.state)
        if len(there.state) != size:
            rest: bytes | None = there.row()
            rows[prefix + b"e" + key.encode()] = rest
            if rest is None:
                del account.entities[key]
            elif not isinstance(account.entities[key], Entity):
                account.entities[key] = rest


def _known(key: str, entity: Any) -> Entity:
    return entity if isinstance(entity, Entity) else Entity.restored(key, entity)


def _sweep_strand(account: Account, key: str, entity: Any, prefix: bytes, rows: Rows) -> None:
    seen = account.seen[_TOPIC[key[0]]]
    newest = seen.newest if seen is not None else -(2**62)
    forgotten = newest - 2 * account.shared.horizon
    last: int = entity.last if isinstance(entity, Strand) else Strand.last_of(entity)
    if last >= forgotten:
        if isinstance(entity, Strand) and entity.sealed is None and last < newest - IDLE:
            account.entities[key] = entity.row()
        return
    chunks = account.chunks.get(key) if account.chunks else None
    strand = entity if isinstance(entity, Strand) else Strand.restored(key, entity, chunks)
    story = strand.read(account.context) if strand.story is None else strand.story
    if strand.due is not None or not story.is_closed:
        return
    del account.entities[key]
    if account.chunks:
        account.chunks.pop(key, None)
    rows[prefix + b"e" + key.encode()] = None
    if strand.sealed is not None:
        for number in range(strand.sealed.first, strand.sealed.first + len(strand.sealed.chunks)):
            rows[b"%bx%d %b" % (prefix, number, key.encode())] = None


def _is_past_contact(account: Account, contact: Entity) -> bool:
    return all(record[0] < account.shared.now - account.shared.horizon for record in contact.state.values())


def _is_past_milestone(account: Account, milestone: Entity) -> bool:
    horizon, seen = account.shared.horizon, account.seen[_TOPIC[MILESTONE]]
    if seen is None or milestone.due is not None or milestone.state[-1][0] >= seen.newest - 2 * horizon:
        return False
    return milestones.counts_until(milestone.state) < account.shared.now - horizon


def _standing_contracts(account: Account, records: list[Any]) -> list[Any]:
    """The records of an account's contracts without those of contracts that ended long ago."""
    seen, horizon = account.seen[_TOPIC[CONTRACTS]], account.shared.horizon
    if seen is None:
        return records
    border = seen.newest - 2 * horizon
    past = contracts.ended_before(records, border, (account.shared.now - horizon) // DAY, horizon)
    return [record for record in records if record[5] not in past] if past else records


def _thin_product(account: Account, product: Entity) -> None:
    """Of a product whose first win can no longer be taken back, that one is enough."""
    first = min(product.state, key=lambda deal: product.state[deal][0])
    if DEAL + first not in account.entities:
        product.state = {first: product.state[first]}


__all__ = ["collect", "restored"]
