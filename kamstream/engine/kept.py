"""An account's entities as rows: those that changed, and what may be forgotten."""

from typing import Any

from kamstream.engine.account import Account
from kamstream.engine.entity import Entity
from kamstream.engine.kinds import CONTACT, CONTRACTS, DEAL, MILESTONE, PRODUCT, STORIES, THREAD, TICKET
from kamstream.engine.records import last_of
from kamstream.engine.sheet import Sheet
from kamstream.engine.strand import LENGTH, NEVER, Strand, restored_strand
from kamstream.entities import contracts, milestones
from kamstream.events import topic_index
from kamstream.windows import DAY

#: Event time after which an account's idle entities become rows again, and old ones are looked for.
IDLE = 10 * DAY
#: The kinds of entities of which parts may go.
_RECKONED = PRODUCT + CONTRACTS
#: The topics of the kinds of entities.
_TOPIC = {
    TICKET: topic_index("ticket.opened"),
    THREAD: topic_index("interaction.logged"),
    DEAL: topic_index("deal.opened"),
    CONTRACTS: topic_index("contract.started"),
    MILESTONE: topic_index("milestone.planned"),
}


def collect_entities(account: Account, changed: list[Strand | str], sheet: Sheet) -> None:
    """Add the rows of the entities that changed."""
    for each in changed:
        if isinstance(each, Strand):
            _collect_strand(account, each, sheet)
            continue
        entity = account.entities.get(each)
        if isinstance(entity, Entity):
            entity.changed = False
            sheet.put_entity(each, entity.row())
            if not entity.state:
                del account.entities[each]


def _collect_strand(account: Account, strand: Strand, sheet: Sheet) -> None:
    key = strand.key
    strand.changed = False
    if strand.sealed is not None or strand.count >= LENGTH:
        strand.settle(_newest(account, key) - account.shared.horizon, account.context)
    row = strand.row()
    sheet.put_entity(key, row)
    sealed = strand.sealed
    if sealed is not None:
        for number, chunk in sealed.dirty.items():
            sheet.put_chunk(number, key, chunk)
        sealed.dirty = {}
    elif strand.story is None:
        account.entities[key] = row


def _newest(account: Account, key: str) -> int:
    """The newest time accepted on the topic of an entity."""
    seen = account.seen[_TOPIC[key[0]]]
    return seen.newest if seen is not None else NEVER


def sweep(account: Account, sheet: Sheet) -> None:
    """Let idle entities become rows, and drop those that can have no effect any more."""
    for key in [key for key, entity in account.entities.items() if _may_go(account, key, entity)]:
        entity = account.entities[key]
        kind = key[0]
        if kind in STORIES:
            _sweep_strand(account, key, entity, sheet)
        elif kind in (CONTACT, MILESTONE):
            known = _known(key, entity)
            if (_is_past_contact if kind == CONTACT else _is_past_milestone)(account, known):
                del account.entities[key]
                sheet.put_entity(key, None)
    for key in [key for key in account.entities if key[0] in _RECKONED]:
        there: Entity = _known(key, account.entities[key])
        size = len(there.state)
        if key[0] == PRODUCT:
            _thin_product(account, there)
        else:
            there.state = _standing_contracts(account, there.state)
        if len(there.state) != size:
            rest: bytes | None = there.row()
            sheet.put_entity(key, rest)
            if rest is None:
                del account.entities[key]
            elif not isinstance(account.entities[key], Entity):
                account.entities[key] = rest


def _may_go(account: Account, key: str, entity: Any) -> bool:
    """Whether an entity is worth a closer look: nearly all stories are too young."""
    if isinstance(entity, Strand):
        strand = entity
        return strand.last < _newest(account, key) - min(IDLE, 2 * account.shared.horizon)
    return key[0] not in STORIES or last_of(entity) < _newest(account, key) - 2 * account.shared.horizon


def _known(key: str, entity: Any) -> Entity:
    return entity if isinstance(entity, Entity) else Entity.restored(key, entity)


def _sweep_strand(account: Account, key: str, entity: Any, sheet: Sheet) -> None:
    last: int = entity.last if isinstance(entity, Strand) else last_of(entity)
    if last >= _newest(account, key) - 2 * account.shared.horizon:
        if isinstance(entity, Strand) and entity.sealed is None:
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
    sheet.put_entity(key, None)
    if strand.sealed is not None:
        for number in range(strand.sealed.first, strand.sealed.first + len(strand.sealed.chunks)):
            sheet.put_chunk(number, key, None)


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


__all__ = ["IDLE", "collect_entities", "sweep"]
