"""One account: its entities, what was seen of it, its sums; an event goes in, facts are posted and taken back."""

from bisect import insort
from collections.abc import Callable, Iterable
from typing import Any

from kamstream.engine.kinds import (
    CONTACT,
    CONTRACTS,
    DEAL,
    PRODUCT,
    PROFILE,
    THREAD,
    TICKET,
    derive,
    entity_of,
)
from kamstream.engine.ledger import Ledger, posting_of
from kamstream.engine.plan import Frame, Plan
from kamstream.engine.rows import (
    account_prefix,
    decode,
    decode_pane,
    encode,
    encode_pane,
    pane_key,
    record_of,
)
from kamstream.engine.scopes import Scopes
from kamstream.engine.seen import Seen
from kamstream.entities import contacts, interactions, products, profiles
from kamstream.entities.fact import FOR_ACCOUNT, FOR_PERSON, Context, Derived, Fact, Profile, Record, Terms
from kamstream.events import Event, topic_index, type_rank

TOPICS = 4
#: Tells what a fact adds or takes back: account, fact, 1 or -1.
Journal = Callable[[str, Fact, int], None]


class Entity:
    """An entity in memory: its state, the facts that count for it, and when they change without an event.

    The state is a list of records; of a contact the latest record by person; of a product its wins by deal; of a
    profile a list with the standing record.
    """

    __slots__ = ("due", "facts", "state")

    def __init__(self, state: Any, due: int | None = None) -> None:
        self.state = state
        self.facts: list[Fact] | None = None
        self.due = due


class Shared:
    """What all accounts of a partition share."""

    __slots__ = ("frame", "journal", "now", "plan", "schedule", "scopes", "terms")

    def __init__(self, plan: Plan, scopes: Scopes, terms: Terms, schedule: Callable[[int, str, str], None]) -> None:
        self.plan = plan
        self.scopes = scopes
        self.terms = terms
        self.schedule = schedule
        self.journal: Journal | None = None
        self.now = 0
        self.frame: Frame = plan.frame(0)


class Account:
    """One account's state."""

    __slots__ = (
        "_changed",
        "_seen",
        "born",
        "entities",
        "id",
        "ledger",
        "live",
        "profile",
        "shared",
        "unowned",
    )

    def __init__(self, id: str, shared: Shared) -> None:
        self.id = id
        self.shared = shared
        self.entities: dict[str, Entity | bytes] = {}
        self.ledger = Ledger(len(shared.plan.units))
        self.unowned = Ledger(len(shared.plan.units))
        self.profile: Profile | None = None
        self.born = False
        self.live = True
        self._seen: list[Seen | None] = [None] * TOPICS
        self._changed: set[str] = set()

    # -- events in ---------------------------------------------------------------------------------------------

    def judge(self, event: Event) -> str:
        """``too-late``, ``duplicate`` or ``applied``, by the account's events on the same topic."""
        topic = topic_index(event.type)
        seen = self._seen[topic]
        if seen is None:
            seen = self._seen[topic] = Seen()
        return seen.judge(f"{event.source}\0{event.id}", event.time, self.shared.terms.horizon)

    def take(self, event: Event) -> None:
        """Let an accepted event count."""
        self.born = True
        self.live = not event.backfill
        rank = type_rank(event.type)
        if event.type == "account.updated":
            self._take_profile(profiles.record(event, rank))
            return
        if event.type == "survey.answered":
            self._post(interactions.survey(event, _head(event, rank)), 1)
            return
        if event.type == "interaction.logged":
            self._take_interaction(event, rank)
        belongs = entity_of(event)
        if belongs is None:
            return
        key, keep = belongs
        entity = self._entity(key, list)
        record, records = keep(event, rank), entity.state
        self._facts(key, entity)
        if records and record < records[-1]:
            insort(records, record)
        else:
            records.append(record)
        self._settle(key, entity)

    def fall_due(self, key: str) -> bool:
        """Let time act on an entity whose facts change by now; whether it did."""
        entity = self.entities.get(key)
        if not isinstance(entity, Entity) or entity.due is None or entity.due > self.shared.now:
            return False
        self._facts(key, entity)
        self._settle(key, entity)
        return True

    def _take_interaction(self, event: Event, rank: int) -> None:
        record = _head(event, rank)
        fact = interactions.interaction(event, record)
        if fact is None:
            return
        self._post(fact, 1)
        contact, person = event.data.contact_id, event.data.owner_id
        if contact is None or "contact" not in self.shared.plan.by_kind:
            return
        key = CONTACT + contact
        entity = self._entity(key, dict)
        self._facts(key, entity)
        known = entity.state.get(person)
        if known is None or record > known:
            entity.state[person] = record
            self._settle(key, entity)

    def _take_profile(self, record: Record) -> None:
        entity = self._entity(PROFILE, list)
        if entity.state and record < entity.state[0]:
            return
        self._facts(PROFILE, entity)
        before, after = self.profile, profiles.profile_of(record, self.shared.terms)
        if before is None or before.kam_id != after.kam_id:
            self._move(before.kam_id if before else None, after.kam_id)
        entity.state = [record]
        stale = [(key, entity) for key, entity in self._depending(before, after)]
        for key, dependent in stale:
            self._facts(key, dependent)
        self.profile = after
        for key, dependent in stale:
            self._settle(key, dependent)
        self._settle(PROFILE, entity)

    def _depending(self, before: Profile | None, after: Profile) -> Iterable[tuple[str, Entity]]:
        """The entities whose facts a change of profile restates."""
        terms, kinds = self.shared.terms, ""
        if before is None or before.kam_id != after.kam_id:
            kinds += CONTACT
        if (before.spend if before else None) is None or after.spend is None:
            kinds += DEAL
        if (terms.open_time or terms.service_levels) and _place(before) != _place(after):
            kinds += TICKET + THREAD
        return [(key, self._entity(key, list)) for key in list(self.entities) if key[0] in kinds]

    def _move(self, old: str | None, new: str) -> None:
        """Move the sums without an owner from one KAM to the other."""
        scopes = self.shared.scopes
        oldest = [ranges.oldest for ranges in self.shared.frame.ranges]
        for unit, number, pane in self.unowned.panes():
            if number < oldest[unit]:
                continue
            if old is not None:
                scopes.merge("kam", old, unit, number, pane, -1, self.live)
            scopes.merge("kam", new, unit, number, pane, 1, self.live)

    # -- facts -------------------------------------------------------------------------------------------------

    def _entity(self, key: str, new: Callable[[], Any]) -> Entity:
        entity = self.entities.get(key)
        if entity is None:
            entity = self.entities[key] = Entity(new())
        elif isinstance(entity, bytes):
            entity = self.entities[key] = _decoded(key, entity)
        return entity

    def _derive(self, key: str, entity: Entity, now: int) -> Derived:
        kind, context = key[0], Context(now, self.profile, self.shared.terms)
        if kind == CONTACT:
            return contacts.derive(entity.state, context) if entity.state else Derived([], None)
        if kind == PRODUCT:
            return products.derive(entity.state)
        if kind == PROFILE:
            return profiles.derive(entity.state[0] if entity.state else None, self.profile)
        return derive(key, entity.state, context)

    def _facts(self, key: str, entity: Entity) -> list[Fact]:
        """The facts that count for an entity as it stands, before it changes."""
        if entity.facts is None:
            now = self.shared.now
            # What falls due by now has not been let count yet: its facts are those of just before.
            at = now if entity.due is None or entity.due > now else entity.due - 1
            entity.facts = self._derive(key, entity, at).facts
        return entity.facts

    def _settle(self, key: str, entity: Entity) -> None:
        """Take back the entity's old facts and post its new ones, leaving alone what is in both."""
        old = entity.facts or []
        new, due = self._derive(key, entity, self.shared.now)
        entity.facts = new
        if due is not None and due != entity.due:
            self.shared.schedule(due, self.id, key)
        entity.due = due
        self._changed.add(key)
        gone, come = _difference(old, new)
        for fact in gone:
            self._post(fact, -1)
        for fact in come:
            self._post(fact, 1)

    def _post(self, fact: Fact, sign: int) -> None:
        if fact.kind == "product_won":
            self._link_product(fact, sign)
            return
        shared = self.shared
        if shared.journal:
            shared.journal(self.id, fact, sign)
        posting = posting_of(fact, shared.plan, shared.frame)
        if not posting:
            return
        if fact.credit != FOR_PERSON:
            self.ledger.post(posting, sign)
            shared.scopes.post("company", "all", posting, sign, self.live)
        if fact.credit == FOR_ACCOUNT:
            return
        person = fact.person
        if person is None:
            self.unowned.post(posting, sign)
            person = self.profile.kam_id if self.profile else None
        if person is not None:
            shared.scopes.post("kam", person, posting, sign, self.live)

    def _link_product(self, fact: Fact, sign: int) -> None:
        if "new_product" not in self.shared.plan.by_kind:
            return
        product, _, deal = fact.label.partition("\0")
        key = PRODUCT + product
        entity = self._entity(key, dict)
        self._facts(key, entity)
        if sign > 0:
            entity.state[deal] = (fact.because[0], fact.person)
        else:
            del entity.state[deal]
        self._settle(key, entity)

    # -- rows --------------------------------------------------------------------------------------------------

    def collect(self, rows: dict[bytes, bytes | None]) -> None:
        """Add the rows that changed since the last call."""
        prefix, plan = account_prefix(self.id), self.shared.plan
        for topic, seen in enumerate(self._seen):
            if seen:
                for number, chunk in seen.collect():
                    rows[b"%bs%d%d" % (prefix, topic, number)] = chunk
        heads = [seen.head() if seen else None for seen in self._seen]
        rows[prefix + b"h"] = encode((self.born, self.live, heads))
        for key in self._changed:
            entity = self.entities[key]
            if isinstance(entity, Entity):
                if not entity.state:
                    del self.entities[key]
                rows[prefix + b"e" + key.encode()] = _encoded(entity) if entity.state else None
        self._changed.clear()
        for family, ledger in ((b"p", self.ledger), (b"u", self.unowned)):
            ledger.prune(self.shared.frame)
            for unit, number in ledger.changed:
                pane = ledger.pane(unit, number)
                key_of_pane = pane_key(prefix, family, plan.units[unit].code, number)
                rows[key_of_pane] = encode_pane(pane, plan) if pane else None
            ledger.changed.clear()

    @classmethod
    def restored(cls, id: str, parts: Iterable[tuple[bytes, bytes]], shared: Shared) -> "Account":
        """The account as its rows say; ``parts`` are keys without the account's prefix, and values."""
        account, plan = cls(id, shared), shared.plan
        chunks: list[dict[int, bytes]] = [{} for _ in range(TOPICS)]
        heads: list[Any] = [None] * TOPICS
        for key, value in parts:
            family = key[:1]
            if family == b"e":
                account.entities[key[1:].decode()] = value
            elif family == b"s":
                chunks[int(key[1:2])][int(key[2:])] = value
            elif family == b"h":
                account.born, account.live, heads = decode(value)
            else:
                ledger = account.ledger if family == b"p" else account.unowned
                ledger.put(plan.unit_of(key[1:2].decode()), int(key[2:]), decode_pane(value, plan))
        for topic, head in enumerate(heads):
            if head:
                account._seen[topic] = Seen.restored(tuple(head), chunks[topic])
        if PROFILE in account.entities:
            entity = account._entity(PROFILE, list)
            account.profile = profiles.profile_of(entity.state[0], shared.terms)
        for name, row in list(account.entities.items()):
            if isinstance(row, bytes) and not row.startswith(b"[null,"):
                due = account._entity(name, list).due
                shared.schedule(due or 0, id, name)
        return account


def _place(profile: Profile | None) -> tuple[str | None, str | None]:
    """What chooses an account's calendar and service levels."""
    return (profile.country, profile.tier) if profile else (None, None)


def _head(event: Event, rank: int) -> Record:
    return event.time, rank, event.source, event.id, event.type


def _difference(old: list[Fact], new: list[Fact]) -> tuple[list[Fact], list[Fact]]:
    """What to take back and what to post so that the new facts count in place of the old ones."""
    place, shorter = 0, min(len(old), len(new))
    while place < shorter and old[place] == new[place]:
        place += 1
    gone, come = old[place:], new[place:]
    if gone and come:
        for fact in come[:]:
            if fact in gone:
                gone.remove(fact)
                come.remove(fact)
    return gone, come


def _encoded(entity: Entity) -> bytes:
    state = list(entity.state.items()) if isinstance(entity.state, dict) else entity.state
    return encode((entity.due, state))


def _decoded(key: str, row: bytes) -> Entity:
    due, state = decode(row)
    if key[0] == CONTACT:
        return Entity({person: record_of(record) for person, record in state}, due)
    if key[0] == PRODUCT:
        return Entity({deal: (record_of(win[0]), win[1]) for deal, win in state}, due)
    return Entity([record_of(record) for record in state], due)


__all__ = ["CONTRACTS", "Account", "Entity", "Shared"]
