"""One account: its entities, what was seen of it, its sums; an event goes in, facts are posted and taken back."""

from bisect import insort
from collections.abc import Callable
from typing import Any

from kamstream.engine.book import Book
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
from kamstream.engine.ledger import Ledger
from kamstream.engine.plan import Frame, Plan
from kamstream.engine.scopes import Scopes
from kamstream.engine.seen import Seen
from kamstream.engine.strand import LENGTH, Strand, restored_strand
from kamstream.entities import contacts, products, profiles
from kamstream.entities.deals import deal_record
from kamstream.entities.fact import FOR_ACCOUNT, FOR_PERSON, Context, Derived, Fact, Profile, Record, Terms, Wanted
from kamstream.entities.interactions import interaction, survey
from kamstream.entities.threads import thread_record
from kamstream.entities.tickets import ticket_record
from kamstream.events import Event

TOPICS = 4
#: Tells what a fact adds or takes back: account, fact, 1 or -1.
Journal = Callable[[str, Fact, int], None]


class Shared:
    """What all accounts of a partition share."""

    __slots__ = (
        "alone", "book", "by_person", "context", "frame", "has_contacts", "has_products", "horizon", "journal", "kinds",
        "now", "plan", "schedule", "scopes", "terms", "timed", "wanted",
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
        self.book: Book = Book(plan, terms.horizon)
        #: Entities of which no fact is wanted are not kept.
        self.kinds: Kinds = Kinds(wanted_kinds(terms.wants))
        #: What the stories of accounts without a profile depend on.
        self.context: Context = Context(0, None, terms)
        self.wanted: Wanted = self.context.wanted
        #: Facts go to accounts only, and nobody else is told of them.
        self.alone: bool = tuple(plan.config.scopes) == ("account",) and journal is None
        self.by_person: bool = "kam" in plan.config.scopes
        self.has_contacts: bool = self.book.wants("contact")
        self.has_products: bool = self.book.wants("new_product")
        #: Whether time changes the facts of tickets.
        self.timed: bool = bool(terms.service_levels)

    def turn(self, frame: Frame) -> None:
        """T has reached another frame."""
        self.frame = frame
        self.book.turn(frame)


class Account:
    """One account's state."""

    __slots__ = (
        "born",
        "by_id",
        "by_source",
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
        "touched",
        "unowned",
    )  # fmt: skip

    def __init__(self, id: str, shared: Shared) -> None:
        self.id: str = id
        self.shared: Shared = shared
        #: An entity in memory, or its own row; ``chunks`` are the sealed rows of those that are still rows.
        self.entities: dict[str, Any] = {}
        self.chunks: dict[str, dict[int, bytes]] | None = None
        self.ledger: Ledger = Ledger(shared.plan, tracked=False)
        self.unowned: Ledger | None = Ledger(shared.plan, tracked=False) if shared.by_person else None
        self.profile: Profile | None = None
        self.context: Context = shared.context
        self.born: bool = False
        self.live: bool = True
        self.seen: list[Seen | None] = [None] * TOPICS
        #: The entities that changed since the last flush, strands themselves and others by their keys; whether
        #: anything did, and source and id of the event that changed something last (None: time did), which itself
        #: need not be kept for that.
        self.changed: list[Strand | str] | None = None
        self.touched: bool = False
        self.by_source: str | None = None
        self.by_id: str | None = None
        #: Whether the sums are stored as rows of their own; up to which time old entities were looked for.
        self.spilled: bool = False
        self.swept: int = 0

    # -- events in ---------------------------------------------------------------------------------------------

    def judge(self, event: Event, kind: Kind) -> str:
        """``too-late``, ``duplicate`` or ``applied``, by the account's events on the same topic."""
        return self.shared.book.judge(self.seen, kind.topic, event)

    def take(self, event: Event, kind: Kind) -> None:
        """Let an accepted event count."""
        self.born, self.live = True, not event.backfill
        self.by_source, self.by_id = event.source, event.id
        data = event.data
        if kind.is_thread:
            if not data.automated:
                self._take_interaction(event, data, kind)
        elif kind.is_story:
            if kind.is_kept:
                if kind.entity == TICKET:
                    self._take_record(TICKET + data.ticket_id, ticket_record(event, kind.rank))
                else:
                    self._take_record(DEAL + data.deal_id, deal_record(event, kind.rank))
        elif kind.entity:
            if kind.is_kept:
                self._take_other(event, kind)
        elif kind.name == "account.updated":
            self._take_profile(profiles.record(event, kind.rank))
        else:
            self._post(survey(event, self._because(event, kind)), 1)

    def _take_interaction(self, event: Event, data: Any, kind: Kind) -> None:
        """An interaction counts by itself, for its contact, and in its thread."""
        shared = self.shared
        if shared.wanted.interaction:
            self._post(interaction(event, self._because(event, kind)), 1)
        if shared.has_contacts and data.contact_id is not None:
            self._take_contact(data.contact_id, data.owner_id, _head(event, kind.rank))
        if kind.is_kept and data.thread_id is not None:
            self._take_record(THREAD + data.thread_id, thread_record(event, kind.rank))

    def _because(self, event: Event, kind: Kind) -> tuple[Record, ...]:
        return (_head(event, kind.rank),) if self.shared.wanted.causes else ()

    def _take_other(self, event: Event, kind: Kind) -> None:
        """An event of the contracts or of a milestone, whose facts are derived whole."""
        keep, key = kind.keep, entity_key(kind.entity, event.data)
        assert keep is not None
        record = keep(event, kind.rank)
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

    def _take_contact(self, contact: str, owner: str | None, record: Record) -> None:
        key = CONTACT + contact
        entity = self._entity(key, dict)
        self._facts(entity, key)
        known = entity.state.get(owner)
        if known is None or record > known:
            entity.state[owner] = record
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
        self.context = self.context.at(0, profile)

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
        scopes, frame = self.shared.scopes, self.shared.frame
        if old is not None:
            scopes.move("kam", old, self.unowned, -1, frame, self.live)
        scopes.move("kam", new, self.unowned, 1, frame, self.live)

    # -- strands -----------------------------------------------------------------------------------------------

    def _strand(self, key: str) -> Strand:
        strand = self.entities.get(key)
        if isinstance(strand, Strand):
            return strand
        if strand is None:
            strand = Strand(key)
        else:
            chunks = self.chunks.pop(key, None) if self.chunks else None
            strand = restored_strand(key, strand, chunks)
        self.entities[key] = strand
        return strand

    def _take_record(self, key: str, record: Record) -> None:
        """Let an event of a story count: one in order is read, for any other the story is read anew."""
        strand = self._strand(key)
        if not strand.changed:
            strand.changed = True
            self._note(strand)
        if record[0] > strand.last and not (self.shared.timed and key[0] == TICKET):
            if self._read_on(strand, record):
                return
            strand.story = None  # it has read what restates its final facts
        before = self._old_facts(strand)
        strand.insert(record)
        self._replace(strand, before, strand.records())

    def _read_on(self, strand: Strand, record: Record) -> bool:
        """Read a record that comes after all others; False where it restates facts that were final."""
        context, story = self.context, strand.story
        if story is None:
            story = strand.read(context)
        final = story.read(record, context)
        if final is None:
            return False
        strand.append(record)
        for fact in final:
            self._post(fact, 1)
        if story.moved:
            story.moved = False
            old, new = strand.facts, story.standing(context)
            assert old is not None
            strand.facts = new
            if old or new:
                self._exchange(old, new)
        if strand.sealed is None and strand.count < LENGTH and strand.key[0] != THREAD and story.is_closed():
            # Hardly anything more is heard of it: what it knew is let go while it is at hand. A long one keeps it,
            # lest what comes all the same has it read anew each time.
            strand.story = strand.facts = None
        return True

    def _old_facts(self, strand: Strand) -> list[Fact]:
        """All facts that count for a strand as it stands, before it changes."""
        now = self.shared.now
        # What falls due by now has not been let count yet: its facts are those of just before.
        at = now if strand.due is None or strand.due > now else strand.due - 1
        return self._derived(strand, strand.records(), at).facts

    def _derived(self, strand: Strand, records: list[Record], now: int) -> Derived:
        return derive(strand.key, records, self.context.at(now, self.profile), strand.begin)

    def _replace(self, strand: Strand, old: list[Fact], records: list[Record]) -> None:
        """Take back all of a strand's facts and post those of its records, leaving alone what is in both."""
        new, due = self._derived(strand, records, self.shared.now)
        if due is not None and due != strand.due:
            self.shared.schedule(due, self.id, strand.key)
        if not strand.changed:
            strand.changed = True
            self._note(strand)
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
        kind, context = key[0], self.context.at(now, self.profile)
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
        if due is not None and due != entity.due:
            self.shared.schedule(due, self.id, key)
        if not entity.changed:
            entity.changed = True
            self._note(key)
        entity.due = due
        self._exchange(old, new)

    def _note(self, entity: Strand | str) -> None:
        """An entity's row is to be written."""
        if self.changed is None:
            self.changed = []
        self.changed.append(entity)

    # -- facts -------------------------------------------------------------------------------------------------

    def _exchange(self, old: list[Fact], new: list[Fact]) -> None:
        """Take back old facts and post new ones, leaving alone what is in both."""
        if not old:
            for fact in new:
                self._post(fact, 1)
            return
        gone, come = _difference(old, new)
        for fact in gone:
            self._post(fact, -1)
        for fact in come:
            self._post(fact, 1)

    def _post(self, fact: Fact, sign: int) -> None:
        shared = self.shared
        if fact.kind == "product_won":
            self._link_product(fact, sign)
        elif not shared.alone:
            if shared.journal is not None:
                shared.journal(self.id, fact, sign)
            if shared.book.wants(fact.kind):
                self._post_wide(fact, sign)
        elif fact.credit != FOR_PERSON:
            shared.book.post(self.ledger, fact, sign)

    def _post_wide(self, fact: Fact, sign: int) -> None:
        """Post a fact to the account, the company and the credited person."""
        shared, scopes, book = self.shared, self.shared.scopes, self.shared.book
        if fact.credit != FOR_PERSON:
            book.post(self.ledger, fact, sign)
            company = scopes.ledger_of("company", "all", self.live)
            if company is not None:
                book.post(company, fact, sign)
        if fact.credit != FOR_ACCOUNT and shared.by_person:
            person = fact.person
            if person is None:
                if self.unowned is not None:
                    book.post(self.unowned, fact, sign)
                person = self.profile.kam_id if self.profile else None
            theirs = scopes.ledger_of("kam", person, self.live) if person is not None else None
            if theirs is not None:
                book.post(theirs, fact, sign)

    def _link_product(self, fact: Fact, sign: int) -> None:
        if not self.shared.has_products:
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


def _difference(old: list[Fact], new: list[Fact]) -> tuple[list[Fact], list[Fact]]:
    """What to take back and what to post so that the new facts count in place of the old ones."""
    place, shorter = 0, min(len(old), len(new))
    while place < shorter and (old[place] is new[place] or old[place].equals(new[place])):
        place += 1
    gone, come = old[place:], new[place:]
    if gone and come:
        for fact in come[:]:
            if fact in gone:
                gone.remove(fact)
                come.remove(fact)
    return gone, come


__all__ = ["Account", "Journal", "Shared"]
