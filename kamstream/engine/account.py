"""One account: its entities, what was seen of it, its sums; an event goes in, facts are posted and taken back."""

from bisect import insort
from collections.abc import Callable, Sequence
from typing import Any

from kamstream.engine.entity import Entity
from kamstream.engine.kinds import (
    CONTACT,
    DEAL,
    PRODUCT,
    PROFILE,
    STORIES,
    THREAD,
    TICKET,
    Kind,
    Kinds,
    derive,
    entity_key,
    wanted_kinds,
)
from kamstream.engine.ledger import Ledger, post
from kamstream.engine.plan import Frame, Lane, Plan
from kamstream.engine.scopes import Scopes
from kamstream.engine.seen import Seen, suffix_of
from kamstream.engine.strand import Strand
from kamstream.entities import contacts, interactions, products, profiles
from kamstream.entities.fact import FOR_ACCOUNT, FOR_PERSON, Context, Derived, Fact, Profile, Record, Terms
from kamstream.events import Event

TOPICS = 4
#: Tells what a fact adds or takes back: account, fact, 1 or -1.
Journal = Callable[[str, Fact, int], None]


class Shared:
    """What all accounts of a partition share."""

    __slots__ = (
        "alone", "by_person", "context", "frame", "horizon", "journal", "kept", "kinds", "lanes", "now", "plan",
        "schedule", "scopes", "suffixes", "terms", "timed",
    )  # fmt: skip

    def __init__(
        self,
        plan: Plan,
        scopes: Scopes,
        terms: Terms,
        schedule: Callable[[int, str, str], None],
        journal: Journal | None = None,
    ) -> None:
        self.plan: Plan = plan
        self.scopes: Scopes = scopes
        self.terms: Terms = terms
        self.schedule: Callable[[int, str, str], None] = schedule
        self.journal: Journal | None = journal
        self.now: int = 0
        self.horizon: int = terms.horizon
        self.frame: Frame = plan.frame(0)
        self.lanes: dict[str, tuple[Lane, ...]] = plan.lanes
        self.kinds: Kinds = Kinds()
        #: By source, what follows the id in a remembered pair.
        self.suffixes: dict[str, str] = {}
        #: What the stories of accounts without a profile depend on.
        self.context: Context = Context(0, None, terms)
        #: Facts go to accounts only, and nobody else is told of them.
        self.alone: bool = tuple(plan.config.scopes) == ("account",) and journal is None
        self.by_person: bool = "kam" in plan.config.scopes
        #: Kinds of entities of which some fact is wanted; those whose facts time changes, too.
        self.kept: str = wanted_kinds(terms.wants)
        self.timed: str = TICKET if terms.service_levels else ""


class Account:
    """One account's state."""

    __slots__ = (
        "born",
        "changed",
        "chunks",
        "context",
        "entities",
        "id",
        "ledger",
        "live",
        "profile",
        "seen",
        "shared",
        "spilled",
        "swept",
        "unowned",
    )  # fmt: skip

    def __init__(self, id: str, shared: Shared) -> None:
        self.id: str = id
        self.shared: Shared = shared
        #: An entity in memory, or its own row; ``chunks`` are the sealed rows of those that are still rows.
        self.entities: dict[str, Any] = {}
        self.chunks: dict[str, dict[int, bytes]] | None = None
        self.ledger: Ledger = Ledger(shared.plan)
        self.unowned: Ledger | None = Ledger(shared.plan) if shared.by_person else None
        self.ledger.changed = None
        if self.unowned is not None:
            self.unowned.changed = None
        self.profile: Profile | None = None
        self.context: Context = shared.context
        self.born: bool = False
        self.live: bool = True
        self.seen: list[Seen | None] = [None] * TOPICS
        self.changed: dict[str, bool] | None = None
        #: Whether the sums are stored as rows of their own; up to which time old entities were looked for.
        self.spilled: bool = False
        self.swept: int = 0

    # -- events in ---------------------------------------------------------------------------------------------

    def judge(self, event: Event, kind: Kind) -> str:
        """``too-late``, ``duplicate`` or ``applied``, by the account's events on the same topic."""
        seen = self.seen[kind.topic]
        if seen is None:
            seen = self.seen[kind.topic] = Seen()
        shared = self.shared
        source = event.source
        suffix = shared.suffixes.get(source)
        if suffix is None:
            suffix = shared.suffixes[source] = suffix_of(source)
        return seen.judge(event.id, suffix, event.time, shared.horizon)

    def take(self, event: Event, kind: Kind) -> None:
        """Let an accepted event count."""
        self.born = True
        self.live = not event.backfill
        entity, data, rank = kind.entity, event.data, kind.rank
        if entity == "":
            if kind.name == "account.updated":
                self._take_profile(profiles.record(event, rank))
            else:
                self._post(interactions.survey(event, _head(event, rank)), 1)
            return
        if entity == THREAD:
            self._take_interaction(event, data, rank)
        if entity not in self.shared.kept:
            return
        key = entity_key(entity, data)
        if key == "":
            return
        keep = kind.keep
        assert keep is not None
        record = keep(event, rank)
        if entity in STORIES:
            self._take_record(key, record)
            return
        there = self._entity(key, list)
        records = there.state
        self._facts(there, key)
        if records and record < records[-1]:
            insort(records, record)
        else:
            records.append(record)
        self._settle(key, there)

    def fall_due(self, key: str) -> bool:
        """Let time act on an entity whose facts change by now; whether it did."""
        if key not in self.entities:
            return False
        strand = key[0] in STORIES
        entity: Any = self._strand(key) if strand else self._entity(key, list)
        if entity.due is None or entity.due > self.shared.now:
            return False
        if strand:
            self._replace(entity, self._old_facts(entity), entity.records())
        else:
            self._facts(entity, key)
            self._settle(key, entity)
        return True

    def _take_interaction(self, event: Event, data: Any, rank: int) -> None:
        record = _head(event, rank)
        fact = interactions.interaction(event, record)
        if fact is None:
            return
        self._post(fact, 1)
        contact = data.contact_id
        if contact is None or "contact" not in self.shared.lanes:
            return
        key = CONTACT + contact
        entity = self._entity(key, dict)
        self._facts(entity, key)
        known = entity.state.get(data.owner_id)
        if known is None or record > known:
            entity.state[data.owner_id] = record
            self._settle(key, entity)

    def _take_profile(self, record: Record) -> None:
        entity = self._entity(PROFILE, list)
        if entity.state and record < entity.state[0]:
            return
        self._facts(entity, PROFILE)
        before, after = self.profile, profiles.profile_of(record, self.shared.terms)
        if before is None or before.kam_id != after.kam_id:
            self._move(before.kam_id if before else None, after.kam_id)
        entity.state = [record]
        depending = self._depending(before, after)
        old = [(key, self._old_facts(self._strand(key))) for key in depending if key[0] in STORIES]
        for key in depending:
            if key[0] not in STORIES:
                self._facts(self._entity(key, list), key)
        self.set_profile(after)
        for key in depending:
            if key[0] not in STORIES:
                self._settle(key, self._entity(key, list))
        for key, facts in old:
            strand = self._strand(key)
            self._replace(strand, facts, strand.records())
        self._settle(PROFILE, entity)

    def set_profile(self, profile: Profile) -> None:
        """Let a profile stand, nothing else."""
        self.profile = profile
        self.context = Context(0, profile, self.shared.terms)

    def _depending(self, before: Profile | None, after: Profile) -> list[str]:
        """The entities whose facts a change of profile restates."""
        terms, kinds = self.shared.terms, ""
        if before is None or before.kam_id != after.kam_id:
            kinds += CONTACT
        if (before.spend if before else None) is None or after.spend is None:
            kinds += DEAL
        if terms.open_time or terms.service_levels:
            kinds += TICKET + THREAD
        return [key for key in self.entities if key[0] in kinds]

    def _move(self, old: str | None, new: str) -> None:
        """Move the sums without an owner from one KAM to the other."""
        if self.unowned is None:
            return
        scopes, oldest = self.shared.scopes, self.shared.frame.oldest
        for unit, number, pane in self.unowned.panes():
            if number < oldest[unit]:
                continue
            if old is not None:
                scopes.merge("kam", old, unit, number, pane, -1, self.live)
            scopes.merge("kam", new, unit, number, pane, 1, self.live)

    # -- strands -----------------------------------------------------------------------------------------------

    def _strand(self, key: str) -> Strand:
        strand = self.entities.get(key)
        if isinstance(strand, Strand):
            return strand
        if strand is None:
            strand = Strand(key)
        else:
            chunks = self.chunks.pop(key, None) if self.chunks else None
            strand = Strand.restored(key, strand, chunks)
        self.entities[key] = strand
        return strand

    def _take_record(self, key: str, record: Record) -> None:
        """Let an event of a story count: one in order is read, for any other the story is read anew."""
        strand = self._strand(key)
        if self.changed is None:
            self.changed = {}
        self.changed[key] = True
        if record[0] > strand.last and key[0] not in self.shared.timed:
            context = self.context
            story = strand.story
            if story is None:
                story = strand.read(context)
            final = story.read(record, context)
            if final is not None:
                strand.append(record)
                for fact in final:
                    self._post(fact, 1)
                old, new = strand.facts, story.standing(context)
                assert old is not None
                strand.facts = new
                if old or new:
                    self._exchange(old, new)
                return
            strand.story = None  # it has read what restates its final facts
        before = self._old_facts(strand)
        strand.insert(record)
        self._replace(strand, before, strand.records())

    def _old_facts(self, strand: Strand) -> list[Fact]:
        """All facts that count for a strand as it stands, before it changes."""
        now = self.shared.now
        # What falls due by now has not been let count yet: its facts are those of just before.
        at = now if strand.due is None or strand.due > now else strand.due - 1
        return self._derived(strand, strand.records(), at).facts

    def _derived(self, strand: Strand, records: list[Record], now: int) -> Derived:
        return derive(strand.key, records, Context(now, self.profile, self.shared.terms), strand.begin)

    def _replace(self, strand: Strand, old: list[Fact], records: list[Record]) -> None:
        """Take back all of a strand's facts and post those of its records, leaving alone what is in both."""
        new, due = self._derived(strand, records, self.shared.now)
        self._schedule(strand.key, due, strand.due)
        strand.due, strand.story, strand.facts = due, None, None
        self._exchange(old, new)

    # -- other entities ----------------------------------------------------------------------------------------

    def _entity(self, key: str, new: Callable[[], Any]) -> Entity:
        entity = self.entities.get(key)
        if isinstance(entity, Entity):
            return entity
        entity = self.entities[key] = Entity(new()) if entity is None else Entity.restored(key, entity)
        return entity

    def _derive(self, key: str, state: Any, now: int) -> Derived:
        kind, context = key[0], Context(now, self.profile, self.shared.terms)
        if kind == CONTACT:
            return contacts.derive(state, context) if state else Derived([], None)
        if kind == PRODUCT:
            return products.derive(state)
        if kind == PROFILE:
            return profiles.derive(state[0] if state else None, self.profile)
        return derive(key, state, context)

    def _facts(self, entity: Entity, key: str) -> None:
        """See to it that the facts are known that count for an entity as it stands, before it changes."""
        if entity.facts is None:
            now = self.shared.now
            at = now if entity.due is None or entity.due > now else entity.due - 1
            entity.facts = self._derive(key, entity.state, at).facts

    def _settle(self, key: str, entity: Entity) -> None:
        """Take back the entity's old facts and post its new ones, leaving alone what is in both."""
        old = entity.facts or []
        new, due = self._derive(key, entity.state, self.shared.now)
        entity.facts = new
        self._schedule(key, due, entity.due)
        entity.due = due
        self._exchange(old, new)

    def _schedule(self, key: str, due: int | None, known: int | None) -> None:
        if due is not None and due != known:
            self.shared.schedule(due, self.id, key)
        if self.changed is None:
            self.changed = {}
        self.changed[key] = True

    # -- facts -------------------------------------------------------------------------------------------------

    def _exchange(self, old: list[Fact], new: list[Fact]) -> None:
        gone, come = _difference(old, new)
        for fact in gone:
            self._post(fact, -1)
        for fact in come:
            self._post(fact, 1)

    def _post(self, fact: Fact, sign: int) -> None:
        shared = self.shared
        kind = fact.kind
        if kind == "product_won":
            self._link_product(fact, sign)
            return
        lanes = shared.lanes.get(kind)
        if shared.alone:
            if lanes is not None and fact.credit != FOR_PERSON:
                post([self.ledger], fact, lanes, sign, shared.frame)
            return
        if shared.journal:
            shared.journal(self.id, fact, sign)
        if lanes is not None:
            self._post_wide(fact, lanes, sign)

    def _post_wide(self, fact: Fact, lanes: tuple[Lane, ...], sign: int) -> None:
        """Post a fact to the account, the company and the credited person."""
        shared, scopes = self.shared, self.shared.scopes
        ledgers: list[Ledger] = []
        if fact.credit != FOR_PERSON:
            ledgers.append(self.ledger)
            company = scopes.ledger_of("company", "all", self.live)
            if company is not None:
                ledgers.append(company)
        if fact.credit != FOR_ACCOUNT and shared.by_person:
            person = fact.person
            if person is None:
                if self.unowned is not None:
                    ledgers.append(self.unowned)
                person = self.profile.kam_id if self.profile else None
            theirs = scopes.ledger_of("kam", person, self.live) if person is not None else None
            if theirs is not None:
                ledgers.append(theirs)
        post(ledgers, fact, lanes, sign, shared.frame)

    def _link_product(self, fact: Fact, sign: int) -> None:
        if "new_product" not in self.shared.lanes:
            return
        product, _, deal = fact.label.partition("\0")
        key = PRODUCT + product
        entity = self._entity(key, dict)
        self._facts(entity, key)
        if sign > 0:
            entity.state[deal] = (fact.because[0], fact.person)
        else:
            entity.state.pop(deal, None)
        self._settle(key, entity)


def _head(event: Event, rank: int) -> Record:
    return event.time, rank, event.source, event.id, event.type


def _difference(old: Sequence[Fact], new: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
    """What to take back and what to post so that the new facts count in place of the old ones."""
    place, shorter = 0, min(len(old), len(new))
    while place < shorter and old[place] == new[place]:
        place += 1
    gone, come = list(old[place:]), list(new[place:])
    if gone and come:
        for fact in come[:]:
            if fact in gone:
                gone.remove(fact)
                come.remove(fact)
    return gone, come


__all__ = ["Account", "Journal", "Shared"]
