"""Facts: what the KPIs see of an entity, and what an entity's facts depend on besides its events.

An entity turns its events, read in their order, into facts: small immutable records of what happened, when, to
whose credit, with integer amounts. The engine retracts an entity's old facts and adds the new ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from kamstream.windows import Window

#: Counts for the account, the company and the credited person: the rule.
FOR_ALL = 0
#: Counts for the account and the company only.
FOR_ACCOUNT = 1
#: Counts for the credited person only.
FOR_PERSON = 2

#: One event inside an entity: ``(time, type rank, source, id, type, *what the entity keeps of it)``. Records sort
#: in the order in which an entity's events are read; their times are epoch milliseconds.
Record = tuple[Any, ...]


class Fact:
    """Something that counts; it does not change once it is made.

    ``time`` places it in a pane (epoch ms); a standing fact (an open ticket) has the time 0. ``person`` is whom it
    credits; None credits the KAM of the account at T. ``amounts`` are integers whose meaning the kind fixes:
    milliseconds, minor units, flags 0 or 1. ``label`` tells facts of a kind apart where a KPI wants that (the
    channel of an interaction). ``because`` are the records that made it, where somebody asks for them.
    """

    __slots__ = ("amounts", "because", "credit", "kind", "label", "person", "time")

    def __init__(
        self,
        kind: str,
        time: int,
        person: str | None,
        amounts: tuple[int, ...],
        label: str = "",
        credit: int = FOR_ALL,
        because: tuple[Record, ...] = (),
    ) -> None:
        self.kind: str = kind
        self.time: int = time
        self.person: str | None = person
        self.amounts: tuple[int, ...] = amounts
        self.label: str = label
        self.credit: int = credit
        self.because: tuple[Record, ...] = because

    def equals(self, other: "Fact") -> bool:
        """Whether the other says the same."""
        return (
            self.time == other.time
            and self.kind == other.kind
            and self.person == other.person
            and self.amounts == other.amounts
            and self.label == other.label
            and self.credit == other.credit
            and self.because == other.because
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and self.equals(other)

    def __hash__(self) -> int:
        return hash((self.kind, self.time, self.person, self.amounts, self.label, self.credit, self.because))

    def __repr__(self) -> str:
        said = (self.kind, self.time, self.person, self.amounts, self.label, self.credit, self.because)
        return f"Fact{said!r}"


def fact(kind: str, time: int, person: str | None, amounts: tuple[int, ...], because: tuple[Record, ...]) -> Fact:
    """A fact for all, without a label: made the quick way."""
    made = Fact.__new__(Fact)
    made.kind, made.time, made.person, made.amounts = kind, time, person, amounts
    made.label, made.credit, made.because = "", FOR_ALL, because
    return made


class Derived(NamedTuple):
    """An entity's facts at T, and the next T at which they change without an event (None: never)."""

    facts: list[Fact]
    due: int | None


@dataclass(frozen=True, slots=True)
class Profile:
    """The standing profile of an account; ``spend`` is its yearly category spend in minor reporting units."""

    name: str
    kam_id: str
    segment: str | None = None
    tier: str | None = None
    country: str | None = None
    spend: int | None = None
    targets: tuple[tuple[str, str, float], ...] = ()


#: Open milliseconds between two times of an account with this profile; None where no calendar applies.
OpenTime = Callable[[Profile | None, int, int], int | None]


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """A promise: tickets of a priority (and tier) are answered and resolved within so many milliseconds."""

    priority: str
    tier: str | None
    first_response: int | None
    resolution: int | None


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that facts depend on."""

    horizon: int
    reporting_currency: str
    rates: Mapping[str, Mapping[str, Fraction]]
    stage_probabilities: Mapping[str, Fraction]
    windows: tuple[Window, ...]
    open_time: OpenTime | None = None
    service_levels: Sequence[ServiceLevel] = ()
    #: The kinds of facts that some KPI wants, the others are not made; None: all.
    wants: frozenset[str] | None = None


class Wanted:
    """Which kinds of facts of tickets, threads, deals and interactions some KPI wants: the others are not made.

    ``causes`` says whether somebody asks for the records that made them.
    """

    __slots__ = (
        "causes", "closed_deal", "deal", "first_response", "interaction", "market_deal", "open_ticket", "open_wait",
        "pipeline", "product_won", "resolution", "resolved_ticket", "response", "ticket", "won_deal",
    )  # fmt: skip

    def __init__(self, wants: frozenset[str] | None) -> None:
        kinds = frozenset(Wanted.__slots__) if wants is None else wants
        self.causes: bool = wants is None
        self.interaction: bool = "interaction" in kinds
        self.response: bool = "response" in kinds
        self.open_wait: bool = "open_wait" in kinds
        self.first_response: bool = "first_response" in kinds
        self.resolution: bool = "resolution" in kinds
        self.ticket: bool = "ticket" in kinds
        self.resolved_ticket: bool = "resolved_ticket" in kinds
        self.open_ticket: bool = "open_ticket" in kinds
        self.deal: bool = "deal" in kinds
        self.pipeline: bool = "pipeline" in kinds
        self.closed_deal: bool = "closed_deal" in kinds
        self.won_deal: bool = "won_deal" in kinds
        self.market_deal: bool = "market_deal" in kinds
        self.product_won: bool = "product_won" in kinds


class Context:
    """What an entity's facts depend on besides its events: T, the account's profile, the settings."""

    __slots__ = ("horizon", "now", "open_time", "profile", "terms", "wanted")

    def __init__(self, now: int, profile: Profile | None, terms: Terms, wanted: Wanted | None = None) -> None:
        self.now: int = now
        self.profile: Profile | None = profile
        self.terms: Terms = terms
        self.horizon: int = terms.horizon
        self.open_time: OpenTime | None = terms.open_time
        self.wanted: Wanted = Wanted(terms.wants) if wanted is None else wanted

    def at(self, now: int, profile: Profile | None) -> "Context":
        """The same settings at another T, with another profile."""
        return Context(now, profile, self.terms, self.wanted)


class Story:
    """An entity as far as its events have been read, one by one in their order.

    What it makes final comes out of ``read`` once; what later events may take back is ``standing``. Only the account's
    profile and the settings of a context are asked for, never T. ``moved`` says that what stands may have changed
    since it was last asked for; whoever asks sets it back.
    """

    __slots__ = ("moved",)

    def __init__(self) -> None:
        self.moved: bool = False

    def is_closed(self) -> bool:
        """Whether it is closed, and no gauge holds anything of it: it may be dropped when it is old."""
        raise NotImplementedError

    def read(self, record: Record, context: Context) -> list[Fact] | None:
        """Read the next event; the facts that it makes final. None: facts that were final have to be restated."""
        raise NotImplementedError

    def standing(self, context: Context) -> list[Fact]:
        """The facts that later events may take back."""
        raise NotImplementedError

    def dump(self) -> tuple[Any, ...]:
        """Everything it knows, to be stored; ``load`` makes it anew."""
        raise NotImplementedError


#: No facts; never to be added to.
NO_FACTS: list[Fact] = []


def is_cut_off(closed: bool, before: int, time: int, horizon: int) -> bool:
    """Whether an event of a closed entity comes more than one horizon after the entity's event before it.

    Such an event has no effect, nor has any later one (events.md, "Entities, order and duplicates").
    """
    return closed and time - before > horizon
