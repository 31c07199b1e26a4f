"""Deals: from opening through their stages to won or lost, and open again.

>>> from kamstream.entities.fact import Terms
>>> opened = (0, 0, "crm", "1", "deal.opened", 5_000, "EUR", None, None, None, "ann")
>>> won = (9, 4, "crm", "2", "deal.won", 4_000, "EUR", 3_000, ("P1",), None)
>>> derived = derive("D1", [opened, won], Context(9, None, Terms(10**11, "EUR", {}, {}, ())))
>>> [(fact.kind, fact.amounts) for fact in derived.facts]
[('deal', (1,)), ('closed_deal', (1, 1, 4000, 0)), ('won_deal', (4000, 9, 1, 4000, 3000)), ('product_won', ())]
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from kamstream.entities.fact import FOR_ALL, Context, Derived, Fact, Record, is_cut_off
from kamstream.entities.money import convert
from kamstream.events import Event
from kamstream.windows import DAY

#: The probability of a pipeline deal that names neither its own nor a stage with one.
EVEN = Fraction(1, 2)
#: Weighted amounts are kept exact as integers of minor units times this. JSON numbers have at most 17 significant
#: digits, so that a probability down to 10^-13 is exact.
SCALE = 10**30


def record(event: Event, rank: int) -> Record:
    """What a deal keeps of an event: amounts in their own currency, stage, dates, owner."""
    data, head = event.data, (event.time, rank, event.source, event.id, event.type)
    match event.type:
        case "deal.opened" | "deal.updated":
            return (
                *head, data.amount, data.currency, data.stage, data.probability, data.expected_close_on, data.owner_id
            )  # fmt: skip
        case "deal.won":
            return (*head, data.amount, data.currency, data.cost, tuple(data.products), data.owner_id)
    return head


class Deal:
    """A deal as far as its events have been read; ``stages`` are all that it has been in, in their order."""

    __slots__ = (
        "amount",
        "closing",
        "currency",
        "expected",
        "lost_amount",
        "opened",
        "owner",
        "probability",
        "stage",
        "stages",
    )

    def __init__(self, opening: Record) -> None:
        self.opened = opening
        self.closing: Record | None = None
        self.amount: int | None = None
        self.currency: str | None = None
        self.stage: str | None = None
        self.stages: list[str] = []
        self.probability: float | None = None
        self.expected: int | None = None
        self.owner: str | None = None
        self.lost_amount: tuple[int | None, str | None] = (None, None)
        self._amend(opening)

    def read(self, record: Record) -> None:
        kind = record[4]
        if kind == "deal.updated":
            self._amend(record)
        elif kind == "deal.won":
            self.closing = record
            self.amount, self.currency = record[5], record[6]
            self.owner = record[9] if record[9] is not None else self.owner
        elif kind == "deal.lost":
            self.closing = record
            self.lost_amount = (self.amount, self.currency)
        elif kind == "deal.reopened":
            self.closing = None

    def _amend(self, record: Record) -> None:
        amount, currency, stage, probability, expected, owner = record[5:11]
        self.amount = self.amount if amount is None else amount
        self.currency = self.currency if currency is None else currency
        self.stage = self.stage if stage is None else stage
        if stage is not None and stage not in self.stages:
            self.stages.append(stage)
        self.probability = self.probability if probability is None else probability
        self.expected = self.expected if expected is None else expected
        self.owner = self.owner if owner is None else owner


def standing(records: Sequence[Record], horizon: int) -> Deal | None:
    """The deal as all its events, in their order, leave it; None where it has not been opened."""
    deal: Deal | None = None
    before = 0
    for record in records:
        if deal is None:
            if record[4] == "deal.opened":
                deal = Deal(record)
        elif record[4] == "deal.opened":
            continue  # a second opening has no effect at all
        elif is_cut_off(deal.closing is not None, before, record[0], horizon):
            break
        else:
            deal.read(record)
        before = record[0]
    return deal


def derive(deal_id: str, records: Sequence[Record], context: Context) -> Derived:
    """The facts of a deal: whether it was won, its closing, its win, its place in the pipeline."""
    deal = standing(records, context.terms.horizon)
    if deal is None:
        return Derived([], None)
    if deal.closing is None:
        return Derived(_open(deal, context), None)
    if deal.closing[4] == "deal.lost":
        return Derived(_lost(deal, deal.closing, context), None)
    return Derived(_won(deal_id, deal, deal.closing, context), None)


def _open(deal: Deal, context: Context) -> list[Fact]:
    facts = [Fact("deal", deal.opened[0], deal.owner, (0,), "", FOR_ALL, (deal.opened,))]
    if deal.expected is not None:
        expected_at = deal.expected * DAY
        amount = _home(deal.amount or 0, deal.currency, expected_at, context)
        weighted = amount * probability_of(deal, context.terms.stage_probabilities)
        exact = weighted.numerator * SCALE // weighted.denominator
        facts.append(Fact("pipeline", expected_at, deal.owner, (exact,), "", FOR_ALL, (deal.opened,)))
    return facts


def _lost(deal: Deal, closing: Record, context: Context) -> list[Fact]:
    amount, currency = deal.lost_amount
    amounts = (0, 0, 0, 0) if amount is None else (0, 1, 0, _home(amount, currency, closing[0], context))
    because = (deal.opened, closing)
    return [
        Fact("deal", deal.opened[0], deal.owner, (0,), "", FOR_ALL, because),
        Fact("closed_deal", closing[0], deal.owner, amounts, "", FOR_ALL, because),
    ]


def _won(deal_id: str, deal: Deal, closing: Record, context: Context) -> list[Fact]:
    time, because = closing[0], (deal.opened, closing)
    amount = _home(deal.amount or 0, deal.currency, time, context)
    cost = None if closing[7] is None else _home(closing[7], closing[6], time, context)
    costed = (0, 0, 0) if cost is None else (1, amount, cost)
    facts = [
        Fact("deal", deal.opened[0], deal.owner, (1,), "", FOR_ALL, because),
        Fact("closed_deal", time, deal.owner, (1, 1, amount, 0), "", FOR_ALL, because),
        Fact("won_deal", time, deal.owner, (amount, time - deal.opened[0], *costed), "", FOR_ALL, because),
    ]
    if context.profile and context.profile.spend is not None:
        facts.append(Fact("market_deal", time, None, (amount,), "", FOR_ALL, because))
    facts += [
        Fact("product_won", time, deal.owner, (), f"{product}\0{deal_id}", FOR_ALL, (closing,))
        for product in sorted(set(closing[8]))
    ]
    return facts


def _home(amount: int, currency: str | None, time: int, context: Context) -> int:
    return convert(amount, currency, time, context.terms.reporting_currency, context.terms.rates)


def probability_of(deal: Deal, stage_probabilities: Mapping[str, Fraction]) -> Fraction:
    """A deal's own probability, else its stage's, else one half."""
    if deal.probability is not None:
        return Fraction(repr(deal.probability))
    if deal.stage is None:
        return EVEN
    return stage_probabilities.get(deal.stage, EVEN)
