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
from typing import Any

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
    """A deal as far as its events have been read; ``stages`` are all that it has been in, in their order.

    Nothing counts before its opening: until then ``opened`` is empty.
    """

    __slots__ = (
        "amount",
        "before",
        "closing",
        "currency",
        "cut_off",
        "expected",
        "id",
        "lost_amount",
        "opened",
        "owner",
        "probability",
        "stage",
        "stages",
    )

    def __init__(self, id: str) -> None:
        self.id = id
        self.opened: Record = ()
        self.before: int = 0
        self.cut_off: bool = False
        self.closing: Record | None = None
        self.amount: int | None = None
        self.currency: str | None = None
        self.stage: str | None = None
        self.stages: tuple[str, ...] = ()
        self.probability: float | None = None
        self.expected: int | None = None
        self.owner: str | None = None
        self.lost_amount: tuple[int | None, str | None] = (None, None)

    @property
    def is_closed(self) -> bool:
        """Whether it never opened, or is won or lost."""
        return not self.opened or self.closing is not None

    def read(self, record: Record, context: Context) -> list[Fact] | None:
        """Read the next event; nothing about a deal is ever final."""
        self.follow(record, context.terms.horizon)
        return _NOTHING

    def follow(self, record: Record, horizon: int) -> None:
        """Read the next event."""
        kind: str = record[4]
        if not self.opened:
            if kind == "deal.opened":
                self.opened, self.before = record, record[0]
                self._amend(record)
            return
        if kind == "deal.opened":
            return  # a second opening has no effect at all
        time: int = record[0]
        if self.cut_off or is_cut_off(self.closing is not None, self.before, time, horizon):
            self.cut_off = True
            return
        self.before = time
        if kind == "deal.updated":
            self._amend(record)
        elif kind == "deal.won":
            self.closing = record
            self.amount, self.currency = record[5], record[6]
            if record[9] is not None:
                self.owner = record[9]
        elif kind == "deal.lost":
            self.closing = record
            self.lost_amount = (self.amount, self.currency)
        elif kind == "deal.reopened":
            self.closing = None

    def _amend(self, record: Record) -> None:
        amount, currency, stage, probability, expected, owner = record[5:11]
        if amount is not None:
            self.amount = amount
        if currency is not None:
            self.currency = currency
        if stage is not None:
            self.stage = stage
            if stage not in self.stages:
                self.stages = (*self.stages, stage)
        if probability is not None:
            self.probability = probability
        if expected is not None:
            self.expected = expected
        if owner is not None:
            self.owner = owner

    def standing(self, context: Context) -> list[Fact]:
        """Its facts: whether it was won, its closing, its win, its place in the pipeline."""
        closing = self.closing
        if not self.opened:
            return _NOTHING
        if closing is None:
            return _open(self, context)
        if closing[4] == "deal.lost":
            return _lost(self, closing, context)
        return _won(self, closing, context)

    def dump(self) -> tuple[Any, ...]:
        """All it knows besides its id, in the order of its slots' names."""
        return tuple(getattr(self, name) for name in _KNOWN)


_KNOWN = (
    "amount", "before", "closing", "currency", "cut_off", "expected", "lost_amount", "opened", "owner", "probability",
    "stage", "stages",
)  # fmt: skip
_NOTHING: list[Fact] = []


def load(id: str, dumped: Sequence[Any]) -> Deal:
    """The deal that ``dump`` told of."""
    deal = Deal(id)
    for name, value in zip(_KNOWN, dumped, strict=True):
        setattr(deal, name, value)
    return deal


def standing(records: Sequence[Record], horizon: int) -> Deal | None:
    """The deal as all its events, in their order, leave it; None where it has not been opened."""
    deal = Deal("")
    for record in records:
        deal.follow(record, horizon)
    return deal if deal.opened else None


def derive(deal_id: str, records: Sequence[Record], context: Context) -> Derived:
    """The facts of a deal: whether it was won, its closing, its win, its place in the pipeline."""
    deal = Deal(deal_id)
    for record in records:
        deal.follow(record, context.terms.horizon)
    return Derived(deal.standing(context), None)


def _open(deal: Deal, context: Context) -> list[Fact]:
    wants, facts = context.terms.wants, list[Fact]()
    if wants is None or "deal" in wants:
        facts.append(Fact("deal", deal.opened[0], deal.owner, (0,), "", FOR_ALL, (deal.opened,)))
    if deal.expected is not None and (wants is None or "pipeline" in wants):
        expected_at = deal.expected * DAY
        amount = _home(deal.amount or 0, deal.currency, expected_at, context)
        weighted = amount * probability_of(deal, context.terms.stage_probabilities)
        exact = weighted.numerator * SCALE // weighted.denominator
        facts.append(Fact("pipeline", expected_at, deal.owner, (exact,), "", FOR_ALL, (deal.opened,)))
    return facts


def _lost(deal: Deal, closing: Record, context: Context) -> list[Fact]:
    wants, facts = context.terms.wants, list[Fact]()
    because = (deal.opened, closing)
    if wants is None or "deal" in wants:
        facts.append(Fact("deal", deal.opened[0], deal.owner, (0,), "", FOR_ALL, because))
    if wants is None or "closed_deal" in wants:
        amount, currency = deal.lost_amount
        amounts = (0, 0, 0, 0) if amount is None else (0, 1, 0, _home(amount, currency, closing[0], context))
        facts.append(Fact("closed_deal", closing[0], deal.owner, amounts, "", FOR_ALL, because))
    return facts


def _won(deal: Deal, closing: Record, context: Context) -> list[Fact]:
    wants, facts = context.terms.wants, list[Fact]()
    time, owner, because = closing[0], deal.owner, (deal.opened, closing)
    amount = _home(deal.amount or 0, deal.currency, time, context)
    if wants is None or "deal" in wants:
        facts.append(Fact("deal", deal.opened[0], owner, (1,), "", FOR_ALL, because))
    if wants is None or "closed_deal" in wants:
        facts.append(Fact("closed_deal", time, owner, (1, 1, amount, 0), "", FOR_ALL, because))
    if wants is None or "won_deal" in wants:
        cost = None if closing[7] is None else _home(closing[7], closing[6], time, context)
        amounts = (amount, time - deal.opened[0], *((0, 0, 0) if cost is None else (1, amount, cost)))
        facts.append(Fact("won_deal", time, owner, amounts, "", FOR_ALL, because))
    spend = context.profile.spend if context.profile else None
    if spend is not None and (wants is None or "market_deal" in wants):
        facts.append(Fact("market_deal", time, None, (amount,), "", FOR_ALL, because))
    if wants is None or "product_won" in wants:
        for product in sorted(set(closing[8])):
            facts.append(Fact("product_won", time, owner, (), f"{product}\0{deal.id}", FOR_ALL, (closing,)))
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
