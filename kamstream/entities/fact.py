"""Facts: what the KPIs see of an entity, and what an entity's facts depend on besides its events.

An entity turns its events, read in their order, into facts: small immutable records of what happened, when, to
whose credit, with integer amounts. The engine retracts an entity's old facts and adds the new ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

import msgspec

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


class Fact(msgspec.Struct, frozen=True, gc=False):
    """Something that counts.

    ``time`` places it in a pane (epoch ms); a standing fact (an open ticket) has the time 0. ``person`` is whom it
    credits; None credits the KAM of the account at T. ``amounts`` are integers whose meaning the kind fixes:
    milliseconds, minor units, flags 0 or 1. ``label`` tells facts of a kind apart where a KPI wants that (the
    channel of an interaction). ``because`` are the records that made it.
    """

    kind: str
    time: int
    person: str | None
    amounts: tuple[int, ...]
    label: str
    credit: int
    because: tuple[Record, ...]


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


class Story(Protocol):
    """An entity as far as its events have been read, one by one in their order.

    What it makes final comes out of ``read`` once; what later events may take back is ``standing``. Only the account's
    profile and the settings of a context are asked for, never T.
    """

    @property
    def is_closed(self) -> bool:
        """Whether it is closed, and no gauge holds anything of it: it may be dropped when it is old."""

    def read(self, record: Record, context: "Context") -> list[Fact] | None:
        """Read the next event; the facts that it makes final. None: facts that were final have to be restated."""

    def standing(self, context: "Context") -> list[Fact]:
        """The facts that later events may take back."""

    def dump(self) -> tuple[Any, ...]:
        """Everything it knows, to be stored; ``load`` makes it anew."""


class Context(NamedTuple):
    """What an entity's facts depend on besides its events: T, the account's profile, the settings."""

    now: int
    profile: Profile | None
    terms: Terms


def is_cut_off(closed: bool, before: int, time: int, horizon: int) -> bool:
    """Whether an event of a closed entity comes more than one horizon after the entity's event before it.

    Such an event has no effect, nor has any later one (events.md, "Entities, order and duplicates").
    """
    return closed and time - before > horizon
