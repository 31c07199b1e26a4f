"""Facts: plain records, in one list per kind. Which list serves which KPI stands in values.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.reference.calendars import Calendar, calendar_name
from tests.reference.parse import Ev
from tests.reference.settings import Settings


@dataclass(frozen=True)
class Fact:
    """`person`: who is credited, None when nobody is. `what`: the numbers of the kind."""

    kind: str
    account: str
    person: str | None
    at: int
    what: Mapping[str, Any]


@dataclass
class World:
    """Everything that is known by T."""

    now: int
    settings: Settings
    events: Sequence[Ev]
    profiles: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    profile_times: dict[str, int] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    kinds: dict[str, list[Fact]] = field(default_factory=dict)  # the same facts by kind

    def __post_init__(self) -> None:
        self.calendars = {name: Calendar(shape) for name, shape in self.settings.calendars.items()}
        # "The standing profile of an account is its last account.updated in the same order."
        for event in sorted(self.events, key=lambda e: e.order):
            if event.type == "account.updated":
                self.profiles[event.account] = event.data
                self.profile_times[event.account] = event.time

    def kam(self, account: str) -> str | None:
        """The KAM of the standing profile at T."""
        profile = self.profiles.get(account)
        return profile["kam_id"] if profile else None

    def add(self, kind: str, account: str, owner: str | None, at: int, **what: Any) -> None:
        """The credit: "Facts without an owner ... count for the KAM whose account it is at T (kam_id of the
        standing profile); without a profile they count for account and company only."
        """
        fact = Fact(kind, account, owner if owner is not None else self.kam(account), at, what)
        self.facts.append(fact)
        self.kinds.setdefault(kind, []).append(fact)

    def open_ms(self, account: str, start: int, end: int) -> int | None:
        """Open time between two instants by the account's calendar; None when there is no calendar for it."""
        name = calendar_name(self.profiles.get(account), self.settings)
        return None if name is None else self.calendars[name].open_ms(start, end)


def with_effect(
    events: Sequence[Ev], opening: str, closing: Sequence[str], opens_again: Sequence[str], horizon: int
) -> list[Ev]:
    """The events of one entity that count, in its order, the opening first; empty without an opening."""
    counted: list[Ev] = []
    closed = False
    for event in sorted(events, key=lambda e: e.order):
        verb = event.type.split(".")[1]
        if not counted:
            # "Events of an entity that are earlier than its opening have no effect."
            if verb == opening:
                counted.append(event)
            continue
        if verb == opening:
            continue  # "A second opening of an entity, in that order, has no effect at all."
        if closed and event.time - counted[-1].time > horizon:
            # "An event of a closed entity more than one horizon after the entity's event before it has no
            #  effect, nor has any later one."
            break
        counted.append(event)
        if verb in closing:
            closed = True
        elif verb in opens_again:
            closed = False
    return counted


def owner_of(events: Sequence[Ev]) -> str | None:
    """The rule: "one owner, the last owner_id its events name"."""
    named = [e.data["owner_id"] for e in events if "owner_id" in e.data]
    return named[-1] if named else None
