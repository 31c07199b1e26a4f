"""Deals: from opening through their stages to won or lost, and open again.

>>> from kamstream.entities.fact import Terms
>>> opened = (0, 0, "crm", "1", "deal.opened", 5_000, "EUR", None, None, None, "ann")
>>> won = (9, 4, "crm", "2", "deal.won", 4_000, "EUR", 3_000, ("P1",), None)
>>> derived = derive("D1", [opened, won], Context(9, None, Terms(10**11, "EUR", {}, {}, ())))
>>> [(fact.kind, fact.amounts) for fact in derived.facts]
[('deal', (1,)), ('closed_deal', (1, 1, 4000, 0)), ('won_deal', (4000, 9, 1, 4000, 3000)), ('product_won', ())]
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from kamstream.entities.fact import FOR_ALL, NO_FACTS, Context, Derived, Fact, Record, Story, fact, is_cut_off
from kamstream.entities.money import convert
from kamstream.events import Event
from kamstream.windows import DAY

#: The probability of a pipeline deal that names neither its own nor a stage with one.
EVEN = Fraction(1, 2)
#: Weighted amounts are kept exact as integers of minor units times this. JSON numbers have at most 17 significant
#: digits, so that a probability down to 10^-13 is exact.
SCALE = 10**30


def deal_record(event: Event, rank: int) -> Record:
    """What a deal keeps of an event: amounts in their own currency, stage, dates, owner."""
    data, type_ = event.data, event.type
    if type_ in ("deal.updated", "deal.opened"):
        return (
            event.time, rank, event.source, event.id, type_,
            data.amount, data.currency, data.stage, data.probability, data.expected_close_on, data.owner_id,
        )  # fmt: skip
    if type_ == "deal.won":
        return (
            event.time, rank, event.source, event.id, type_,
            data.amount, data.currency, data.cost, tuple(data.products), data.owner_id,
        )  # fmt: skip
    return event.time, rank, event.source, event.id, type_


class Deal(Story):
    """A deal as far as its events have been read; ``stages`` are all that it has been in, in their order.

    Nothing counts before its opening: until then ``opened`` is empty. ``amended`` are the events that amended it since,
    kept where somebody asks for them.
    """

    __slots__ = (
        "amended",
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
        self.moved: bool = False
        self.id: str = id
        self.amended: tuple[Record, ...] = ()
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

    def is_closed(self) -> bool:
        """Whether it never opened, or is won or lost."""
        return not self.opened or self.closing is not None

    def read(self, record: Record, context: Context) -> list[Fact] | None:
        """Read the next event; nothing about a deal is ever final."""
        closing = self.closing
        if self.follow(record, context.horizon):
            self.moved = True
            if context.wanted.causes:
                if closing is not None and closing is not self.closing:
                    self.amended = (*self.amended, closing)
                if record[4] == "deal.updated":
                    self.amended = (*self.amended, record)
        return NO_FACTS

    def follow(self, record: Record, horizon: int) -> bool:
        """Read the next event; whether it has an effect."""
        kind: str = record[4]
        if not self.opened:
            if kind != "deal.opened":
                return False
            self.opened, self.before = record, record[0]
            self._amend(record)
            return True
        if kind == "deal.opened":
            return False  # a second opening has no effect at all
        time: int = record[0]
        if self.cut_off or is_cut_off(self.closing is not None, self.before, time, horizon):
            self.cut_off = True
            return False
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
        return True

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
            return NO_FACTS
        if closing is None:
            return _open(self, context)
        if closing[4] == "deal.lost":
            return _lost(self, closing, context)
        return _won(self, closing, context)

    def dump(self) -> tuple[Any, ...]:
        """All it knows besides its id, in the order of its slots' names."""
        return tuple(getattr(self, name) for name in _KNOWN)


_KNOWN = (
    "amended", "amount", "before", "closing", "currency", "cut_off", "expected", "lost_amount", "opened", "owner",
    "probability", "stage", "stages",
)  # fmt: skip


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
        deal.read(record, context)
    return Derived(deal.standing(context), None)


def _open(deal: Deal, context: Context) -> list[Fact]:
    wanted = context.wanted
    if not wanted.deal and (deal.expected is None or not wanted.pipeline):
        return NO_FACTS
    facts: list[Fact] = []
    if wanted.deal:
        facts.append(fact("deal", deal.opened[0], deal.owner, _NO, _causes(deal, _says_whose, context)))
    if deal.expected is not None and wanted.pipeline:
        expected_at = deal.expected * DAY
        amount = _home(deal.amount or 0, deal.currency, expected_at, context)
        weighted = amount * probability_of(deal, context.terms.stage_probabilities)
        exact = weighted.numerator * SCALE // weighted.denominator
        facts.append(fact("pipeline", expected_at, deal.owner, (exact,), _causes(deal, _says_all, context)))
    return facts


def _lost(deal: Deal, closing: Record, context: Context) -> list[Fact]:
    wanted = context.wanted
    facts: list[Fact] = []
    if wanted.deal:
        facts.append(fact("deal", deal.opened[0], deal.owner, _NO, _causes(deal, _says_whose, context)))
    if wanted.closed_deal:
        amount, currency = deal.lost_amount
        amounts = _LOST if amount is None else (0, 1, 0, _home(amount, currency, closing[0], context))
        facts.append(fact("closed_deal", closing[0], deal.owner, amounts, _causes(deal, _says_how_much, context)))
    return facts


def _won(deal: Deal, closing: Record, context: Context) -> list[Fact]:
    wanted, owner = context.wanted, deal.owner
    facts: list[Fact] = []
    because = _causes(deal, _says_whose, context)
    time: int = closing[0]
    amount = _home(deal.amount or 0, deal.currency, time, context)
    if wanted.deal:
        facts.append(fact("deal", deal.opened[0], owner, _YES, because))
    if wanted.closed_deal:
        facts.append(fact("closed_deal", time, owner, (1, 1, amount, 0), because))
    if wanted.won_deal:
        took: int = time - deal.opened[0]
        if closing[7] is None:
            facts.append(fact("won_deal", time, owner, (amount, took, 0, 0, 0), because))
        else:
            cost = _home(closing[7], closing[6], time, context)
            facts.append(fact("won_deal", time, owner, (amount, took, 1, amount, cost), because))
    if wanted.market_deal and context.profile is not None and context.profile.spend is not None:
        facts.append(fact("market_deal", time, None, (amount,), because))
    if wanted.product_won:
        facts += [_product_won(deal, product, closing) for product in sorted(set(closing[8]))]
    return facts


def _product_won(deal: Deal, product: str, closing: Record) -> Fact:
    """Tells an account's products which deal won what; it is asked for the closing event itself."""
    return Fact("product_won", closing[0], deal.owner, (), f"{product}\0{deal.id}", FOR_ALL, (closing,))


_NO, _YES, _LOST = (0,), (1,), (0, 0, 0, 0)


def _causes(deal: Deal, says: Callable[[Record], bool], context: Context) -> tuple[Record, ...]:
    """The events behind a fact, where somebody asks for them: the opening, what amended it, the closing."""
    if not context.wanted.causes:
        return ()
    closing = () if deal.closing is None else (deal.closing,)
    return (deal.opened, *(record for record in deal.amended if says(record)), *closing)


def _says_all(record: Record) -> bool:
    """Whether an event amends anything that a place in the pipeline depends on; a loss does not."""
    return len(record) > _HEAD


def _says_whose(record: Record) -> bool:
    """Whether an event names another owner."""
    return len(record) > _HEAD and record[-1] is not None


def _says_how_much(record: Record) -> bool:
    """Whether an event names another owner, amount or currency."""
    return len(record) > _HEAD and (record[5] is not None or record[6] is not None or record[-1] is not None)


#: Parts that every record has; a loss and a reopening have no others.
_HEAD = 5


def _home(amount: int, currency: str | None, time: int, context: Context) -> int:
    return convert(amount, currency, time, context.terms.reporting_currency, context.terms.rates)


def probability_of(deal: Deal, stage_probabilities: Mapping[str, Fraction]) -> Fraction:
    """A deal's own probability, else its stage's, else one half."""
    if deal.probability is not None:
        return Fraction(repr(deal.probability))
    if deal.stage is None:
        return EVEN
    return stage_probabilities.get(deal.stage, EVEN)
