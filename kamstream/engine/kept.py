"""An account's entities as rows: those that changed, and what may be forgotten."""

from typing import Any

from kamstream.engine.account import Account
from kamstream.engine.entity import Entity
from kamstream.engine.kinds import CONTACT, CONTRACTS, DEAL, MILESTONE, PRODUCT, STORIES, THREAD, TICKET
from kamstream.engine.records import Packing, last_of
from kamstream.engine.strand import LENGTH, Strand, restored_strand
from kamstream.entities import contracts, milestones
from kamstream.events import topic_index
from kamstream.windows import DAY

Rows = dict[bytes, bytes | None]

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

_packing = Packing()


def collect_entities(account: Account, changed: list[str], prefix: bytes, rows: Rows) -> None:
    """Add the rows of the entities that changed."""
    for key in changed:
        entity = account.entities.get(key)
        if isinstance(entity, Strand):
            _collect_strand(account, entity, prefix, rows)
        elif isinstance(entity, Entity):
            entity.changed = False
            rows[prefix + b"e" + key.encode()] = entity.row()
            if not entity.state:
                del account.entities[key]


def _collect_strand(account: Account, strand: Strand, prefix: bytes, rows: Rows) -> None:
    key = strand.key
    strand.changed = False
    if strand.sealed is not None or strand.count >= LENGTH:
        strand.settle(_border(account, key), account.context)
    row = strand.row()
    rows[_packing.key(prefix, key)] = row
    sealed, story = strand.sealed, strand.story
    if sealed is not None:
        for number, chunk in sealed.dirty.items():
            rows[b"%bx%d %b" % (prefix, number, key.encode())] = chunk
        sealed.dirty = {}
    elif story is None or (key[0] != THREAD and story.is_closed()):
        account.entities[key] = row


def _border(account: Account, key: str) -> int:
    """The earliest time at which an event of an entity may still be accepted."""
    seen = account.seen[_TOPIC[key[0]]]
    return seen.newest - account.shared.horizon if seen is not None else -(2**62)


def sweep(account: Account, prefix: bytes, rows: Rows) -> None:
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
    last: int = entity.last if isinstance(entity, Strand) else last_of(entity)
    if last >= forgotten:
        if isinstance(entity, Strand) and entity.sealed is None and last < newest - IDLE:
            account.entities[key] = entity.row()
        return
    chunks = account.chunks.get(key) if account.chunks else None
    strand = entity if isinstance(entity, Strand) else restored_strand(key, entity, chunks)
    story = strand.read(account.context) if strand.story is None else strand.story
    if strand.due is not None or not story.is_closed():
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


__all__ = ["IDLE", "Rows", "collect_entities", "sweep"]
