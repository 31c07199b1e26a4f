"""The ledger: what came to pass, noted by the processes as they make it happen.

It is the source of the truth file. Times are epoch milliseconds, money is minor units of its own currency.
A record only ever hears of what happened, once and in order: repeats and late arrivals are made afterwards
and cannot reach it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple


class Answer(NamedTuple):
    """An answered customer wait."""

    at: int
    waited: int
    owner: str | None


@dataclass(slots=True)
class Ticket:
    """A support ticket as it stands."""

    id: str
    account: str
    opened: int
    by_customer: bool
    owner: str | None
    waiting_since: int | None = None
    first_reply: int | None = None
    first_resolved: int | None = None
    last_resolved: int | None = None
    resolved: bool = False
    reopened: bool = False
    answers: list[Answer] = field(default_factory=list)

    def customer_wrote(self, at: int) -> None:
        if self.waiting_since is None:
            self.waiting_since = at

    def agent_replied(self, at: int) -> None:
        """A public reply: the first counts as such, and it ends a wait."""
        if self.first_reply is None:
            self.first_reply = at
        if self.waiting_since is not None:
            self.answers.append(Answer(at, at - self.waiting_since, self.owner))
            self.waiting_since = None

    def was_resolved(self, at: int) -> None:
        """Ends a wait without an answer."""
        self.resolved, self.last_resolved, self.waiting_since = True, at, None
        if self.first_resolved is None:
            self.first_resolved = at

    def was_reopened(self, at: int) -> None:
        self.resolved, self.reopened = False, True
        self.customer_wrote(at)


@dataclass(slots=True)
class Thread:
    """A conversation by e-mail or chat: who waits, and the answers given."""

    id: str
    account: str
    waiting_since: int | None = None
    waiting_owner: str | None = None
    answers: list[Answer] = field(default_factory=list)

    def customer_wrote(self, at: int, owner: str | None) -> None:
        if self.waiting_since is None:
            self.waiting_since, self.waiting_owner = at, owner

    def answered(self, at: int, owner: str | None) -> None:
        if self.waiting_since is not None:
            self.answers.append(Answer(at, at - self.waiting_since, owner))
            self.waiting_since = None


class Interaction(NamedTuple):
    """One interaction that no machine made."""

    at: int
    account: str
    owner: str | None
    contact: str | None


@dataclass(slots=True)
class Deal:
    """A deal as it stands; `lost_amount` is what was known when it was lost."""

    account: str
    opened: int
    owner: str | None
    currency: str
    amount: int | None
    won: bool | None = None
    closed: int | None = None
    cost: int | None = None
    products: tuple[str, ...] = ()
    lost_amount: int | None = None

    def was_won(self, at: int, amount: int, cost: int | None, products: tuple[str, ...]) -> None:
        self.won, self.closed, self.amount, self.cost, self.products = True, at, amount, cost, products

    def was_lost(self, at: int) -> None:
        self.won, self.closed, self.lost_amount = False, at, self.amount

    def was_reopened(self) -> None:
        self.won, self.closed, self.cost, self.products = None, None, None, ()


class Survey(NamedTuple):
    """One answer to a survey, 0 to 10."""

    at: int
    account: str
    owner: str | None
    score: int


@dataclass(slots=True)
class Milestone:
    """A date promised in a joint project."""

    account: str
    due: int
    owner: str | None
    completed: int | None = None


@dataclass(slots=True)
class Ledger:
    """All records of a history; with `keep` false nothing is remembered."""

    keep: bool = True
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    end: int = 0
    accounts: set[str] = field(default_factory=set)
    kams: dict[str, str] = field(default_factory=dict)
    tickets: list[Ticket] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    interactions: list[Interaction] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)

    def happened(self, account: str, at: int) -> None:
        """An event was told: the time of the world moves on."""
        if self.keep:
            self.end = max(self.end, at)
            self.accounts.add(account)

    def managed(self, account: str, kam: str) -> None:
        """The standing profile of an account names this manager."""
        self.kams[account] = kam

    def worth(self, amount: int, currency: str) -> int:
        """Minor units of the reporting currency, half up; a currency without a rate is that one."""
        worth = amount * self.rates.get(currency, Decimal(1))
        return int(worth.quantize(Decimal(1), ROUND_HALF_UP))

    def ticket(self, ticket: Ticket) -> Ticket:
        if self.keep:
            self.tickets.append(ticket)
        return ticket

    def thread(self, thread: Thread) -> Thread:
        if self.keep:
            self.threads.append(thread)
        return thread

    def interaction(self, interaction: Interaction) -> None:
        if self.keep:
            self.interactions.append(interaction)

    def deal(self, deal: Deal) -> Deal:
        if self.keep:
            self.deals.append(deal)
        return deal

    def survey(self, survey: Survey) -> None:
        if self.keep:
            self.surveys.append(survey)

    def milestone(self, milestone: Milestone) -> Milestone:
        if self.keep:
            self.milestones.append(milestone)
        return milestone
