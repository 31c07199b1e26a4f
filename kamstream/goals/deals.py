"""The deals of a history, kept beside the engine's sums: forecasts list single deals and look at their past."""

from bisect import insort
from collections.abc import Iterator
from typing import NamedTuple

from kamstream.entities.deals import Deal, deal_record, standing
from kamstream.entities.fact import Record, Terms
from kamstream.entities.money import convert
from kamstream.events import Event, type_rank


class DealKey(NamedTuple):
    """What a deal is known by."""

    account: str
    deal: str


class Deals:
    """Every deal of the events that were taken in; the caller leaves out duplicates and what is too late."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._records: dict[DealKey, list[Record]] = {}

    def take(self, event: Event) -> None:
        """Let an event count; those about no deal do nothing."""
        if event.type.startswith("deal."):
            key = DealKey(event.account, event.data.deal_id)
            insort(self._records.setdefault(key, []), deal_record(event, type_rank(event.type)))

    def standing(self) -> Iterator[tuple[DealKey, Deal]]:
        """The deals as all their events leave them, in the order of accounts and ids."""
        for key in sorted(self._records):
            deal = standing(self._records[key], self.terms.horizon)
            if deal is not None:
                yield key, deal

    def closed(self) -> Iterator[tuple[Deal, bool]]:
        """The deals that stand won (True) or lost (False), each as it was just before its closing."""
        for key, deal in self.standing():
            if deal.closing is not None:
                earlier = [one for one in self._records[key] if one < deal.closing]
                before = standing(earlier, self.terms.horizon)
                if before is not None:
                    yield before, deal.closing[4] == "deal.won"

    def find(self, name: str) -> tuple[DealKey, Deal]:
        """A deal by its id, or by ``account/id`` where several accounts have one; a ValueError where none fits."""
        fitting = [(key, deal) for key, deal in self.standing() if name in (key.deal, f"{key.account}/{key.deal}")]
        if not fitting:
            raise ValueError(f"there is no deal {name!r}")
        if len(fitting) > 1:
            several = ", ".join(f"{key.account}/{key.deal}" for key, _ in fitting)
            raise ValueError(f"several deals are called {name!r}: write one of {several}")
        return fitting[0]

    def home(self, amount: int, currency: str | None, time: int) -> int:
        """An amount in minor units of the reporting currency."""
        return convert(amount, currency, time, self.terms.reporting_currency, self.terms.rates)
