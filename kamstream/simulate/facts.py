"""What the ledger says about each KPI: one line per KPI, and where its facts come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kamstream.simulate import folds
from kamstream.simulate.ledger import Deal, Ledger


class Fact(NamedTuple):
    """Something that counts at a time for an account and its owner, if it has one."""

    at: int
    account: str
    owner: str | None
    sample: Any


Facts = Callable[[Ledger], Iterator[Fact]]


class Measure(NamedTuple):
    """A KPI: which facts, folded how. A gauge looks at what is now, whenever it began."""

    kpi: str
    unit: str
    facts: Facts
    fold: folds.Fold
    gauge: bool = False


def first_responses(ledger: Ledger) -> Iterator[Fact]:
    for ticket in ledger.tickets:
        if ticket.by_customer and ticket.first_reply is not None:
            waited = ticket.first_reply - ticket.opened
            yield Fact(ticket.first_reply, ticket.account, ticket.owner, waited)


def answers(ledger: Ledger) -> Iterator[Fact]:
    """Of tickets to the credit of the ticket's last owner, of threads to that of who answered."""
    for ticket in ledger.tickets:
        for answer in ticket.answers:
            yield Fact(answer.at, ticket.account, ticket.owner, answer.waited)
    for thread in ledger.threads:
        for answer in thread.answers:
            yield Fact(answer.at, thread.account, answer.owner, answer.waited)


def resolutions(ledger: Ledger) -> Iterator[Fact]:
    for ticket in ledger.tickets:
        if ticket.resolved and ticket.last_resolved is not None:
            took = ticket.last_resolved - ticket.opened
            yield Fact(ticket.last_resolved, ticket.account, ticket.owner, took)


def openings(ledger: Ledger) -> Iterator[Fact]:
    for ticket in ledger.tickets:
        yield Fact(ticket.opened, ticket.account, ticket.owner, ticket.resolved)


def first_resolves(ledger: Ledger) -> Iterator[Fact]:
    for ticket in ledger.tickets:
        if ticket.first_resolved is not None:
            yield Fact(ticket.first_resolved, ticket.account, ticket.owner, ticket.reopened)


def open_tickets(ledger: Ledger) -> Iterator[Fact]:
    for ticket in ledger.tickets:
        if not ticket.resolved:
            yield Fact(ticket.opened, ticket.account, ticket.owner, ticket.id)


def open_waits(ledger: Ledger) -> Iterator[Fact]:
    """How long customers who wait now have waited, to the credit of who should answer."""
    for ticket in ledger.tickets:
        since = ticket.waiting_since
        if since is not None:
            yield Fact(since, ticket.account, ticket.owner, ledger.end - since)
    for thread in ledger.threads:
        since = thread.waiting_since
        if since is not None:
            yield Fact(since, thread.account, thread.waiting_owner, ledger.end - since)


def _closed(ledger: Ledger) -> Iterator[tuple[int, Deal]]:
    for deal in ledger.deals:
        if deal.closed is not None:
            yield deal.closed, deal


def closings(ledger: Ledger) -> Iterator[Fact]:
    for at, deal in _closed(ledger):
        yield Fact(at, deal.account, deal.owner, deal.won)


def closed_amounts(ledger: Ledger) -> Iterator[Fact]:
    """What was won of what was at stake, where an amount is known."""
    for at, deal in _closed(ledger):
        amount = deal.amount if deal.won else deal.lost_amount
        if amount is not None:
            worth = ledger.worth(amount, deal.currency)
            yield Fact(at, deal.account, deal.owner, (worth if deal.won else 0, worth))


def opportunities(ledger: Ledger) -> Iterator[Fact]:
    for deal in ledger.deals:
        yield Fact(deal.opened, deal.account, deal.owner, bool(deal.won))


def _won(ledger: Ledger) -> Iterator[tuple[int, Deal, int]]:
    """Won deals: when, which, and their worth."""
    for at, deal in _closed(ledger):
        if deal.won and deal.amount is not None:
            yield at, deal, ledger.worth(deal.amount, deal.currency)


def cycles(ledger: Ledger) -> Iterator[Fact]:
    for at, deal, _ in _won(ledger):
        yield Fact(at, deal.account, deal.owner, at - deal.opened)


def revenues(ledger: Ledger) -> Iterator[Fact]:
    for at, deal, worth in _won(ledger):
        yield Fact(at, deal.account, deal.owner, worth)


def margins(ledger: Ledger) -> Iterator[Fact]:
    for at, deal, worth in _won(ledger):
        if deal.cost is not None:
            kept = worth - ledger.worth(deal.cost, deal.currency)
            yield Fact(at, deal.account, deal.owner, (kept, worth))


def first_products(ledger: Ledger) -> Iterator[Fact]:
    """Each product at the first deal that an account won with it."""
    known: set[tuple[str, str]] = set()
    for at, deal, _ in sorted(_won(ledger), key=lambda won: won[0]):
        for product in deal.products:
            if (deal.account, product) not in known:
                known.add((deal.account, product))
                yield Fact(at, deal.account, deal.owner, (deal.account, product))


def interactions(ledger: Ledger) -> Iterator[Fact]:
    for at, account, owner, contact in ledger.interactions:
        yield Fact(at, account, owner, contact)


def contacts(ledger: Ledger) -> Iterator[Fact]:
    for at, account, owner, contact in ledger.interactions:
        if contact is not None:
            yield Fact(at, account, owner, (account, contact))


def scores(ledger: Ledger) -> Iterator[Fact]:
    for at, account, owner, score in ledger.surveys:
        yield Fact(at, account, owner, score)


def due_milestones(ledger: Ledger) -> Iterator[Fact]:
    for milestone in ledger.milestones:
        if milestone.due <= ledger.end:
            kept = milestone.completed is not None and milestone.completed <= milestone.due
            yield Fact(milestone.due, milestone.account, milestone.owner, kept)


def _statistics(kpi: str, facts: Facts) -> tuple[Measure, ...]:
    return (
        Measure(f"{kpi}.mean", "s", facts, folds.mean_seconds),
        Measure(f"{kpi}.p50", "s", facts, folds.percentile_seconds(50)),
        Measure(f"{kpi}.p90", "s", facts, folds.percentile_seconds(90)),
    )


MEASURES = (
    *_statistics("first_response_time", first_responses),
    *_statistics("response_time", answers),
    *_statistics("resolution_time", resolutions),
    Measure("resolution_rate", "ratio", openings, folds.share),
    Measure("reopen_rate", "ratio", first_resolves, folds.share),
    Measure("open_tickets", "count", open_tickets, folds.number, gauge=True),
    Measure("oldest_wait", "s", open_waits, folds.longest_seconds, gauge=True),
    Measure("conversion_rate", "ratio", closings, folds.share),
    Measure("conversion_rate_value", "ratio", closed_amounts, folds.ratio),
    Measure("opportunity_win_rate", "ratio", opportunities, folds.share),
    *_statistics("deal_cycle_time", cycles),
    Measure("revenue", "money", revenues, folds.money),
    Measure("average_deal_size", "money", revenues, folds.average_money),
    Measure("gross_margin", "ratio", margins, folds.ratio),
    Measure("new_products", "count", first_products, folds.number),
    Measure("nps", "points", scores, folds.promoters),
    Measure("interaction_frequency", "per week", interactions, folds.per_week),
    Measure("active_contacts", "count", contacts, folds.distinct),
    Measure("joint_engagement", "ratio", due_milestones, folds.share),
)
"""The KPIs whose values the simulator knows."""
